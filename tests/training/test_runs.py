from __future__ import annotations

import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from grokedu.measures import grokking_ratio
from grokedu.models import TwoLayer
from grokedu.tasks import make_task
from grokedu.training import runs as runs_module
from grokedu.training import train
from grokedu.training.runs import Runs, concatenate, load

TASK = partial(make_task, "modular_addition", 5, 0.6)


@pytest.fixture(scope="module")
def result() -> Runs:
    return train(
        TwoLayer(5, 8), TASK, seeds=3, steps=20, lr=[0.01, 0.02, 0.03],
        checkpoints=[0, 20], labels={"fraction": [0.6] * 3}, progress=False,
    )  # fmt: skip


def test_save_and_load_give_the_same(result: Runs, tmp_path: Path) -> None:
    result.save(tmp_path / "deep" / "runs.safetensors")
    again = load(tmp_path / "deep" / "runs.safetensors")
    assert np.array_equal(again.steps, result.steps)
    assert all(np.array_equal(again[k], result[k]) for k in result.history)
    assert torch.equal(again.checkpoint(20, 2)["W"], result.params["W"][2])
    assert again.config == result.config
    assert repr(again) == repr(result)


def test_select_take_and_concatenate_keep_runs_and_checkpoints_together(result: Runs) -> None:
    two = result.select(lr=[0.03, 0.01])
    assert two.labels["seed"].tolist() == [0, 2]
    assert torch.equal(two.checkpoint(20, 1)["A"], result.params["A"][2])
    back = concatenate([result.take([2]), result.take([0, 1])]).take([1, 2, 0])
    assert np.array_equal(back["test_loss"], result["test_loss"])
    for run in range(3):
        assert torch.equal(back.checkpoint(0, run)["W"], result.checkpoint(0, run)["W"])


def test_the_ratio_is_that_of_the_measures() -> None:
    steps = np.array([0, 10, 100])
    train_accuracy = np.array([[1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
    test_accuracy = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])
    history = {"train_accuracy": train_accuracy.T, "test_accuracy": test_accuracy.T}
    with warnings.catch_warnings(action="error"):
        ratio = Runs(steps, history, {"seed": np.arange(3)}).ratio()
    pairs = zip(train_accuracy, test_accuracy, strict=True)
    np.testing.assert_equal(ratio, [grokking_ratio(steps, *pair) for pair in pairs])


def test_what_is_not_there_is_said(result: Runs, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no run has"):
        result.select(seed=9)
    with pytest.raises(ValueError, match="no label is called 'wd'"):
        result.select(wd=1)
    with pytest.raises(KeyError, match="no history is called 'loss'"):
        result["loss"]
    with pytest.raises(ValueError, match="no checkpoint of run 0 at step 7"):
        result.checkpoint(7)
    with pytest.raises(ValueError, match="at least one result"):
        concatenate([])
    save_file({"x": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not a file of runs"):
        runs_module.load(tmp_path / "other.safetensors")
    (tmp_path / "junk.safetensors").write_bytes((tmp_path / "other.safetensors").read_bytes()[:-2])
    with pytest.raises(ValueError, match=r"junk\.safetensors is not a file of runs, or is damaged"):
        runs_module.load(tmp_path / "junk.safetensors")
