"""Training: one step in plain torch, and one loop for one run or many."""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from grokedu.models.autograd import Model
from grokedu.models.parameters import Params
from grokedu.tasks import Task
from grokedu.training.constraint import Constraint, Mapper
from grokedu.training.optimizers import AdamW, Optimizer
from grokedu.training.runs import Runs
from grokedu.training.settings import (
    called,
    digest,
    fingerprint,
    one_number_a_run,
    one_task_a_run,
    plain,
)
from grokedu.training.state import Loop, Measure, Row
from grokedu.training.threads import one_thread


def train_step(optimizer: torch.optim.Optimizer, compute_loss: Callable[[], Tensor]) -> float:
    """One step of training: the four moves of every training loop, in their order.

    Forget the old gradients, compute the loss, differentiate it, let the optimizer move the
    weights.

    Args:
        optimizer: any torch optimizer; it holds the weights and changes them in place.
        compute_loss: called without arguments; returns the loss of the present weights, a scalar
            tensor that can be differentiated.

    Returns:
        The loss *before* the step, as a Python float.

    Source: the training loop of the PyTorch documentation.

    >>> weight = torch.tensor([3.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([weight], lr=0.25)
    >>> train_step(optimizer, lambda: (weight**2).sum())  # 9; the gradient is 6, the step 1.5
    9.0
    >>> train_step(optimizer, lambda: (weight**2).sum()), weight.item()
    (2.25, 0.75)
    """
    optimizer.zero_grad()
    loss = compute_loss()
    loss.backward()
    optimizer.step()
    return loss.item()


