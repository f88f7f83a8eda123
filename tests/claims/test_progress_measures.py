from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import image

from grokedu import claims as reproduce
from grokedu.claims import progress_measures as claim
from grokedu.fourier import key_frequencies, restricted_loss, sum_power
from grokedu.models.transformer import Transformer
from grokedu.training import recipes
from grokedu.training.runs import Runs

SMALL = replace(
    recipes.TRANSFORMERS["p53-transformer"],
    model=Transformer(11, 8, 2, 16, equals_logit=True), fraction=0.5, steps=30,
)  # fmt: skip


def synthetic(late: float = 100.0, honest: float = 10.0) -> tuple[Runs, dict[str, Any]]:
    """Two runs at p = 53 whose losses drop from 4 to 0.1 at stated steps."""
    steps = np.array([0, 1, 10, 100, 1000])
    ones = np.ones(2)

    def drop(at: float, peak: float = 4.0) -> np.ndarray:
        return np.where(steps >= at, 0.1, peak)[:, None] * ones

    keys = np.zeros((2, 27), dtype=bool)
    keys[:, [3, 14]] = True
    found = {
        "steps": steps,
        "test_loss": drop(late),
        "restricted": drop(10),
        "restricted_own": drop(1),
        "restricted_test": drop(honest),
        "excluded": np.array([4.0, 3, 3, 5, 6])[:, None] * ones,
        "explained": np.array([0, 0.1, 0.3, 0.8, 0.95])[:, None] * ones,
        "keys": keys,
        "power": keys * 0.475,
        "single_frequency_neurons": 0.8 * ones,
        "second_harmonic": 0.01 * ones,
        "distance_irrelevance": 0.9 * ones,
    }
    reached = {"train_accuracy": steps[:, None] >= 10, "test_accuracy": steps[:, None] >= late}
    names = (*claim.LATE, "W_Q", "W_K")
    history = {name: values * ones for name, values in reached.items()}
    history |= {f"norm_{name}": (1 + steps[:, None]) * ones for name in names}
    history["l2_norm"] = np.array([1.0, 2, 5, 4, 3])[:, None] * ones
    return Runs(steps, history, {"seed": np.arange(2)}), found


def verdict(**change: Any) -> str:
    runs, found = synthetic(**{k: change.pop(k) for k in ("late", "honest") if k in change})
    return claim.judge(runs, 53, found | change)


def test_the_verdict_weighs_each_part_of_the_claim() -> None:
    runs, found = synthetic()
    given = claim.outcome(runs, recipes.TRANSFORMERS["p53-transformer"], found)
    assert given.verdict == "holds"
    assert given.numbers["lead"]["restricted"]["value"] == 10
    assert given.numbers["lead"]["restricted_own"]["value"] == 100
    assert given.numbers["keys"] == [[3, 14], [3, 14]]
    assert given.numbers["norm_peak"]["value"] == 5
    assert given.numbers["excluded_least"]["value"] == 3
    assert "2 [2, 2] of 26 frequencies hold 95%" in given.says
    assert verdict(honest=100.0) == "holds in a window"  # only with hindsight
    assert verdict(late=10.0) == "fails"  # the test loss falls at the same time
    assert verdict(late=np.inf) == "fails"
    assert verdict(excluded=np.ones((5, 2))) == "fails"
    assert verdict(explained=np.full((5, 2), 0.5)) == "fails"
    many = np.ones((2, 27), dtype=bool)
    assert verdict(keys=many) == "fails"
    some = found["excluded"] * np.array([1.0, 0.1])
    assert verdict(excluded=some) == "holds in a window"


def test_half_way_is_after_the_peak_and_nan_without_it() -> None:
    losses = np.array([[1.0, 4.0, 4.0], [9.0, 1.0, 4.0], [1.0, 3.0, 4.0]])
    found = claim.half_way(np.array([0, 10, 20]), losses, 2.0)
    np.testing.assert_array_equal(found, [20, 10, np.nan])


def test_measures_are_those_of_the_checkpoints_without_the_logit_of_equals() -> None:
    runs = SMALL(seeds=2, checkpoints=[0, 10, 30], progress=False)
    found = claim.measure(runs, SMALL)
    task = SMALL.task(1)
    logits = SMALL.model.apply(runs.checkpoint(10, 1), task.inputs)[:, :11].double()
    final = SMALL.model.apply(runs.checkpoint(30, 1), task.inputs)[:, :11].double()
    keys = key_frequencies(sum_power(final))
    assert found["keys"][1].tolist() == keys.tolist()
    assert found["restricted"][1, 1] == pytest.approx(
        restricted_loss(logits, task.targets, keys).item(), rel=1e-6
    )
    assert found["test_loss"].shape == found["excluded"].shape == (3, 2)
    assert found["restricted"][2, 0] == found["restricted_own"][2, 0]


def test_the_figure_says_what_it_shows() -> None:
    _, found = synthetic()
    figure = claim.figure(found, claim.LOSSES, title="a title")
    assert "2 of 26 in the median run, hold 95% together" in figure.alt
    assert "excluded (train) 6" in figure.alt
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
    assert image.imread(io.BytesIO(figure.png(dpi=50)))[..., :3].std() > 0.02


@pytest.mark.full
def test_the_quick_claim_holds(tmp_path: Path) -> None:
    result = reproduce.reproduce("progress-measures", quick=True, progress=False, folder=tmp_path)
    assert result["verdict"] == "holds"
    assert result["grokked"] == result["runs"] == 5
    assert (tmp_path / "progress-measures.png").stat().st_size > 10_000
