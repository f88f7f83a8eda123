"""Networks that can only memorise, and networks moved to another data size.

A network that generalises *ungroks* when it goes on training on fewer examples than the critical
size (Varma et al. 2023, arXiv 2309.02390).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from grokedu.models.autograd import Model
from grokedu.tasks import Task, random_labels, random_stream
from grokedu.training import train
from grokedu.training.runs import Runs


def memorisation_only(task: Task, seed: int) -> Task:
    """The task with every label drawn anew, so that nothing but memorising can fit it.

    All labels are random, those of the test part too: a test accuracy above 1/classes is luck.

    >>> from grokedu.tasks import make_task
    >>> true = make_task("modular_addition", 31, 0.5, seed=0)
    >>> same = (memorisation_only(true, seed=0).targets == true.targets).double().mean()
    >>> bool(same < 0.1)
    True
    """
    drawn = random_labels(task.targets, task.classes, random_stream(seed, "memorisation"))
    return replace(task, targets=drawn)


def shrink(task: Task, size: int) -> Task:
    """The task with the first so many of its train examples; all others are tested on.

    For two sizes the smaller train part lies in the larger.

    Raises:
        ValueError: if size is not from 1 to the number of train examples.

    >>> from grokedu.tasks import make_task
    >>> task = shrink(make_task("modular_addition", 31, 0.5, seed=0), 100)
    >>> len(task.train), len(task.test)
    (100, 861)
    """
    if not 1 <= size <= len(task.train):
        raise ValueError(
            f"size is {size}; wanted 1 to {len(task.train)}, the train examples that the task has"
        )
    rest = torch.cat([task.train[size:], task.test])
    return replace(task, train=task.train[:size], test=rest)


def ungrok(
    model: Model,
    params: Mapping[str, Tensor],
    tasks: Sequence[Task],
    sizes: Sequence[int],
    *,
    weight_decay: Sequence[float] | float,
    decay_time: float,
    lr: float = 1e-2,
    seeds: Sequence[int] | None = None,
    **settings: Any,
) -> dict[float, Runs]:
    """Go on training networks that generalise, on fewer examples, for a fixed λ·t.

    Every network is trained at every size. Weight decay shrinks a weight that no gradient holds by
    exp(-lr * weight_decay * steps); different weight decays are given the steps with which this is
    the same, since otherwise a smaller one looks like a later end. The optimizer starts anew.

    Args:
        model: the architecture.
        params: the weights of R networks that generalise, with a leading axis of R.
        tasks: R tasks, those that each was trained on; their train parts are shrunk.
        sizes: the numbers of train examples.
        weight_decay: one or several.
        decay_time: lr * weight_decay * steps, positive, for example 10.
        lr: the learning rate.
        seeds: R numbers by which to label the runs; 0 .. R-1 by default.
        settings: further ones of :func:`grokedu.training.train`.

    Returns:
        For each weight decay the runs, ``len(sizes) * R`` of them, with ``train_size`` and ``seed``
        among their labels.

    Raises:
        ValueError: for numbers that are not positive, no sizes, other than R tasks or seeds, less
            than a step, and as :func:`shrink` does.

    Source: Varma et al. 2023, arXiv 2309.02390, section 5.2.

    >>> from grokedu.models import TwoLayer
    >>> from grokedu.tasks import make_task
    >>> model, task = TwoLayer(5, 4), make_task("modular_addition", 5, 0.8, seed=0)
    >>> start = model.init([torch.Generator()])  # of a network that generalises, elsewhere
    >>> found = ungrok(model, start, [task], [5, 10], weight_decay=[0.5, 1.0], decay_time=0.1)
    >>> {decay: (int(runs.steps[-1]), len(runs)) for decay, runs in found.items()}
    {0.5: (20, 2), 1.0: (10, 2)}
    """
    decays = [weight_decay] if isinstance(weight_decay, (int, float)) else [*weight_decay]
    if not (decay_time > 0 and lr > 0 and decays and min(decays) > 0):
        raise ValueError(
            f"decay_time={decay_time}, lr={lr}, weight_decay={weight_decay}; wanted positive "
            "numbers, for example 10, 0.01, [0.5, 1.0]"
        )
    names = [*range(len(tasks))] if seeds is None else [*seeds]
    counts = {name: len(tensor) for name, tensor in params.items()}
    if not len(sizes) or {*counts.values(), len(names)} != {len(tasks)}:
        raise ValueError(
            f"sizes={[*sizes]}, {len(tasks)} tasks, {len(names)} seeds, weights of {counts} runs; "
            "wanted sizes, and as many of all others"
        )
    steps = {decay: round(decay_time / (lr * decay)) for decay in decays}
    if min(steps.values()) < 1:
        raise ValueError(f"decay_time={decay_time}, lr={lr}: {steps} steps; wanted at least one")
    repeated = {name: one.repeat(len(sizes), *[1] * (one.ndim - 1)) for name, one in params.items()}
    shrunk = [shrink(task, size) for size in sizes for task in tasks]
    return {
        decay: train(
            model,
            shrunk,
            start=repeated,
            seeds=names * len(sizes),
            steps=steps[decay],
            lr=lr,
            weight_decay=decay,
            **{"progress": False, **settings},
        )
        for decay in decays
    }
