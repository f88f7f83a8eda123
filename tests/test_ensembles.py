from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from grokedu.ensembles import parts, train_ensemble
from grokedu.loop import Loop
from grokedu.models import MLP, DeepLinear, FromModule, TwoLayer
from grokedu.models.teacher_student import teacher_task
from grokedu.optimizers import SGD, Adam, EachRun
from grokedu.runs import Runs, load
from grokedu.tasks import Task, make_task
from grokedu.training import train

MODEL = TwoLayer(7, 12)
TASK = partial(make_task, "modular_addition", 7)
EXACT: dict[str, Any] = {"progress": False, "dtype": torch.float64}


def same(one: Runs, two: Runs, atol: float = 0.0) -> bool:
    """Whether two results are equal: to the bit, or to a tolerance."""
    return (
        one.labels.keys() == two.labels.keys()
        and all(np.array_equal(one.labels[k], two.labels[k]) for k in one.labels)
        and np.array_equal(one.steps, two.steps)
        and all(np.allclose(one[k], two[k], rtol=0, atol=atol) for k in one.history)
        and all(torch.allclose(one.params[k], v, rtol=0, atol=atol) for k, v in two.params.items())
        and all(
            torch.allclose(weights[k], v, rtol=0, atol=atol)
            for step, weights in one.checkpoints.items()
            for k, v in two.checkpoints[step].items()
        )
    )


def halved(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor / 2 for name, tensor in params.items()}


class Start:
    """A constraint with a state: the norm of each run's weights stays that of its start."""

    def norm(self, params: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([t.flatten(1).square().sum(1) for t in params.values()]).sum(0).sqrt()

    def init(self, params: Mapping[str, Tensor]) -> Tensor:
        return self.norm(params)

    def step(self, params: Mapping[str, Tensor], state: Tensor) -> dict[str, Tensor]:
        scale = state / self.norm(params)
        return {k: v * scale.view(-1, *[1] * (v.ndim - 1)) for k, v in params.items()}


class Tangent(Start):
    """The same, with the gradient's part along the weights taken out before the optimizer."""

    def project_gradient(
        self, params: Mapping[str, Tensor], grads: Mapping[str, Tensor], state: Tensor
    ) -> dict[str, Tensor]:
        return {k: torch.zeros_like(v) for k, v in grads.items()}


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


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return {
        "fraction": [0.4, 0.6], "weight_decay": [0.1, 1.0], "seed": range(3), "steps": 40,
        "batch_size": 9, "checkpoints": [0, 40], **EXACT,
    }  # fmt: skip


@pytest.fixture(scope="module")
def whole(settings: dict[str, Any]) -> Runs:
    return train_ensemble(MODEL, TASK, **settings)


def test_an_executor_with_one_shard_is_equal_to_the_bit(
    settings: dict[str, Any], whole: Runs
) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert same(whole, train_ensemble(MODEL, TASK, executor=pool, shards=1, **settings))
        assert same(whole, train_ensemble(MODEL, TASK, executor=pool, **settings), atol=1e-9)


def test_threads_change_nothing_but_the_rounding(
    settings: dict[str, Any], whole: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "WORTH_A_THREAD", 1)
    used = []
    with monkeypatch.context() as patch:

        def counted(*args: Any, **settings: Any) -> Runs:
            used.append(settings)
            return train(*args, **settings)

        patch.setattr(parts, "train", counted)
        threaded = train_ensemble(MODEL, TASK, **settings)
    assert len(used) == parts.THREADED
    assert same(whole, threaded, atol=1e-9)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert same(threaded, train_ensemble(MODEL, TASK, **settings))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_threads_do_not_share_a_module() -> None:
    model = FromModule(lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 5)))
    settings: dict[str, Any] = {"steps": 20, "seed": range(8), "loss": "mse", **EXACT}
    task = partial(teacher_task, train=20, test=10)
    alone = train_ensemble(model, task, shards=1, **settings)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        assert same(alone, train_ensemble(model, task, shards=4, **settings), atol=1e-9)
    finally:
        torch.set_num_threads(before)


@pytest.mark.full
def test_processes(settings: dict[str, Any], whole: Runs) -> None:
    with ProcessPoolExecutor(2) as pool:
        result = train_ensemble(MODEL, TASK, executor=pool, shards=2, **settings)
    assert same(whole, result, atol=1e-9)


@pytest.mark.full
def test_a_dask_cluster(settings: dict[str, Any], whole: Runs) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as local,
        distributed.Client(local) as client,
        client.get_executor() as pool,
    ):
        assert same(whole, train_ensemble(MODEL, TASK, executor=pool, shards=1, **settings))
        result = train_ensemble(MODEL, TASK, executor=pool, shards=3, **settings)
    assert same(whole, result, atol=1e-9)


