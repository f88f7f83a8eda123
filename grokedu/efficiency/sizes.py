"""Data sizes at which the preferred circuit changes, and what becomes of networks around them.

Varma et al. 2023 (arXiv 2309.02390): the norm that memorising needs rises with the number D of
train examples and that of generalising does not, so that they cross at a critical D. The authors
call a sharp critical size oversimplified, and their account rests on weight decay.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.models.autograd import Model
from grokedu.tasks import Task
from grokedu.training import train
from grokedu.training.runs import Runs


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
        how: further arguments of :func:`grokedu.measures.statistics.bootstrap`.

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

    >>> from grokedu.efficiency import shrink
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
