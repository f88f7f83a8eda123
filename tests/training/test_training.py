from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from grokedu.measures import cross_entropy
from grokedu.models import TwoLayer
from grokedu.models.two_layer import forward
from grokedu.tasks import make_task, random_stream
from grokedu.training import log_spaced, train, train_step
from grokedu.training import runs as runs_module
from grokedu.training.optimizers import EachRun
from grokedu.training.state import Loop

MODEL = TwoLayer(7, 16)
QUIET: dict[str, Any] = {"progress": False, "dtype": torch.float64}


def addition(fraction: float) -> Any:
    return partial(make_task, "modular_addition", 7, fraction)


def equal(one: runs_module.Runs, two: runs_module.Runs) -> bool:
    return (
        np.array_equal(one.steps, two.steps)
        and all(np.array_equal(one[k], two[k], equal_nan=True) for k in one.history)
        and all(torch.equal(one.params[k], two.params[k]) for k in one.params)
        and [*one.checkpoints] == [*two.checkpoints]
        and all(
            torch.equal(weights[k], two.checkpoints[step][k])
            for step, weights in one.checkpoints.items()
            for k in weights
        )
    )


def test_training_starts_from_given_weights_of_one_network_or_of_each_run() -> None:
    task, shared = make_task("modular_addition", 7, 0.5, seed=2), {"steps": 12, "lr": 0.02}
    drawn = MODEL.init([random_stream(seed, "init") for seed in (2, 3)], torch.float64)
    own = train(MODEL, task, seeds=[2, 3], **shared, **QUIET)
    assert equal(own, train(MODEL, task, seeds=[2, 3], start=drawn, **shared, **QUIET))
    one = {name: each[1] for name, each in drawn.items()}
    both = train(MODEL, task, seeds=[2, 3], start=one, **shared, **QUIET)
    for name, each in own.params.items():
        torch.testing.assert_close(both.params[name][0], each[1], rtol=0, atol=1e-12)
    assert torch.equal(drawn["A"][1], one["A"])  # what was given is not changed


def test_weights_to_start_from_that_do_not_fit_are_refused() -> None:
    task = make_task("modular_addition", 7, 0.5, seed=2)
    three = MODEL.init([random_stream(seed, "init") for seed in range(3)])
    with pytest.raises(ValueError, match="start has the shapes"):
        train(MODEL, task, seeds=2, steps=1, start=three, **QUIET)
    with pytest.raises(ValueError, match="start has the shapes"):
        train(MODEL, task, seeds=2, steps=1, start={"A": three["A"][0]}, **QUIET)


def test_a_file_of_another_start_is_not_gone_on_from(tmp_path: Path) -> None:
    task, file = make_task("modular_addition", 7, 0.5, seed=2), tmp_path / "runs.safetensors"
    start = MODEL.init(random_stream(2, "init"), torch.float64)
    train(MODEL, task, seeds=[2], steps=3, start=start, resume=file, **QUIET)
    twice = {name: 2 * each for name, each in start.items()}
    with pytest.raises(ValueError, match="other settings of start"):
        train(MODEL, task, seeds=[2], steps=3, start=twice, resume=file, **QUIET)
    with pytest.raises(ValueError, match="other settings of start"):
        train(MODEL, task, seeds=[2], steps=3, resume=file, **QUIET)


@pytest.mark.parametrize("optimizer", [None, partial(EachRun, torch.optim.Adam)])
def test_a_schedule_multiplies_the_learning_rate_of_each_step(optimizer: Any) -> None:
    task, shared = make_task("modular_addition", 7, 0.5, seed=2), {"seeds": [2], "steps": 8}
    shared |= {"weight_decay": 0.5 if optimizer is None else 0.0, "optimizer": optimizer}
    result = train(MODEL, task, lr=0.02, schedule=lambda done: 1 - done, **shared, **QUIET)
    params = MODEL.init(random_stream(2, "init"), torch.float64)
    params = {k: v.requires_grad_() for k, v in params.items()}
    make = torch.optim.Adam if optimizer else torch.optim.AdamW
    given = {} if optimizer else {"weight_decay": 0.5, "betas": (0.9, 0.98)}
    plain = make(params.values(), lr=0.02, **given)
    falling = torch.optim.lr_scheduler.LambdaLR(plain, lambda step: 1 - step / 8)
    pairs, labels = task.inputs[task.train], task.targets[task.train]
    for _ in range(8):
        train_step(plain, lambda: cross_entropy(forward(params, pairs), labels))
        falling.step()
    for name, each in params.items():
        torch.testing.assert_close(result.params[name][0], each.detach(), rtol=0, atol=1e-9)


