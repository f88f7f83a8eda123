from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from grokedu.claims import alpha_map
from grokedu.claims.artifacts import load_alpha_map


def test_the_shipped_points_are_those_that_are_trained_live() -> None:
    live = alpha_map.train_points(alpha_map.ALPHAS, 200, 1, "times α", last=100)
    shipped = load_alpha_map().select(size=200, seed=1, rate="times α")
    assert live.steps.tolist() == [100]
    np.testing.assert_allclose(live["l2_norm"][0], shipped["l2_norm"][0], rtol=1e-5)
    # float32 training: rounding differs between machines and grows with the steps.
    np.testing.assert_allclose(live["test_accuracy"][0], shipped["test_accuracy"][0], atol=0.02)


def test_the_map_is_a_full_grid_on_spheres() -> None:
    runs = load_alpha_map()
    axes = [len(np.unique(runs.labels[name])) for name in ("alpha", "size", "rate", "seed")]
    assert len(runs) == np.prod(axes)
    assert runs.steps.tolist() == [*alpha_map.RECORDED]
    np.testing.assert_allclose(runs["l2_norm"][0], runs["l2_norm"][-1], rtol=1e-4)
    norm = runs["l2_norm"][0] / runs.labels["alpha"]
    np.testing.assert_allclose(norm, 11.709, rtol=6e-3)  # the initial norm at a scale of 1


def test_a_landscape_keeps_every_value_at_its_place() -> None:
    runs = load_alpha_map().select(rate="as given")
    shuffled = runs.take(np.random.default_rng(0).permutation(len(runs)))
    found = alpha_map.as_landscape(shuffled, 300)
    one = runs.select(size=2000, alpha=4.0, seed=2)
    at = [*found.alphas].index(4.0)
    assert found.test_accuracy[1, at, 2] == one["test_accuracy"][1, 0]
    assert found.radius[1, at, 2] == one["l2_norm"][1, 0]


def test_an_interrupted_making_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alpha_map, "ALPHAS", (1.0, 2.0))
    monkeypatch.setattr(alpha_map, "RATES", ("as given",))
    whole = alpha_map.make(tmp_path, sizes=[20], seeds=[0], last=3, progress=False)
    monkeypatch.setattr(alpha_map, "train_points", None)  # nothing is trained again
    again = alpha_map.make(tmp_path, sizes=[20], seeds=[0], last=3, progress=False)
    assert np.array_equal(whole["test_loss"], again["test_loss"])
    assert whole.labels["rate"].tolist() == ["as given", "as given"]


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="rate='twice'"):
        alpha_map.train_points([1.0], 20, 0, "twice")
    with pytest.raises(ValueError, match=r"alphas=\[0.0\]"):
        alpha_map.train_points([0.0], 20, 0, "as given")
    with pytest.raises(ValueError, match="step 7 of 120 runs"):
        alpha_map.as_landscape(load_alpha_map(), 7)
