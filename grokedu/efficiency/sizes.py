"""Data sizes at which the preferred circuit changes, and networks moved to another data size.

Varma et al. 2023 (arXiv 2309.02390): the norm that memorising needs rises with the number D of
train examples and that of generalising does not, so that they cross at a critical D. A network that
generalises *ungroks* when it goes on training below it. The authors call a sharp critical size
oversimplified, and their account rests on weight decay.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from grokedu.loop import Model
from grokedu.runs import Runs
from grokedu.statistics import bootstrap
from grokedu.tasks import Task, random_labels, random_stream
from grokedu.training import train

Array = npt.NDArray[Any]
AnyModel = TypeVar("AnyModel", bound=Model)


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


def started_from(model: AnyModel, params: Mapping[str, Tensor]) -> AnyModel:
    """The same architecture, whose runs start at given weights and not at random ones.

    Args:
        model: any with ``init`` and ``apply``; the result is of a subclass of its type.
        params: weights with a leading axis, one entry a run that is to be started.

    >>> from grokedu.models import TwoLayer
    >>> start = TwoLayer(5, 8).init([torch.Generator().manual_seed(7)])
    >>> model = started_from(TwoLayer(5, 8), start)
    >>> again = model.init([torch.Generator()])
    >>> bool((again["A"] == start["A"]).all()), again["A"] is start["A"]
    (True, False)
    """
    kept = {name: tensor.detach().clone() for name, tensor in params.items()}

    def init(
        _self: Any,
        generator: Sequence[torch.Generator],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        wrong = {
            name: len(tensor) for name, tensor in kept.items() if len(tensor) != len(generator)
        }
        if wrong:
            raise ValueError(f"there are weights for {wrong} runs; wanted {len(generator)}")
        return {name: one.to(device, dtype, copy=True) for name, one in kept.items()}

    twin = copy.copy(model)
    kind = type(model)
    object.__setattr__(twin, "__class__", type(kind.__name__, (kind,), {"init": init}))
    return twin


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
            started_from(model, repeated),
            shrunk,
            seeds=names * len(sizes),
            steps=steps[decay],
            lr=lr,
            weight_decay=decay,
            **{"progress": False, **settings},
        )
        for decay in decays
    }


def crossing(sizes: npt.ArrayLike, rising: npt.ArrayLike, level: npt.ArrayLike = 0.0) -> float:
    """The size at which a rising curve first crosses a level, linear in the logarithm of the size.

    Args:
        sizes: (K,) rising and positive.
        rising: (K,) the curve.
        level: a number, or another curve of shape (K,).

    Returns:
        The size; nan where the curve starts above the level or never gets to it.

    Raises:
        ValueError: if the sizes do not rise, or shapes do not fit.

    >>> round(crossing([10, 100, 1000], [0.0, 0.0, 1.0], 0.5), 6)  # halfway in the logarithm
    316.227766
    """
    at = np.asarray(sizes, dtype=np.float64)
    gap = np.asarray(rising, dtype=np.float64) - np.asarray(level, dtype=np.float64)
    if gap.shape != at.shape or at.ndim != 1 or not (at[:1] > 0).all() or (np.diff(at) <= 0).any():
        raise ValueError(
            f"sizes={at.tolist()} for a curve of shape {gap.shape}; wanted rising positive sizes, "
            "one a point, for example [100, 200, 400]"
        )
    above = np.flatnonzero(gap >= 0)
    if not len(above) or above[0] == 0 or not np.isfinite(gap[above[0] - 1]):
        return float("nan")
    before, after = above[0] - 1, above[0]
    part = -gap[before] / (gap[after] - gap[before])
    return float(np.exp(np.log(at[before]) + part * np.log(at[after] / at[before])))


def critical_data_size(
    sizes: npt.ArrayLike, rising: npt.ArrayLike, level: npt.ArrayLike = 0.0, **how: Any
) -> dict[str, float]:
    """The crossing of the runs' median curve, with its bootstrap interval over runs.

    Two uses: the norm that memorising networks need, against the level of the norm that
    generalising ones need; and the test accuracy against 0.5.

    Args:
        sizes: (K,) rising.
        rising: (S, K) a curve a run.
        level: a number, or (S, K) the other curve of the same runs: then the median difference is
            what crosses 0.
        how: further arguments of :func:`grokedu.statistics.bootstrap`.

    Returns:
        ``value``, ``low``, ``high``, ``runs`` and ``unknown``, the share of resamples without any
        crossing; these are left out of the interval, which is too narrow where they are many.

    Raises:
        ValueError: for a curve that is not (S, K), and as :func:`crossing` does.

    >>> curves = [[0.0, 0.2, 1.0], [0.0, 0.5, 1.0], [0.0, 0.5, 1.0]]
    >>> found = critical_data_size([10, 20, 40], curves, 0.5)
    >>> round(found["value"], 6), found["runs"], found["unknown"]
    (20.0, 3, 0.0)
    """
    gap = np.asarray(rising, dtype=np.float64) - np.asarray(level, dtype=np.float64)
    if gap.ndim != 2 or gap.shape[1] != np.size(sizes):
        raise ValueError(
            f"the curves have shape {gap.shape} for {np.size(sizes)} sizes; wanted (S, K), a row "
            "for each run"
        )
    seen: list[float] = []

    def statistic(rows: Array) -> float:
        seen.append(crossing(sizes, np.median(rows, axis=0)))
        return seen[-1]

    with warnings.catch_warnings():  # of numpy's, where no resample has a crossing
        warnings.simplefilter("ignore", RuntimeWarning)
        found = bootstrap(gap, statistic, **how)
    return {**found, "unknown": float(np.isnan(seen[:-1]).mean()) if len(seen) > 1 else 1.0}


def regimes(
    runs: Runs,
    *,
    threshold: float = 0.95,
    low: float = 0.1,
    ratio: float = 2.0,
) -> Array:
    """What became of each run, in the words of Huang et al. 2024 (arXiv 2402.15175).

    - "underfit": the train accuracy never reached the threshold and the test accuracy neither;
    - "memorisation": fitted, and the last test accuracy is below ``low``;
    - "semi-grokking": fitted, and the last test accuracy is between ``low`` and the threshold;
    - "grokking": the test accuracy reached the threshold, later than the train accuracy by at least
      the ratio in steps;
    - "progression": it reached it, and not so late.

    A run that was cut off before it grokked counts by what it had reached: say how long it ran.

    Returns:
        (S,) of strings.

    Raises:
        ValueError: unless 0 <= low < threshold <= 1 and the ratio is at least 1.

    >>> train = np.array([[0.1, 0.1], [1.0, 1.0], [1.0, 1.0]])
    >>> test = np.array([[0.1, 0.1], [0.1, 0.1], [1.0, 0.5]])
    >>> history = {"train_accuracy": train, "test_accuracy": test}
    >>> regimes(Runs(np.array([0, 10, 100]), history, {"seed": np.arange(2)})).tolist()
    ['grokking', 'semi-grokking']
    """
    if not (0 <= low < threshold <= 1 <= ratio):
        raise ValueError(
            f"low={low}, threshold={threshold}, ratio={ratio}; wanted 0 <= low < threshold <= 1 "
            "and a ratio of at least 1"
        )
    fitted, general = runs.fitted_at(threshold), runs.grokked_at(threshold)
    last = runs["test_accuracy"][-1]
    late = general >= ratio * np.maximum(fitted, 1)
    return np.select(
        [np.isfinite(general) & late, np.isfinite(general), np.isnan(fitted), last < low],
        ["grokking", "progression", "underfit", "memorisation"],
        default="semi-grokking",
    )


def size_data_map(
    models: Mapping[int, Model],
    task: Callable[[int, int], Task],
    sizes: Sequence[int],
    *,
    seeds: Sequence[int],
    **settings: Any,
) -> dict[int, Runs]:
    """Train every model size at every data size, all data sizes and seeds of a model side by side.

    Args:
        models: model size, such as the width, to architecture.
        task: from (data size, seed) to a task.
        sizes: the numbers of train examples.
        seeds: of the runs.
        settings: of :func:`grokedu.training.train`.

    Returns:
        For each model size its runs, labelled by ``seed`` and ``train_size``.

    Source: the maps of Huang et al. 2024, arXiv 2402.15175.

    >>> from grokedu.models import TwoLayer
    >>> from grokedu.tasks import make_task
    >>> full = make_task("modular_addition", 5, 0.8, seed=0)
    >>> found = size_data_map(
    ...     {4: TwoLayer(5, 4)}, lambda size, seed: shrink(full, size), [5, 10], seeds=[0], steps=2)
    >>> found[4].labels["train_size"].tolist()
    [5, 10]
    """
    tasks = [task(size, seed) for size in sizes for seed in seeds]
    return {
        width: train(model, tasks, seeds=[*seeds] * len(sizes), **{"progress": False, **settings})
        for width, model in models.items()
    }
