"""Training over named axes: one call, every combination, one labelled result.

A setting given as several values is an axis. Axes of numbers (seed, learning rate, weight decay,
initial scale, train size, and whatever the task takes) run side by side in one batch; runs that
differ in loss, optimizer, constraint or batch size are batches of their own.

On a CPU a large batch is cut into shards that Python threads take, each with one thread of torch's
own: as fast as torch's threads where the machine is free, and beside a busy neighbour no slower
than one thread, where torch's two were 13 times slower (OpenMP's threads wait by spinning). The
cut depends on the size alone, so that the numbers do not depend on the machine.

The result is that of
:func:`grokedu.training.train`, :class:`grokedu.runs.Runs`, saved and loaded as such, and
:meth:`~grokedu.runs.Runs.to_xarray` gives it a dimension for each axis.
"""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from grokedu.loop import Constraint, Mapper, Measure, Model
from grokedu.optimizers import Optimizer
from grokedu.runs import Array, Runs, concatenate
from grokedu.tasks import Task, random_stream
from grokedu.training import called, train

SHARDS = 8  # of each batch, with an executor
THREADED = 4  # at most, without one
WORTH_A_THREAD = 2**25  # multiplications a step; with fewer, threads wait for each other in Python
OBJECTS = ("loss", "optimizer", "constraint", "batch_size")  # a batch shares them
NUMBERS = ("train_size", "alpha", "lr", "weight_decay", "seed")  # of run to run

Point = dict[str, Any]


def train_ensemble(
    model: Model,
    task: Task | Callable[..., Task],
    *,
    steps: int,
    seed: int | Iterable[int] = 0,
    lr: float | Iterable[float] = 1e-2,
    weight_decay: float | Iterable[float] = 0.0,
    alpha: float | Iterable[float] = 1.0,
    train_size: int | Iterable[int] | None = None,
    loss: str | Sequence[str] = "cross_entropy",
    batch_size: int | Sequence[int | None] | None = None,
    optimizer: Callable[..., Optimizer] | Mapping[str, Any] | Sequence[Any] | None = None,
    constraint: Constraint | Mapper | Mapping[str, Any] | Sequence[Any] | None = None,
    betas: tuple[float, float] = (0.9, 0.98),
    measures: Mapping[str, Measure] | None = None,
    record: Sequence[int] | None = None,
    checkpoints: Sequence[int] = (),
    executor: Executor | None = None,
    shards: int | None = None,
    resume: str | os.PathLike[str] | None = None,
    save_seconds: float = 5.0,
    progress: bool = True,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    **of_the_task: Any,
) -> Runs:
    """Train every combination of the settings that have several values.

    What is not said here is as in :func:`grokedu.training.train`.

    Args:
        model: the architecture, the same for all runs.
        task: a task for all runs, or a function that makes one from keywords: ``seed``, if it
            takes that, and all of ``of_the_task``. For example ``functools.partial(make_task,
            "modular_addition", 31)``, which takes ``fraction``, ``random_labels`` and ``seed``.
        steps: how many optimizer steps.
        seed, lr, weight_decay, alpha: a number, or several for an axis.
        train_size: how many of a task's train examples to train on, the first ones of its random
            order, so that larger sizes contain smaller ones; all of them if None.
        loss: "cross_entropy" or "mse"; both for an axis.
        batch_size, optimizer, constraint: one, or several for an axis: a sequence, or a mapping
            from the name that labels it, ``{"free": None, "sphere": Sphere()}``.
        betas, measures, record, checkpoints, dtype, device: as ``train`` takes them.
        executor: any ``concurrent.futures.Executor``: a ``ProcessPoolExecutor``, or a Dask
            cluster's ``client.get_executor()``. What it sends to processes must pickle.
        shards: into how many parts to cut each batch; unless given, 8 with an executor, and without
            one as many as are worth a thread, up to 4.
        resume: a folder to keep the state of every part in, and to go on from; a shared one where
            the executor's workers are on other machines. The result is the same to the last bit.
        of_the_task: settings of the task, each a number or several for an axis.

    Returns:
        The runs, the last axis (seed) fastest, with a label for every setting of number and for
        every axis. ``config["axes"]`` holds the axes and their values.

    Raises:
        ValueError: for a setting that nobody takes, an axis without values or with the same one
            twice, a train size that a task does not have, and as ``train`` does.

    >>> from functools import partial
    >>> from grokedu.models import TwoLayer
    >>> from grokedu.tasks import make_task
    >>> runs = train_ensemble(
    ...     TwoLayer(5, 16), partial(make_task, "modular_addition", 5), steps=10,
    ...     fraction=[0.4, 0.6], weight_decay=[0.1, 1.0], seed=range(3), progress=False)
    >>> len(runs), runs.to_xarray().test_loss.sizes
    (12, Frozen({'step': 11, 'fraction': 2, 'weight_decay': 2, 'seed': 3}))
    """
    _check_the_task(task, of_the_task)
    settings: dict[str, Any] = {**of_the_task, "loss": loss, "optimizer": optimizer}
    settings |= {"constraint": constraint, "batch_size": batch_size, "train_size": train_size}
    settings |= {"alpha": alpha, "lr": lr, "weight_decay": weight_decay, "seed": seed}
    choices = {name: _choices(name, value) for name, value in settings.items()}
    axes = [name for name, value in settings.items() if _is_axis(name, value)]
    points = [dict(zip(choices, each, strict=True)) for each in product(*choices.values())]
    common: dict[str, Any] = {
        "steps": steps, "betas": betas, "measures": measures, "record": record,
        "checkpoints": checkpoints, "save_seconds": save_seconds, "dtype": dtype, "device": device,
    }  # fmt: skip
    if shards is None:
        shards = SHARDS if executor else _worth_threads(model, task, points)
    parts = _parts(points, shards)
    jobs = [_Part(model, task, [points[at] for at in part], common) for part in parts]
    if resume is not None:
        jobs = [
            replace(job, path=Path(resume, f"part-{number:04}.safetensors"))
            for number, job in enumerate(jobs)
        ]
    runs = concatenate(_all(jobs, executor, progress, torch.device(device)))
    runs = runs.take(np.argsort(np.concatenate(parts)))
    labels = {name: _label(name, [point[name] for point in points]) for name in choices}
    kept = {name: values for name, values in labels.items() if values is not None}
    runs.labels |= {k: v for k, v in kept.items() if k in axes or v.dtype.kind != "U"}
    order = [*dict.fromkeys([*axes, *runs.labels])]
    runs.labels = {name: runs.labels[name] for name in order}
    runs.config |= {"axes": {k: list(dict.fromkeys(runs.labels[k].tolist())) for k in axes}}
    runs.config |= {"labels": {k: v.tolist() for k, v in runs.labels.items()}}
    return runs