def test_the_loop_is_plain_torch_with_adamw() -> None:
    task = make_task("modular_addition", 7, 0.5, seed=2)
    result = train(MODEL, task, seeds=[2], steps=40, lr=0.02, weight_decay=0.5, **QUIET)
    params = MODEL.init(random_stream(2, "init"), torch.float64)
    params = {k: v.requires_grad_() for k, v in params.items()}
    optimizer = torch.optim.AdamW(params.values(), lr=0.02, weight_decay=0.5, betas=(0.9, 0.98))
    pairs, labels = task.inputs[task.train], task.targets[task.train]
    losses = [
        train_step(optimizer, lambda: cross_entropy(forward(params, pairs), labels))
        for _ in range(40)
    ]
    at = result.steps[:-1]
    np.testing.assert_allclose(result["train_loss"][:-1, 0], np.array(losses)[at], atol=1e-9)
    final = cross_entropy(forward(params, task.inputs[task.test]), task.targets[task.test])
    assert result["test_loss"][-1, 0] == pytest.approx(final.item(), abs=1e-9)


def test_a_run_is_the_same_alone_and_beside_runs_of_other_sizes() -> None:
    fractions, rates, decays = [0.3, 0.5, 0.8], [0.01, 0.03, 0.02], [0.1, 1.0, 0.0]
    tasks = [addition(f)(seed) for seed, f in enumerate(fractions)]
    batch = train(
        MODEL, tasks, seeds=3, steps=100, lr=rates, weight_decay=decays, batch_size=9, **QUIET
    )
    for i in range(3):
        alone = train(
            MODEL, tasks[i], seeds=[i], steps=100, lr=rates[i], weight_decay=decays[i],
            batch_size=9, **QUIET,
        )  # fmt: skip
        for name in alone.params:
            torch.testing.assert_close(
                batch.params[name][i], alone.params[name][0], rtol=0, atol=1e-9
            )
        np.testing.assert_allclose(batch["test_loss"][:, i], alone["test_loss"][:, 0], atol=1e-9)


class KilledError(Exception):
    pass


@pytest.mark.parametrize("batch_size", [None, 5])
@pytest.mark.parametrize("when", [0, 3, 30])
def test_killed_and_resumed_is_the_uninterrupted_run(
    tmp_path: Path, when: int, batch_size: int | None
) -> None:
    def kill(step: int, _row: object) -> None:
        if step == when:
            raise KilledError

    settings: dict[str, Any] = {
        "seeds": 2, "steps": 60, "lr": 0.02, "weight_decay": 0.3, "batch_size": batch_size,
        "record": range(0, 61, 3), "checkpoints": [0, 7, 30, 60], **QUIET,
    }  # fmt: skip
    whole = train(MODEL, addition(0.5), **settings)
    path = tmp_path / "state.safetensors"
    with pytest.raises(KilledError):
        train(MODEL, addition(0.5), watch=kill, resume=path, save_seconds=0, **settings)
    assert path.exists() == (when > 0)
    resumed = train(MODEL, addition(0.5), resume=path, save_seconds=0, **settings)
    assert equal(whole, resumed)
    assert equal(whole, train(MODEL, addition(0.5), resume=path, **settings))
    assert [p.name for p in tmp_path.iterdir()] == ["state.safetensors"]
    with pytest.raises(ValueError, match="other settings of labels"):
        train(MODEL, addition(0.5), resume=path, **(settings | {"lr": 0.5}))


def test_the_state_is_saved_between_records_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {"seeds": 2, "steps": 40, "record": [0, 40], "batch_size": 5}
    settings |= {"checkpoints": [20], **QUIET}
    path = tmp_path / "state.safetensors"
    saved_at: list[int] = []
    save = Loop.save

    def save_and_die(loop: Loop, to: Path) -> None:
        save(loop, to)
        saved_at.append(loop.step)
        if loop.step == 13:
            raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "save", save_and_die)
        with pytest.raises(KilledError):
            train(MODEL, addition(0.5), resume=path, save_seconds=0, **settings)
    assert saved_at == [*range(14)]
    whole = train(MODEL, addition(0.5), **settings)
    assert equal(whole, train(MODEL, addition(0.5), resume=path, **settings))


