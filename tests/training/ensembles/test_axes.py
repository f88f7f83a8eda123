"""Axes: every combination is trained once, and is the run alone."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from grokedu.models import MLP, DeepLinear, FromModule
from grokedu.models.teacher_student import teacher_task
from grokedu.tasks import Task, make_task
from grokedu.training import train
from grokedu.training.ensembles import train_ensemble
from grokedu.training.optimizers import SGD, Adam, EachRun
from tests.training.ensembles.small import EXACT, MODEL, TASK, Start, Tangent, halved, same


def test_every_combination_is_there_once_and_is_the_run_alone() -> None:
    axes: dict[str, Any] = {
        "fraction": [0.4, 0.6], "lr": [0.01, 0.03], "weight_decay": np.array([0.1, 1.0]),
        "alpha": (0.5, 2.0), "seed": range(2),
    }  # fmt: skip
    runs = train_ensemble(MODEL, TASK, steps=100, random_labels=0.2, **axes, **EXACT)
    assert len(runs) == 32
    assert [*runs.labels] == [
        "fraction",
        "alpha",
        "lr",
        "weight_decay",
        "seed",
        "train_size",
        "random_labels",
    ]
    assert runs.config["axes"]["seed"] == [0, 1]
    for run in (0, 13, 31):
        point = {name: values[run].item() for name, values in runs.labels.items()}
        task = make_task("modular_addition", 7, point["fraction"], point["seed"], 0.2)
        assert len(task.train) == point["train_size"]
        alone = train(
            MODEL, task, seeds=[point["seed"]], steps=100, lr=point["lr"],
            weight_decay=point["weight_decay"], alpha=point["alpha"], **EXACT,
        )  # fmt: skip
        for name in MODEL.shapes():
            torch.testing.assert_close(
                runs.params[name][run], alone.params[name][0], rtol=0, atol=1e-9
            )
        np.testing.assert_allclose(runs["test_loss"][:, run], alone["test_loss"][:, 0], atol=1e-9)


def test_alpha_scales_every_weight_at_the_start() -> None:
    model = MLP((5, 4, 5), "tanh")
    runs = train_ensemble(
        model, teacher_task(0), steps=1, alpha=[1, 3], loss="mse", checkpoints=[0], **EXACT
    )
    start = runs.checkpoints[0]
    assert all(torch.equal(start[name][1], 3 * start[name][0]) for name in ("W1", "b1", "W2", "b2"))


def test_train_sizes_are_nested_parts_of_one_split() -> None:
    runs = train_ensemble(MODEL, TASK, fraction=0.6, train_size=[5, 12, 29], steps=60, **EXACT)
    task = TASK(fraction=0.6, seed=0)
    for run, size in enumerate((5, 12, 29)):
        part = Task(task.inputs, task.targets, task.train[:size], task.test, 7, "part")
        alone = train(MODEL, part, seeds=1, steps=60, **EXACT)
        np.testing.assert_allclose(runs["train_loss"][:, run], alone["train_loss"][:, 0], atol=1e-9)
    with pytest.raises(ValueError, match="train_size is 30; wanted 1 to 29"):
        train_ensemble(MODEL, TASK, fraction=0.6, train_size=30, steps=6, **EXACT)


def test_losses_optimizers_and_constraints_are_axes_too() -> None:
    runs = train_ensemble(
        MODEL, TASK, fraction=0.5, steps=20, seed=range(2), weight_decay=[0.0, 0.1],
        loss=["cross_entropy", "mse"],
        optimizer={"AdamW": None, "SGD": partial(SGD, momentum=0.9)},
        constraint={"free": None, "start": Start(), "still": Tangent()},
        record=[0, 20], **EXACT,
    )  # fmt: skip
    assert len(runs) == 48
    norm = runs["l2_norm"]
    for name, keeps in (("free", False), ("start", True), ("still", True)):
        here = runs.labels["constraint"] == name
        assert here.sum() == 16
        assert np.allclose(norm[1][here], norm[0][here], rtol=1e-12) == keeps
    still = runs.select(constraint="still", optimizer="SGD", weight_decay=0.0)
    np.testing.assert_allclose(still["train_loss"][1], still["train_loss"][0], rtol=1e-12)
    one = runs.select(constraint="free", loss="mse", optimizer="SGD", weight_decay=0.1, seed=1)
    alone = train(
        MODEL, TASK(fraction=0.5, seed=1), seeds=[1], steps=20, weight_decay=0.1, loss="mse",
        optimizer=partial(SGD, momentum=0.9), record=[20], **EXACT,
    )  # fmt: skip
    np.testing.assert_allclose(one["test_loss"][-1], alone["test_loss"][-1], atol=1e-9)


def test_a_plain_function_is_a_constraint() -> None:
    runs = train_ensemble(MODEL, TASK, fraction=0.5, steps=3, lr=1e-9, constraint=halved,
                          record=range(4), **EXACT)  # fmt: skip
    np.testing.assert_allclose(runs["l2_norm"][1:] / runs["l2_norm"][:-1], 0.5, rtol=1e-6)


def test_an_optimizer_of_torchs_is_one_a_run() -> None:
    rates = [0.01, 0.02]
    settings: dict[str, Any] = {"fraction": 0.5, "steps": 30, "lr": rates, **EXACT}
    theirs = train_ensemble(
        MODEL, TASK, optimizer=partial(EachRun, partial(torch.optim.Adam, betas=(0.8, 0.9))),
        **settings,
    )  # fmt: skip
    ours = train_ensemble(MODEL, TASK, optimizer=partial(Adam, betas=(0.8, 0.9)), **settings)
    np.testing.assert_allclose(theirs["train_loss"], ours["train_loss"], atol=1e-9)


def test_measures_of_ones_own_are_recorded() -> None:
    runs = train_ensemble(
        MODEL, TASK, fraction=0.5, steps=3, seed=range(3), **EXACT,
        measures={"largest": lambda params: params["W"].flatten(1).abs().amax(1)},
    )  # fmt: skip
    np.testing.assert_array_equal(runs["largest"][-1], runs.params["W"].flatten(1).abs().amax(1))


@pytest.mark.parametrize(
    "model",
    [
        MLP((5, 6, 5), "tanh"),
        DeepLinear((5, 3, 5)),
        FromModule(lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 5))),
    ],
)
def test_regression_with_inputs_of_each_runs_own(model: Any) -> None:
    task = partial(teacher_task, train=20, test=10)
    runs = train_ensemble(model, task, steps=30, seed=range(3), loss="mse", batch_size=7, **EXACT)
    assert "test_accuracy" not in runs.history
    for seed in range(3):
        alone = train(model, task(seed), seeds=[seed], steps=30, loss="mse", batch_size=7, **EXACT)
        for part in ("train_loss", "test_loss"):
            np.testing.assert_allclose(runs[part][:, seed], alone[part][:, 0], atol=1e-9)
        outputs = model.apply(alone.params, task(seed).inputs)[0]
        error = (outputs - task(seed).targets)[20:].square().mean()
        assert alone["test_loss"][-1, 0] == pytest.approx(error.item(), rel=1e-12)


class Plain:
    """A two-layer network as the loop sees one without a closed form or inputs a run."""

    def __init__(self, **more: Any) -> None:
        self.init, self.apply = MODEL.init, MODEL.apply
        vars(self).update(more)


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
@pytest.mark.parametrize("batch_size", [None, 9])
def test_autograd_gives_the_same_runs_as_the_closed_form(loss: str, batch_size: int | None) -> None:
    settings: dict[str, Any] = {
        "fraction": [0.3, 0.6],
        "seed": range(2),
        "steps": 100,
        "loss": loss,
    }
    settings |= {"batch_size": batch_size, "weight_decay": 0.3, **EXACT}
    closed = train_ensemble(MODEL, TASK, **settings)
    by_autograd = train_ensemble(Plain(), TASK, **settings)
    assert same(closed, by_autograd, atol=1e-9)


class Scaled(nn.Module):
    """A module with a parameter that is a single number."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.scale = nn.Linear(5, 5, bias=False), nn.Parameter(torch.tensor(2.0))

    def forward(self, inputs: Tensor) -> Tensor:
        return self.scale * self.linear(inputs)


def test_a_module_with_a_number_for_a_parameter_trains() -> None:
    settings: dict[str, Any] = {"steps": 50, "seed": range(2), "loss": "mse", **EXACT}
    runs = train_ensemble(FromModule(Scaled), partial(teacher_task, train=9, test=9), **settings)
    assert runs.params["scale"].shape == (2,)
    assert (runs["train_loss"][-1] < runs["train_loss"][0]).all()
    np.testing.assert_array_equal(runs["norm_scale"][-1], runs.params["scale"].abs())


def test_an_axis_may_be_a_generator() -> None:
    runs = train_ensemble(
        MODEL, TASK, fraction=0.5, seed=(2 * i for i in range(3)), steps=3, **EXACT
    )
    assert runs.labels["seed"].tolist() == [0, 2, 4]
