"""The settings of a training: one value a run, checked, and how a result names them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokedu.measures.arrays import Array
from grokedu.models.autograd import Model
from grokedu.tasks import Task


def called(thing: object) -> str | None:
    """What to call an optimizer, a constraint or a function in a result's labels and config.

    >>> called(torch.optim.AdamW), called(partial(max, key=abs)), called(None)
    ('AdamW', 'max(key=<built-in function abs>)', None)
    """
    if thing is None or isinstance(thing, str):
        return thing
    if isinstance(thing, partial):
        given = [called(each) or "None" for each in thing.args]
        given += [f"{name}={value!r}" for name, value in (thing.keywords or {}).items()]
        return f"{called(thing.func)}({', '.join(given)})"
    return getattr(thing, "__qualname__", None) or repr(thing)


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """A model's settings as JSON gives them back, without its private ones.

    >>> plain({"p": 31, "sizes": (2, 3), "_cache": [], "activation": len})
    {'p': 31, 'sizes': [2, 3], 'activation': 'len'}
    """
    return {
        name: json.loads(json.dumps(value, default=called))
        for name, value in settings.items()
        if not name.startswith("_")
    }


def one_task_a_run(
    model: Model, tasks: Task | Sequence[Task] | Callable[[int], Task], seeds: Sequence[int]
) -> list[Task]:
    """A task for each seed, all of inputs that the model can read side by side.

    Args:
        model: the architecture; with an ``apply_each`` every run may have inputs of its own.
        tasks: a task for all runs, one for each, or a function from a seed to a task.
        seeds: of the runs.

    Raises:
        ValueError: for another number of tasks than of seeds, a task without examples to train or
            to test on, or inputs that differ where the model needs them to be the same.

    >>> from grokedu.models.two_layer import TwoLayer
    >>> from grokedu.tasks import make_task
    >>> task = make_task("modular_addition", 5, 0.5, seed=0)
    >>> len(one_task_a_run(TwoLayer(5, 8), task, [0, 1, 2]))
    3
    """
    if isinstance(tasks, Task):
        return [tasks] * len(seeds)
    chosen = [tasks(seed) for seed in seeds] if callable(tasks) else [*tasks]
    if len(chosen) != len(seeds):
        raise ValueError(f"got {len(chosen)} tasks for {len(seeds)} seeds; wanted one for each")
    for task in chosen:
        if not len(task.train) or not len(task.test):
            raise ValueError(
                f"{task.name} has {len(task.train)} examples to train on and {len(task.test)} to "
                "test on; wanted at least one of each"
            )
    if (
        len({task.inputs.shape for task in chosen}) > 1
        or len({task.classes for task in chosen}) > 1
    ):
        raise ValueError(
            "the tasks have different inputs; runs side by side must share their shape"
        )
    own_inputs = any(not torch.equal(task.inputs, chosen[0].inputs) for task in chosen)
    if own_inputs and not hasattr(model, "apply_each"):
        raise ValueError(
            f"the tasks have different inputs, and a {type(model).__name__} takes the same for all "
            "runs; runs side by side must share them, or the model needs an apply_each"
        )
    return chosen


def one_number_a_run(name: str, value: float | Sequence[float], seeds: Sequence[int]) -> Array:
    """(S,) the value of a setting for each run.

    Raises:
        ValueError: for a number of values that is neither one nor the number of runs.

    >>> one_number_a_run("lr", 0.5, [0, 1]), one_number_a_run("lr", [1, 2], [0, 1])
    (array([0.5, 0.5]), array([1., 2.]))
    """
    numbers = np.asarray(value, dtype=np.float64)
    if numbers.ndim > 1 or numbers.size not in (1, len(seeds)):
        raise ValueError(
            f"{name} has {numbers.size} values for {len(seeds)} runs; wanted one, or one a run"
        )
    return np.broadcast_to(numbers.reshape(-1), len(seeds)).copy()


def fingerprint(task: Task) -> str:
    """The first 16 digits of the SHA-256 of a task's examples and split."""
    return digest((task.inputs, task.targets, task.train, task.test))


def digest(tensors: Iterable[Tensor]) -> str:
    """The first 16 digits of the SHA-256 of the shapes and values of tensors.

    >>> digest([torch.zeros(2)]) == digest([torch.zeros(2)]) != digest([torch.zeros(1, 2)])
    True
    """
    found = hashlib.sha256()
    for part in tensors:
        found.update(str(tuple(part.shape)).encode())  # only shapes tell where a split lies
        found.update(part.detach().cpu().contiguous().numpy().tobytes())
    return found.hexdigest()[:16]