def test_a_run_that_stopped_goes_on_with_another_stop_or_none(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"seeds": 2, "steps": 50, "record": range(0, 51, 5), **QUIET}
    path = tmp_path / "state.safetensors"

    def at_ten(step: int, _row: object) -> bool:
        return step >= 10

    for _ in range(2):  # the second time there is nothing left to do
        stopped = train(MODEL, addition(0.5), resume=path, stop=at_ten, **settings)
        assert stopped.steps[-1] == 10
    whole = train(MODEL, addition(0.5), **settings)
    assert equal(whole, train(MODEL, addition(0.5), resume=path, **settings))


@dataclass(frozen=True)
class Table:
    """A model without a closed form: one row of logits a pair."""

    p: int

    def init(
        self,
        generator: Sequence[torch.Generator],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        drawn = [torch.randn(self.p**2, self.p, generator=g, dtype=dtype) for g in generator]
        return {"table": torch.stack(drawn).to(device)}

    def apply(self, params: Mapping[str, Tensor], pairs: Tensor) -> Tensor:
        return params["table"][:, pairs[:, 0] * self.p + pairs[:, 1]]


@pytest.mark.parametrize("loss", ["cross_entropy", "mse"])
def test_a_model_of_ones_own_trains_by_autograd(loss: str) -> None:
    result = train(Table(7), addition(0.5), seeds=2, steps=300, lr=0.1, loss=loss, **QUIET)
    assert (result["train_accuracy"][-1] == 1).all()
    assert (result["test_accuracy"][-1] < 0.5).all()  # a table can only memorise


def test_stop_ends_when_every_run_has_grokked() -> None:
    seen: list[int] = []
    task = partial(make_task, "modular_addition", 13, 0.8)
    result = train(
        TwoLayer(13, 32), task, seeds=2, steps=5000, lr=0.03, weight_decay=1.0, stop="grokked",
        watch=lambda step, row: seen.append(step), **QUIET,
    )  # fmt: skip
    assert result.steps[-1] < 5000
    assert np.isfinite(result.delay()).all()
    assert seen == result.steps.tolist()


def test_a_diverging_run_is_reported_and_leaves_the_others_alone() -> None:
    rates = [1e200, 0.01]
    with pytest.warns(UserWarning, match=r"runs \[0\] became nan or infinite"):
        result = train(MODEL, addition(0.5), seeds=2, steps=20, lr=rates, **QUIET)
    assert result.diverged().tolist() == [True, False]


def test_records_are_log_spaced_and_hold_the_ends() -> None:
    steps = log_spaced(6000)
    assert (steps[0], steps[1], steps[-1]) == (0, 1, 6000)
    assert steps == sorted(set(steps))
    assert all(b - a <= 0.06 * a + 1 for a, b in pairwise(steps))
    assert log_spaced(1) == [0, 1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seeds": 0}, "at least one"),
        ({"lr": [0.1, 0.2, 0.3]}, "lr has 3 values for 2 runs"),
        ({"loss": "hinge"}, "wanted one of"),
        ({"stop": "now"}, "wanted 'grokked'"),
        ({"batch_size": 10**6}, "smallest train part"),
        ({"record": []}, "from 0 to 5, and at least one to record at"),
        ({"record": [6, 7]}, "from 0 to 5"),
        ({"checkpoints": [0, 6]}, r"checkpoints=\[0, 6\]; wanted steps from 0 to 5"),
    ],
)
def test_settings_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train(MODEL, addition(0.5), **({"seeds": 2, "steps": 5, **QUIET} | change))


@pytest.mark.parametrize("p", [5, 11])
def test_a_model_of_other_classes_than_the_task_is_refused(p: int) -> None:
    with pytest.raises(ValueError, match=f"tells {p} classes apart and the task has 7"):
        train(TwoLayer(p, 8), addition(0.5), seeds=2, steps=5, **QUIET)


def test_a_file_that_is_no_state_is_refused(tmp_path: Path) -> None:
    junk = tmp_path / "junk.safetensors"
    junk.write_bytes(b"not tensors at all")
    with pytest.raises(ValueError, match=r"junk\.safetensors is not a file of runs"):
        train(MODEL, addition(0.5), seeds=2, steps=5, resume=junk, **QUIET)


def test_different_tasks_side_by_side_are_refused() -> None:
    tasks = [make_task("modular_addition", p, 0.5, 0) for p in (5, 7)]
    with pytest.raises(ValueError, match="different inputs"):
        train(MODEL, tasks, seeds=2, steps=5, **QUIET)