KILLED = """
import os, signal, sys
from dataclasses import replace
from functools import partial
import torch
from grokedu.ensembles import parts, train_ensemble
from grokedu.loop import Loop
from grokedu.models import TwoLayer
from grokedu.tasks import make_task

save = Loop.save
def save_and_die(loop, path):
    save(loop, path)
    if loop.step == 17 and path.name == "part-0001.safetensors":
        os.kill(os.getpid(), signal.SIGKILL)
Loop.save = save_and_die
train_ensemble(
    TwoLayer(7, 12), partial(make_task, "modular_addition", 7), fraction=[0.4, 0.6],
    weight_decay=[0.1, 1.0], seed=range(3), steps=40, batch_size=9, checkpoints=[0, 40],
    shards=3, resume=sys.argv[1], save_seconds=0, progress=False, dtype=torch.float64,
)
"""


def test_killed_outright_and_resumed_it_is_the_same_to_the_bit(
    settings: dict[str, Any], tmp_path: Path, root: Path
) -> None:
    folder = tmp_path / "state"
    command = [sys.executable, "-c", KILLED, str(folder)]
    killed = subprocess.run(command, cwd=root, env=os.environ, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert sorted(p.name for p in folder.iterdir()) == [
        "part-0000.safetensors",
        "part-0001.safetensors",
    ]
    resumed = train_ensemble(MODEL, TASK, shards=3, resume=folder, **settings)
    assert same(train_ensemble(MODEL, TASK, shards=3, **settings), resumed)
    with pytest.raises(ValueError, match="other settings"):
        train_ensemble(MODEL, TASK, shards=3, resume=folder, **(settings | {"lr": 0.5}))


@pytest.mark.parametrize("constraint", [None, Start()])
def test_a_run_of_torchs_optimizer_or_on_a_sphere_resumes_to_the_bit(
    tmp_path: Path, constraint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {
        "fraction": 0.5, "steps": 20, "seed": range(2), "constraint": constraint,
        "optimizer": partial(EachRun, torch.optim.Adagrad), **EXACT,
    }  # fmt: skip
    save = Loop.save

    def save_and_die(loop: Loop, path: Any) -> None:
        save(loop, path)
        if loop.step == 7:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            train_ensemble(MODEL, TASK, resume=tmp_path, save_seconds=0, **settings)
    resumed = train_ensemble(MODEL, TASK, resume=tmp_path, **settings)
    assert same(train_ensemble(MODEL, TASK, **settings), resumed)


def test_the_config_says_each_runs_task_and_no_part_speaks_for_all() -> None:
    runs = train_ensemble(
        MODEL, TASK, fraction=[0.4, 0.6], steps=1, loss=["mse", "cross_entropy"], shards=2, **EXACT
    )
    assert runs.labels["fraction"].tolist() == [0.4, 0.4, 0.6, 0.6]
    first, second, third, fourth = runs.config["tasks"]
    assert first == second != third == fourth
    assert "loss" not in runs.config
    assert runs.config["axes"] == {"fraction": [0.4, 0.6], "loss": ["mse", "cross_entropy"]}


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


def bad() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"noise": 0.1}, "neither the training nor the task takes noise"
    yield {"lr": [0.1, 0.1]}, "each once"
    yield {"lr": -0.1}, "wanted 0 or more"
    yield {"lr": [0.1, math.nan]}, "wanted 0 or more"
    yield {"weight_decay": math.inf}, "wanted 0 or more"
    yield {"optimizer": torch.optim.Adam}, "functools.partial\\(EachRun, torch.optim.Adam\\)"
    yield {"seed": []}, "at least one"
    yield {"alpha": [1.0, 0.0]}, "must be positive"
    yield {"loss": "hinge"}, "wanted one of"
    yield {"constraint": [Start(), halved, halved]}, "told apart by a mapping"
    yield {"shards": 0}, "at least 1"


@pytest.mark.parametrize(("change", "message"), [*bad()])
def test_settings_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train_ensemble(MODEL, TASK, **({"fraction": 0.5, "steps": 3, **EXACT} | change))


def test_tasks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="the task takes no settings"):
        train_ensemble(MODEL, TASK(fraction=0.5, seed=0), fraction=0.5, steps=3, **EXACT)
    with pytest.raises(ValueError, match="mse, as the targets are real numbers"):
        train_ensemble(MLP((5, 5)), teacher_task(0), steps=3, **EXACT)


def test_an_axis_may_be_a_generator() -> None:
    runs = train_ensemble(
        MODEL, TASK, fraction=0.5, seed=(2 * i for i in range(3)), steps=3, **EXACT
    )
    assert runs.labels["seed"].tolist() == [0, 2, 4]


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_empty_split_is_refused(part: str) -> None:
    task = TASK(fraction=0.5, seed=0)
    empty = replace(task, **{part: getattr(task, part)[:0]})
    with pytest.raises(ValueError, match="wanted at least one of each"):
        train_ensemble(MODEL, empty, steps=3, **EXACT)


@pytest.mark.gpu
def test_the_same_on_cuda() -> None:
    def runs(device: str) -> Runs:
        return train_ensemble(
            TwoLayer(7, 12, "gelu", biases=True, tied=True), TASK, fraction=[0.4, 0.6],
            seed=range(2), loss=["cross_entropy", "mse"], steps=50, device=device, **EXACT,
        )  # fmt: skip

    assert same(runs("cpu"), runs("cuda"), atol=1e-9)