def log_spaced(steps: int, per_decade: int = 40) -> list[int]:
    """Steps 0, 1, 2, ... up to ``steps``, thinning out evenly in the logarithm.

    With 40 a decade no gap is larger than 6 % of the step, rounded up to a whole one.

    >>> log_spaced(100, per_decade=3)
    [0, 1, 2, 5, 10, 22, 46, 100]
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}; wanted at least 1, for example 2000")
    count = round(per_decade * np.log10(steps)) + 1
    spaced = np.round(np.geomspace(1, steps, max(count, 1))).astype(int)
    return [0, *sorted({*spaced.tolist(), steps})]


def train(
    model: Model,
    tasks: Task | Sequence[Task] | Callable[[int], Task],
    *,
    seeds: int | Sequence[int],
    steps: int,
    lr: float | Sequence[float] = 1e-2,
    weight_decay: float | Sequence[float] = 0.0,
    alpha: float | Sequence[float] | None = None,
    betas: tuple[float, float] = (0.9, 0.98),
    optimizer: Callable[..., Optimizer] | None = None,
    constraint: Constraint | Mapper | None = None,
    start: Params | None = None,
    schedule: Callable[[float], float] | None = None,
    loss: str = "cross_entropy",
    batch_size: int | None = None,
    measures: Mapping[str, Measure] | None = None,
    record: Sequence[int] | None = None,
    checkpoints: Sequence[int] = (),
    stop: str | Callable[[int, Row], bool] | None = None,
    watch: Callable[[int, Row], object] | None = None,
    labels: Mapping[str, Sequence[float]] | None = None,
    progress: bool = True,
    resume: str | os.PathLike[str] | None = None,
    save_seconds: float = 5.0,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Runs:
    """Train one run or many, side by side, with AdamW unless told, and record how they went.

    Run i draws from streams of its own (:func:`grokedu.tasks.random_stream` of its seed): "init"
    for the weights, "batches" for minibatches, and "split" where ``tasks`` is called with the seed.
    So it draws bit for bit the same alone or beside others.

    Args:
        model: the architecture, for example ``TwoLayer(31, 128)``.
        tasks: a task for all runs, one for each, or a function from a seed to a task, for example
            ``functools.partial(make_task, "modular_addition", 31, 0.5)``. Train parts may differ in
            size.
        seeds: a list of S seeds, or a number S for 0 .. S-1.
        steps: how many optimizer steps.
        lr, weight_decay: a number, or one for each run.
        alpha: every initial weight is multiplied by it, one number or one for each run.
        betas: AdamW's.
        optimizer: another optimizer: called with the tensors ``lr`` and ``weight_decay``, (S,), it
            returns one of :mod:`grokedu.training.optimizers`, for example
            ``functools.partial(SGD, momentum=0.9)``, ``functools.partial(WarmUp, AdamW, 10)``, or
            for one of torch's ``functools.partial(EachRun, torch.optim.RMSprop)``.
        constraint: applied to the weights after each step, see
            :class:`grokedu.training.constraint.Constraint`.
        start: the weights to start from in place of the model's own: those of one network for all
            runs, or a row for each run. ``alpha`` multiplies them too.
        schedule: from the share of training that is over, 0 to 1, to a factor of the learning rate,
            for example ``lambda done: 1 - done``.
        loss: "cross_entropy" or "mse"; "mse" for a task of real targets.
        batch_size: train examples a step, drawn anew without replacement; None for all of them.
        measures: further measures to record, name to a function from the weights (with their run
            axis) to a tensor (S,).
        record: the steps to record at; :func:`log_spaced` by default.
        checkpoints: the steps whose weights to keep.
        stop: "grokked" (all runs have a test accuracy of 0.99), or a function of (step, row), asked
            at each record; row is the newest history, name to (S,).
        watch: called with (step, row) at each record, to draw for example.
        labels: further labels of the runs, name to S numbers.
        progress: whether to show a bar.
        resume: a file to save the state in, at most every ``save_seconds``, and to go on from where
            it exists; the result is the same to the last bit.
        dtype, device: of the weights.

    Returns:
        The labelled runs. A train loss that is nan or infinite stays in the history and warns.

    Raises:
        ValueError: for settings that do not fit together, or a file of other settings.

    >>> from grokedu.models import TwoLayer
    >>> from grokedu.tasks import make_task
    >>> task = make_task("modular_addition", 5, 0.6, seed=0)
    >>> train(TwoLayer(5, 16), task, seeds=2, steps=10, lr=0.03, progress=False)
    Runs(2 runs to step 10; seed={0, 1}, lr=0.03, weight_decay=0, train_size=15)
    """
    numbers = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if not numbers or steps < 1:
        raise ValueError(f"seeds={seeds}, steps={steps}; wanted at least one of each")
    chosen = one_task_a_run(model, tasks, numbers)
    named = {
        "seed": np.array(numbers),
        "lr": one_number_a_run("lr", lr, numbers),
        "weight_decay": one_number_a_run("weight_decay", weight_decay, numbers),
        "train_size": np.array([len(task.train) for task in chosen]),
    }
    if alpha is not None:
        named["alpha"] = one_number_a_run("alpha", alpha, numbers)
        if not (named["alpha"] > 0).all():
            raise ValueError(f"alpha is {alpha}; it must be positive, for example 8.0")
    for name in ("lr", "weight_decay"):
        if not ((named[name] >= 0) & np.isfinite(named[name])).all():
            raise ValueError(f"{name} is {named[name].tolist()}; wanted 0 or more, such as 0.01")
    named |= {k: one_number_a_run(k, v, numbers) for k, v in (labels or {}).items()}
    at = sorted({*(log_spaced(steps) if record is None else record)} & {*range(steps + 1)})
    if not at or not all(0 <= step <= steps for step in checkpoints):
        raise ValueError(
            f"record={record}, checkpoints={checkpoints}; wanted steps from 0 to {steps}, and at "
            "least one to record at"
        )
    config: dict[str, Any] = {
        "model": {"kind": type(model).__name__, **plain(vars(model))},
        "task": chosen[0].name,
        "tasks": [fingerprint(task) for task in chosen],
        "labels": {name: values.tolist() for name, values in named.items()},
        "steps": steps,
        "betas": list(betas),
        "loss": loss,
        "batch_size": batch_size,
        "record": at,
        "checkpoints": sorted(checkpoints),
        "dtype": str(dtype).removeprefix("torch."),
        "optimizer": called(optimizer),
        "constraint": called(constraint),
        "start": None if start is None else digest(start[name] for name in sorted(start)),
        "schedule": called(schedule),
        "measures": sorted(measures or ()),
    }
    made: object = optimizer
    if isinstance(made, type) and issubclass(made, torch.optim.Optimizer):
        raise ValueError(
            f"optimizer is torch's {made.__name__}, which knows no runs; wanted one of "
            "grokedu.training.optimizers, or "
            f"functools.partial(EachRun, torch.optim.{made.__name__})"
        )
    rate, decay = (torch.from_numpy(named[name]).to(device) for name in ("lr", "weight_decay"))
    loop = Loop(
        model,
        chosen,
        named,
        AdamW(rate, decay, betas) if optimizer is None else optimizer(lr=rate, weight_decay=decay),
        config,
        loss,
        batch_size,
        dtype,
        device,
        constraint,
        measures or {},
        start,
        None if schedule is None else lambda step: schedule(step / steps),
    )
    ending = _grokked if stop == "grokked" else stop
    if isinstance(ending, str):
        raise ValueError(f"stop is {stop!r}; wanted 'grokked', a function of (step, row) or None")
    if resume is not None and Path(resume).exists():
        loop.restore(resume)
    with one_thread():
        _run_through(
            loop, steps, {*at}, {*checkpoints}, ending, watch, progress, resume, save_seconds
        )
    runs = loop.result()
    if runs.diverged().any():
        which = np.flatnonzero(runs.diverged()).tolist()
        warnings.warn(f"the train loss of runs {which} became nan or infinite", stacklevel=2)
    return runs


def _run_through(
    loop: Loop,
    steps: int,
    record: set[int],
    checkpoints: set[int],
    stop: Callable[[int, Row], bool] | None,
    watch: Callable[[int, Row], object] | None,
    progress: bool,
    resume: str | os.PathLike[str] | None,
    save_seconds: float,
) -> None:
    saved = time.monotonic()
    # Asked again on going on, since another stop may be given than the one that ended the file.
    finished = stop is not None and bool(loop.rows) and stop(loop.recorded[-1], loop.rows[-1])
    with tqdm(total=steps, initial=loop.step, disable=not progress, unit="step") as bar:
        while True:
            if loop.step in checkpoints:
                loop.keep()
            if loop.step in record and loop.step not in loop.recorded[-1:]:
                row = loop.observe()
                bar.update(loop.step - bar.n)
                if watch is not None:
                    watch(loop.step, row)
                finished = stop is not None and stop(loop.step, row)
            if finished or loop.step == steps:
                break
            if resume is not None and time.monotonic() - saved >= save_seconds:
                loop.save(resume)
                saved = time.monotonic()
            loop.advance()
    if resume is not None:
        loop.save(resume)


def _grokked(_step: int, row: Row) -> bool:
    return bool((row["test_accuracy"] >= 0.99).all())