@dataclass(frozen=True)
class _Choice:
    """One value of an axis of objects, with its name."""

    name: str
    value: Any


@dataclass(frozen=True)
class _Part:
    """Runs that share loss, optimizer, constraint and batch size: one batch, on one worker."""

    model: Model
    task: Task | Callable[..., Task]
    points: list[Point]
    common: dict[str, Any]
    path: Path | None = None


def _all(
    jobs: list[_Part], executor: Executor | None, progress: bool, device: torch.device
) -> list[Runs]:
    """The results of all parts, in order."""
    alone = len(jobs) == 1 and executor is None
    if executor is not None:
        done = executor.map(_run, jobs)
        return [*tqdm(done, total=len(jobs), disable=not progress, unit="part")]
    if device.type != "cpu":
        return [_run(job, progress and alone) for job in jobs]
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            done = pool.map(partial(_run, progress=progress and alone), jobs)
            return [*tqdm(done, total=len(jobs), disable=not progress or alone, unit="part")]
    finally:
        torch.set_num_threads(threads)  # one setting of it, the matrix library's, is the process's


def _run(part: _Part, progress: bool = False) -> Runs:
    points, shared = part.points, {k: part.points[0][k].value for k in OBJECTS}
    return train(
        copy.deepcopy(part.model),  # a torch module is not to be called by two threads
        _tasks(part.task, points),
        seeds=[point["seed"] for point in points],
        lr=[point["lr"] for point in points],
        weight_decay=[point["weight_decay"] for point in points],
        alpha=[point["alpha"] for point in points],
        resume=part.path,
        progress=progress,
        **shared,
        **part.common,
    )


