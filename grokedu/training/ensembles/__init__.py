"""Training over named axes: one call, every combination, one labelled result.

A setting given as several values is an axis. Axes of numbers (seed, learning rate, weight decay,
initial scale, train size, and whatever the task takes) run side by side in one batch; runs that
differ in loss, optimizer, constraint or batch size are batches of their own.

The result is that of :func:`grokedu.training.train`, :class:`grokedu.training.runs.Runs`, saved and
loaded as such, and :meth:`~grokedu.training.runs.Runs.to_xarray` gives it a dimension for each
axis.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grokedu.models.autograd import Model
from grokedu.tasks import Task
from grokedu.training.constraint import Constraint, Mapper
from grokedu.training.ensembles.axes import OBJECTS, check_the_task, choices_of, is_axis, label_of
from grokedu.training.ensembles.parts import Part, cut, train_all, worth_threads
from grokedu.training.optimizers import Optimizer
from grokedu.training.runs import Runs, concatenate
from grokedu.training.state import Measure

SHARDS = 8  # of each batch, with an executor


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
    check_the_task(task, of_the_task)
    settings: dict[str, Any] = {**of_the_task, "loss": loss, "optimizer": optimizer}
    settings |= {"constraint": constraint, "batch_size": batch_size, "train_size": train_size}
    settings |= {"alpha": alpha, "lr": lr, "weight_decay": weight_decay, "seed": seed}
    settings = {k: [*v] if isinstance(v, Iterator) else v for k, v in settings.items()}
    choices = {name: choices_of(name, value) for name, value in settings.items()}
    axes = [name for name, value in settings.items() if is_axis(name, value)]
    points = [dict(zip(choices, each, strict=True)) for each in product(*choices.values())]
    common: dict[str, Any] = {
        "steps": steps, "betas": betas, "measures": measures, "record": record,
        "checkpoints": checkpoints, "save_seconds": save_seconds, "dtype": dtype, "device": device,
    }  # fmt: skip
    place = torch.device(device)
    if shards is None:
        threaded = worth_threads(model, task, points) if place.type == "cpu" else 1
        shards = SHARDS if executor else threaded
    parts = cut(points, shards)
    jobs = [Part(model, task, [points[at] for at in part], common) for part in parts]
    if resume is not None:
        jobs = [
            replace(job, path=Path(resume, f"part-{number:04}.safetensors"))
            for number, job in enumerate(jobs)
        ]
    results = train_all(jobs, executor, progress, place)
    order = np.argsort(np.concatenate(parts))
    runs = concatenate(results).take(order)
    labels = {name: label_of(name, [point[name] for point in points]) for name in choices}
    kept = {name: values for name, values in labels.items() if values is not None}
    runs.labels |= {k: v for k, v in kept.items() if k in axes or v.dtype.kind != "U"}
    names = dict.fromkeys([*axes, *runs.labels])
    runs.labels = {name: runs.labels[name] for name in names}
    fingerprints = [each for part in results for each in part.config["tasks"]]
    runs.config = {  # that of the first part, but for what differs between parts
        **{k: v for k, v in runs.config.items() if k not in axes or k not in OBJECTS},
        "tasks": [fingerprints[at] for at in order],
        "labels": {k: v.tolist() for k, v in runs.labels.items()},
        "axes": {k: [*dict.fromkeys(runs.labels[k].tolist())] for k in axes},
    }
    return runs
