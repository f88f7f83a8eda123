from __future__ import annotations

import numpy as np
import pytest

from grokedu import claims as reproduce
from grokedu.claims import transformer_norms
from grokedu.claims.artifacts import load_transformer_norms
from grokedu.training.runs import Runs


def test_the_shipped_runs_are_those_that_are_made_live() -> None:
    live = transformer_norms.train_transformers(seeds=[1], steps=20)
    shipped = load_transformer_norms().select(weight_decay=1.0, seed=1)
    at = [step for step in live.steps.tolist() if step in shipped.steps]
    assert len(at) > 5
    mine, theirs = (np.searchsorted(runs.steps, at) for runs in (live, shipped))
    # float32 training: rounding differs between machines and grows with the steps.
    for name in ("norm_W_Q", "norm_W_E", "l2_norm", "least_norm"):
        np.testing.assert_allclose(live[name][mine], shipped[name][theirs], rtol=1e-3)


def test_the_shipped_runs_are_two_weight_decays_with_the_same_seeds() -> None:
    runs = load_transformer_norms()
    assert sorted(zip(runs.labels["weight_decay"], runs.labels["seed"], strict=True)) == [
        (decay, seed) for decay in (0.0, 1.0) for seed in range(5)
    ]
    assert (runs["least_norm"] <= runs["l2_norm"] * (1 + 1e-5)).all()


def test_ratios_are_one_where_the_symmetries_are_balanced() -> None:
    square = {"W_E": 5.0, "W_pos": 2.0, "b_in": 1.0, "b_out": 1.0, "W_U": 3.0, "W_Q": 3.0}
    square |= {"W_K": 3.0, "W_V": 4.0, "W_O": 4.0, "W_in": 6.0, "W_out": 7.0}
    history = {f"norm_{name}": np.full((1, 1), value**0.5) for name, value in square.items()}
    ratios = transformer_norms.linked_ratios(Runs(np.array([0]), history, {"seed": np.array([0])}))
    for name, value in ratios.items():
        expected = (5 / 3) ** 0.5 if name == "W_E to W_U" else 1.0
        assert value[0, 0] == pytest.approx(expected)


def test_the_command_is_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert reproduce.main() == 0
    assert "transformer-norms" in capsys.readouterr().out
