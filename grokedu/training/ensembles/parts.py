"""Cutting an ensemble into parts, and training them: in threads, on an executor, on a GPU.

On a CPU Python threads take the parts, each with one thread of torch's own, see
:mod:`grokedu.training.threads`. How a batch is cut depends on its size alone, so that the numbers
do not depend on the machine.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from grokedu.measures.arrays import Array
from grokedu.models.autograd import Model
from grokedu.tasks import Task, random_stream
from grokedu.training.ensembles.axes import NUMBERS, OBJECTS, Point, accepted
from grokedu.training.loop import train
from grokedu.training.runs import Runs
from grokedu.training.threads import in_threads

THREADED = 4  # parts of a batch at most, without an executor
# Multiplications a step. With fewer, Python itself takes most of the time, in one thread at a time:
# two parts of 15 million each took as long as one of 29.
WORTH_A_THREAD = 2**25


@dataclass(frozen=True)
class Part:
    """Runs that share loss, optimizer, constraint and batch size: one batch, on one worker."""

    model: Model
    task: Task | Callable[..., Task]
    points: list[Point]
    common: dict[str, Any]
    path: Path | None = None


def train_all(
    jobs: list[Part], executor: Executor | None, progress: bool, device: torch.device
) -> list[Runs]:
    """The results of all parts, in order."""
    alone = len(jobs) == 1 and executor is None
    if executor is not None:
        done = executor.map(train_part, jobs)
        return [*tqdm(done, total=len(jobs), disable=not progress, unit="part")]
    if device.type != "cpu":
        return [train_part(job, progress and alone) for job in jobs]
    done = in_threads(partial(train_part, progress=progress and alone), jobs)
    return [*tqdm(done, total=len(jobs), disable=not progress or alone, unit="part")]


def train_part(part: Part, progress: bool = False) -> Runs:
    """Train one part; a function of plain data, that an executor can send to another process."""
    points, shared = part.points, {k: part.points[0][k].value for k in OBJECTS}
    return train(
        copy.deepcopy(part.model),  # a torch module is not to be called by two threads
        tasks_of(part.task, points),
        seeds=[point["seed"] for point in points],
        lr=[point["lr"] for point in points],
        weight_decay=[point["weight_decay"] for point in points],
        alpha=[point["alpha"] for point in points],
        resume=part.path,
        progress=progress,
        **shared,
        **part.common,
    )


def worth_threads(model: Model, task: Task | Callable[..., Task], points: Sequence[Point]) -> int:
    """How many parts of a batch have enough to do for a thread of their own."""
    weights = model.init([random_stream(0, "init")])
    examples = points[0]["batch_size"].value or len(tasks_of(task, points[:1])[0].train)
    batches = len({tuple(point[name].name for name in OBJECTS) for point in points})
    work = sum(w.numel() for w in weights.values()) * examples * len(points) // batches
    return max(1, min(THREADED, work // WORTH_A_THREAD))


def tasks_of(source: Task | Callable[..., Task], points: Sequence[Point]) -> list[Task]:
    """Each run's task, made once for every setting of it, with the train size that is asked."""
    made: dict[tuple[Any, ...], Task] = {}
    chosen = []
    for point in points:
        settings = {k: v for k, v in point.items() if k not in (*OBJECTS, *NUMBERS)}
        if callable(source) and "seed" in accepted(source):
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


def cut(points: Sequence[Point], shards: int) -> list[Array]:
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