def _worth_threads(model: Model, task: Task | Callable[..., Task], points: Sequence[Point]) -> int:
    """How many parts of a batch have enough to do for a thread of their own."""
    weights = model.init([random_stream(0, "init")])
    examples = points[0]["batch_size"].value or len(_tasks(task, points[:1])[0].train)
    batches = len({tuple(point[name].name for name in OBJECTS) for point in points})
    work = sum(w.numel() for w in weights.values()) * examples * len(points) // batches
    return max(1, min(THREADED, work // WORTH_A_THREAD))


def _tasks(source: Task | Callable[..., Task], points: Sequence[Point]) -> list[Task]:
    """Each run's task, made once for every setting of it, with the train size that is asked."""
    made: dict[tuple[Any, ...], Task] = {}
    chosen = []
    for point in points:
        settings = {k: v for k, v in point.items() if k not in (*OBJECTS, *NUMBERS)}
        if callable(source) and "seed" in _accepted(source):
            settings["seed"] = point["seed"]
        key = tuple(settings.values())
        if key not in made:
            made[key] = source(**settings) if callable(source) else source
        task, size = made[key], point["train_size"]
        if size is not None:
            if not 0 < size <= len(task.train):
                raise ValueError(
                    f"train_size is {size}; wanted 1 to {len(task.train)}, the train part of "
                    f"{task.name}"
                )
            task = replace(task, train=task.train[:size])
        chosen.append(task)
    return chosen


def _parts(points: Sequence[Point], shards: int) -> list[Array]:
    """The positions of the runs of each part: first by what a batch shares, then into shards."""
    if shards < 1:
        raise ValueError(f"shards is {shards}; wanted at least 1, for example 8")
    batches: dict[tuple[str, ...], list[int]] = {}
    for at, point in enumerate(points):
        batches.setdefault(tuple(point[name].name for name in OBJECTS), []).append(at)
    return [
        shard
        for batch in batches.values()
        for shard in np.array_split(np.array(batch), min(shards, len(batch)))
    ]


def _is_axis(name: str, value: Any) -> bool:
    if name in OBJECTS:
        return isinstance(value, (Mapping, list, tuple))
    return not isinstance(value, str) and np.ndim(_listed(value)) == 1


def _listed(value: Any) -> Any:
    return [*value] if isinstance(value, Iterable) and not isinstance(value, str) else value


def _choices(name: str, value: Any) -> list[Any]:
    """The values of a setting: numbers as they are, objects with their names."""
    values = [*_listed(value)] if _is_axis(name, value) else [value]
    if name in OBJECTS:
        given = value if isinstance(value, Mapping) else None
        labels = [*map(called, values)] if given is None else [*given]
        objects = values if given is None else [*given.values()]
        choices: list[Any] = [
            _Choice(str(label), each) for label, each in zip(labels, objects, strict=True)
        ]
    else:
        choices = [each.item() if hasattr(each, "item") else each for each in values]
    names = [each.name if name in OBJECTS else each for each in choices]
    if not choices or len({*names}) < len(choices):
        raise ValueError(
            f"{name} has the values {names}; an axis needs at least one, and each once. Objects "
            'that are called alike are told apart by a mapping, {"one": ..., "other": ...}'
        )
    return choices


def _label(name: str, values: Sequence[Any]) -> Array | None:
    if name in OBJECTS:
        return np.array([choice.name for choice in values])
    if name == "train_size" and values[0] is None:
        return None  # train counts them
    numbers = np.array(values)
    return np.array([str(called(each)) for each in values]) if numbers.dtype == object else numbers


def _check_the_task(task: Task | Callable[..., Task], settings: Mapping[str, Any]) -> None:
    taken = _accepted(task) if callable(task) else set()
    unknown = [name for name in settings if name not in taken and "**" not in taken]
    if unknown:
        raise ValueError(
            f"neither the training nor the task takes {', '.join(unknown)}; the task takes "
            f"{', '.join(sorted(taken)) or 'no settings'}"
        )


def _accepted(task: Callable[..., Task]) -> set[str]:
    """The names of the keywords that a task can be given; "**" for any."""
    names = set()
    for name, parameter in inspect.signature(task).parameters.items():
        if parameter.kind is parameter.VAR_KEYWORD:
            names.add("**")
        elif parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            names.add(name)
    return names
