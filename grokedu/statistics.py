"""Numbers over several runs with their uncertainty: bootstrap intervals and rank correlation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def bootstrap(
    values: npt.ArrayLike,
    statistic: Callable[[Array], float] = np.median,
    *,
    groups: npt.ArrayLike | None = None,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, float]:
    """A statistic over runs with its percentile bootstrap interval (Efron and Tibshirani 1993).

    Args:
        values: (S, ...) one entry a run; whole runs are resampled. Runs whose entry is nan
            everywhere are left out; say elsewhere how many those were.
        statistic: from resampled values to a number; the median by default.
        groups: (S,) what entries must be resampled together, such as the seed of runs that share
            their split and their initial weights; each run on its own by default.
        level: the coverage that the interval aims at. With few runs it covers less.
        resamples, seed: how many resamples, drawn from which seed.

    Returns:
        ``value``, ``low``, ``high`` and ``runs``, how many entered; all nan where none did.

    >>> bootstrap([1.0, 2.0, 3.0, float("nan")])
    {'value': 2.0, 'low': 1.0, 'high': 3.0, 'runs': 3}
    """
    table = np.asarray(values, dtype=np.float64)
    label = np.arange(len(table)) if groups is None else np.asarray(groups)
    kept = ~np.isnan(table.reshape(len(table), -1)).all(axis=1)
    table, label = table[kept], label[kept]
    count = len(table)
    if count == 0:
        return {"value": float("nan"), "low": float("nan"), "high": float("nan"), "runs": 0}
    members = [np.flatnonzero(label == one) for one in np.unique(label)]
    draws = np.random.default_rng(seed).integers(len(members), size=(resamples, len(members)))
    spread = np.array(
        [statistic(table[np.concatenate([members[one] for one in draw])]) for draw in draws]
    )
    tail = 50 * (1 - level)
    low, high = np.nanpercentile(spread, [tail, 100 - tail])
    value = float(statistic(table))
    return {"value": value, "low": float(low), "high": float(high), "runs": count}


def rank_correlation(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's rank correlation, ties sharing their mean rank; nan where one does not vary.

    >>> rank_correlation([1, 2, 3, 4], [1, 4, 9, 16])
    1.0
    >>> rank_correlation([1, 2, 3], [5, 5, 5])
    nan
    """
    first, second = ranks(x), ranks(y)
    if first.shape != second.shape:
        raise ValueError(f"got {first.size} and {second.size} numbers; wanted as many of each")
    if first.size < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.clip(np.corrcoef(first, second)[0, 1], -1, 1))


def auc(
    values: npt.ArrayLike, positive: npt.ArrayLike, strata: npt.ArrayLike | None = None
) -> float:
    """How often a positive run has a larger value than another run: the area under the ROC curve.

    1 and 0 separate the two kinds perfectly, 0.5 is chance; ties count half (the Mann-Whitney
    statistic over the number of pairs; Hanley and McNeil 1982). nan where one kind is missing.

    Args:
        values, positive: (S,) a number a run, and whether it is of the first kind.
        strata: (S,) only runs of one stratum are compared with each other; all by default.

    >>> auc([1.0, 2.0, 3.0, 4.0], [False, True, False, True])
    0.75
    >>> auc([1.0, 2.0, 3.0, 4.0], [False, True, False, True], strata=[0, 0, 1, 1])
    1.0
    """
    kind, table = np.asarray(positive, dtype=bool), np.asarray(values)
    label = np.zeros(len(kind)) if strata is None else np.asarray(strata)
    above, pairs = 0.0, 0
    for one in np.unique(label):
        here = label == one
        count = int(kind[here].sum())
        above += ranks(table[here])[kind[here]].sum() - count * (count + 1) / 2
        pairs += count * (int(here.sum()) - count)
    return float(above / pairs) if pairs else float("nan")


def ranks(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The ranks 1, 2, ... of numbers; equal numbers share the mean of theirs.

    >>> ranks([10, 30, 10, 20]).tolist()
    [1.5, 4.0, 1.5, 3.0]
    """
    _, inverse, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    mean_rank = last - (counts - 1) / 2
    return np.asarray(mean_rank[inverse.reshape(-1)], dtype=np.float64)
