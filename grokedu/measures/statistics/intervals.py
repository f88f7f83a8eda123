"""Numbers over several runs with their uncertainty."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
import numpy.typing as npt

from grokedu.measures.arrays import Array


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
        values: (S, ...) one entry a run, at least one; whole runs are resampled. Runs whose entry
            is nan everywhere are left out; say elsewhere how many those were. For a median a run
            that never got there may be inf instead: it then counts as later than all others.
        statistic: from resampled values to a number; the median by default.
        groups: (S,) what entries must be resampled together, such as the seed of runs that share
            their split and their initial weights; each run on its own by default.
        level: the coverage that the interval aims at. With few runs it covers less.
        resamples, seed: how many resamples, drawn from which seed.

    Returns:
        ``value``, ``low``, ``high`` and ``runs``, how many entered; all nan where none did.

    Raises:
        ValueError: for no values, groups of another number, a level outside (0, 1) or no resamples.

    >>> bootstrap([1.0, 2.0, 3.0, float("nan")])
    {'value': 2.0, 'low': 1.0, 'high': 3.0, 'runs': 3}
    """
    table = np.atleast_1d(np.asarray(values, dtype=np.float64))
    label = np.arange(len(table)) if groups is None else np.asarray(groups)
    if not table.size or label.shape != table.shape[:1] or not 0 < level < 1 or resamples < 1:
        raise ValueError(
            f"values {table.shape}, groups {label.shape}, level={level}, resamples={resamples}; "
            "wanted a value a run, a group each if any, 0 < level < 1 and resamples >= 1"
        )
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
    # Between a number and inf nothing can be interpolated.
    method: Literal["higher", "linear"] = "higher" if np.isinf(spread).any() else "linear"
    low, high = np.nanpercentile(spread, [tail, 100 - tail], method=method)
    value = float(statistic(table))
    return {"value": value, "low": float(low), "high": float(high), "runs": count}
