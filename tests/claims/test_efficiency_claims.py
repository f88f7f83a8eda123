"""The claims about efficiency, features and stages, at sizes of a second or two."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from grokedu import claims as reproduce
from grokedu.claims import (
    circuit_efficiency,
    embedding_scale,
    training_states,
    ungrokking,
    unified_view,
)
from grokedu.training.runs import Runs

TINY: dict[str, tuple[Any, dict[str, Any]]] = {
    "circuit-efficiency": (
        circuit_efficiency,
        {"p": 7, "width": 16, "seeds": 2, "steps": 200, "sizes": [8, 20, 40]},
    ),
    "ungrokking": (
        ungrokking,
        {
            "p": 7,
            "width": 24,
            "seeds": 2,
            "steps": 30,
            "sizes": [5, 15, 30],
            "weight_decays": [0.5, 1.0],
            "decay_time": 0.5,
        },
    ),
    "training-states": (
        training_states,
        {
            "p": 7,
            "width": 16,
            "seeds": 2,
            "lr": [0.02, 0.03],
            "weight_decay": [0.5, 1.0],
            "steps": 300,
            "every": 20,
            "candidates": [2, 3],
            "restarts": 1,
        },
    ),
    "unified-view": (
        unified_view,
        {"p": 7, "widths": [2, 8], "sizes": [10, 20, 40], "seeds": 2, "steps": 100},
    ),
    "embedding-scale": (
        embedding_scale,
        {"p": 7, "width": 16, "seeds": 2, "steps": 100, "factors": [1.0, 2.0]},
    ),
}


@pytest.mark.parametrize("name", TINY)
def test_each_claim_writes_its_numbers_its_verdict_and_its_figure(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, tiny = TINY[name]
    if name == "training-states":
        pytest.importorskip("hmmlearn")
    monkeypatch.setattr(module, "QUICK", {**module.QUICK, **tiny})
    if name == "ungrokking":  # so few steps leave little to lose
        with pytest.raises(ValueError, match="nothing to lose"):
            reproduce.reproduce(name, quick=True, progress=False, folder=tmp_path)
        monkeypatch.setattr(module, "START", 0.0)
    reproduce.reproduce(name, quick=True, progress=False, folder=tmp_path)
    written = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert written["verdict"] in ("holds", "holds in a window", "fails")
    assert written["p"] == 7
    assert written["seeds"] == [0, 1]
    assert (tmp_path / f"{name}.png").stat().st_size > 10_000


def interval(low: float, value: float, high: float) -> dict[str, float]:
    return {"low": low, "value": value, "high": high}


def test_efficiency_holds_only_where_one_slope_is_flat_against_the_other() -> None:
    verdict = circuit_efficiency._verdict
    assert verdict(interval(0.2, 0.22, 0.24), interval(-0.01, 0.02, 0.04)) == "holds"
    assert verdict(interval(0.2, 0.22, 0.24), interval(0.05, 0.1, 0.12)) == "holds in a window"
    assert verdict(interval(0.2, 0.22, 0.24), interval(0.1, 0.2, 0.3)) == "fails"
    assert verdict(interval(-0.1, 0.1, 0.2), interval(-0.2, -0.2, -0.2)) == "fails"
    unknown = float("nan")
    assert verdict(interval(0.2, 0.2, 0.2), interval(unknown, unknown, unknown)) == "fails"


def test_ungrokking_holds_where_it_is_sharp_and_the_same_for_all_weight_decays() -> None:
    sizes = [10, 20, 40, 80]
    sharp, soft = np.array([[0.0, 0.1, 0.95, 1.0]]), np.array([[0.2, 0.4, 0.7, 1.0]])
    kept = np.array([[0.9, 1.0, 1.0, 1.0]])

    def verdict(table: np.ndarray, ratio: dict[str, float]) -> str:
        ends = {0.5: table, 1.0: table}
        widths = {decay: ungrokking.width_of(sizes, one[0]) for decay, one in ends.items()}
        return ungrokking._verdict(ends, widths, ratio)

    same, other = interval(0.9, 1.0, 1.1), interval(0.4, 0.5, 0.6)
    assert verdict(sharp, same) == "holds"
    assert verdict(sharp, other) == "holds in a window"
    assert verdict(soft, same) == "holds in a window"
    assert verdict(kept, same) == "fails"


def test_what_settings_tell_is_known_where_they_tell_all_and_where_nothing() -> None:
    grid = [(lr, decay) for lr in (0.005, 0.01, 0.02) for decay in (0.5, 1.0) for _ in range(3)]
    rates, decays = (np.array(column) for column in zip(*grid, strict=True))
    runs = Runs(np.array([0]), {}, {"lr": rates, "weight_decay": decays})
    assert training_states.setting_alone(runs, 900 - 100 * np.log(rates * decays)) == pytest.approx(
        1
    )
    noise = np.random.default_rng(0).normal(size=len(grid))
    assert training_states.setting_alone(runs, noise) < 0.3
    assert np.isnan(training_states.setting_alone(runs, np.full(len(grid), np.nan)))


def test_states_hold_on_runs_left_out_before_any_has_generalised() -> None:
    def told(left_out: float) -> dict[str, float]:
        return {"r2_left_out": left_out}

    verdict = training_states._verdict
    assert verdict(5, told(0.95), told(0.6)) == "holds"
    assert verdict(5, told(0.95), told(0.1)) == "holds in a window"
    assert verdict(5, told(0.3), told(0.9)) == "fails"
    assert verdict(1, told(0.95), told(0.6)) == "fails"
    assert verdict(5, told(float("nan")), told(0.6)) == "fails"


def test_embeddings_delay_only_where_the_slope_is_surely_positive() -> None:
    factors, rising = [1.0, 2.0, 4.0], np.array([[100.0, 200.0, np.nan]])
    verdict = embedding_scale._verdict
    assert verdict(factors, rising, interval(0.1, 0.2, 0.3)) == "holds"
    bent = np.array([[200.0, 100.0, 300.0]])
    assert verdict(factors, bent, interval(0.1, 0.2, 0.3)) == "holds in a window"
    assert verdict(factors, rising, interval(-0.1, 0.2, 0.3)) == "fails"


def test_the_unified_view_holds_where_both_sizes_move_and_all_regimes_are_seen() -> None:
    def at(*values: float) -> dict[int, dict[str, float]]:
        return {2**index: {"value": value} for index, value in enumerate(values)}

    assert unified_view.ordered(at(1, 2, float("nan"), 3), upwards=True)
    assert not unified_view.ordered(at(1, 3, 2), upwards=True)
    assert not unified_view.ordered(at(1, float("nan")), upwards=True)
    every = {"memorisation": 1, "grokking": 1, "progression": 1, "underfit": 2}
    assert unified_view._verdict(True, True, every) == "holds"
    assert unified_view._verdict(True, True, {"grokking": 3}) == "holds in a window"
    assert unified_view._verdict(False, True, every) == "holds in a window"
    assert unified_view._verdict(False, False, every) == "fails"
