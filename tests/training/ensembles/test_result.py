"""The result: what it says of each run, on disk and with a dimension for each axis."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from grokedu.training.ensembles import train_ensemble
from grokedu.training.runs import Runs, load
from tests.training.ensembles.small import EXACT, MODEL, TASK, same


def test_the_config_says_each_runs_task_and_no_part_speaks_for_all() -> None:
    runs = train_ensemble(
        MODEL, TASK, fraction=[0.4, 0.6], steps=1, loss=["mse", "cross_entropy"], shards=2, **EXACT
    )
    assert runs.labels["fraction"].tolist() == [0.4, 0.4, 0.6, 0.6]
    first, second, third, fourth = runs.config["tasks"]
    assert first == second != third == fourth
    assert "loss" not in runs.config
    assert runs.config["axes"] == {"fraction": [0.4, 0.6], "loss": ["mse", "cross_entropy"]}


def test_saved_and_loaded_whole(whole: Runs, tmp_path: Path) -> None:
    path = tmp_path / "ensemble.safetensors"
    both = train_ensemble(
        MODEL, TASK, fraction=0.5, steps=3, loss=["mse", "cross_entropy"], **EXACT
    )
    both.save(path)
    again = load(path)
    assert same(both, again)
    assert again.config == both.config
    assert again.labels["loss"].tolist() == ["mse", "cross_entropy"]
    assert repr(again) == repr(both)
    assert again.select(loss=["mse"]).labels["loss"].tolist() == ["mse"]


def test_xarray_has_a_dimension_for_each_axis(whole: Runs) -> None:
    data = whole.to_xarray(weights=True)
    assert data.test_loss.dims == ("step", "fraction", "weight_decay", "seed")
    for run in range(len(whole)):
        point = {name: whole.labels[name][run] for name in ("fraction", "weight_decay", "seed")}
        here = data.sel(point)
        np.testing.assert_array_equal(here.test_loss, whole["test_loss"][:, run])
        np.testing.assert_array_equal(here["params/W"], whole.params["W"][run])
        np.testing.assert_array_equal(
            here["checkpoint/A"].sel(checkpoint=0), whole.checkpoint(0, run)["A"]
        )
        assert here.train_size == whole.labels["train_size"][run]
    shuffled = whole.take([5, 3, 0, 1, 2, 4, 11, 10, 9, 8, 7, 6]).to_xarray()
    np.testing.assert_array_equal(
        shuffled.sel(fraction=0.4, weight_decay=1.0, seed=2).l2_norm,
        data.sel(fraction=0.4, weight_decay=1.0, seed=2).l2_norm,
    )
    part = whole.take([0, 1, 5]).to_xarray()
    assert part.test_loss.dims == ("step", "run")
    assert part.seed.values.tolist() == [0, 1, 2]
