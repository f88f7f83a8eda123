"""Numbers over several runs with their uncertainty, rank and partial correlation, censored runs."""

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


def partial_correlation(
    x: npt.ArrayLike, y: npt.ArrayLike, controls: npt.ArrayLike, *, ranked: bool = True
) -> float:
    """The correlation of x and y once a linear function of the controls is taken out of both.

    For one control z it is ``(r_xy - r_xz r_yz) / sqrt((1 - r_xz²)(1 - r_yz²))``. For an interval
    over runs hand :func:`bootstrap` the columns: ``bootstrap(table, lambda t:
    partial_correlation(t[:, 0], t[:, 1], t[:, 2:]))``.

    Args:
        x, y: (n,) numbers.
        controls: (n,) or (n, C).
        ranked: whether to take the ranks of all of them first, as Spearman does.

    Returns:
        Between -1 and 1; nan where the controls leave nothing of x or of y.

    Raises:
        ValueError: for lengths that differ, or no more numbers than controls and two.

    >>> z = np.array([0.0, 1.0, 2.0, 3.0])
    >>> noise = np.array([1.0, -1.0, -1.0, 1.0])  # nothing to do with z
    >>> round(partial_correlation(z + noise, 5 * z - noise, z, ranked=False), 9)
    -1.0
    """
    first, second = (np.asarray(one, dtype=np.float64) for one in (x, y))
    others = np.asarray(controls, dtype=np.float64)
    others = others[:, None] if others.ndim == 1 else others
    if first.ndim != 1 or not len(first) == len(second) == len(others) >= others.shape[1] + 3:
        raise ValueError(
            f"got {first.shape} and {second.shape} numbers with controls {others.shape}; wanted as "
            "many of each, and at least three more than there are controls"
        )
    if ranked:
        first, second = ranks(first), ranks(second)
        others = np.column_stack([ranks(column) for column in others.T])
    design = np.column_stack([np.ones(len(first)), others])
    left, singular, _ = np.linalg.svd(design, full_matrices=False)
    floor = singular[0] * len(design) * np.finfo(np.float64).eps
    span = left[:, singular > floor]
    rest = [one - span @ (span.T @ one) for one in (first, second)]
    sizes = [np.linalg.norm(one) for one in rest]
    whole = [np.linalg.norm(one - one.mean()) for one in (first, second)]
    if any(size <= 1e-10 * all_of_it for size, all_of_it in zip(sizes, whole, strict=True)):
        return float("nan")
    return float(np.clip(rest[0] @ rest[1] / (sizes[0] * sizes[1]), -1, 1))


def leave_one_run_out(
    features: npt.ArrayLike, target: npt.ArrayLike, horizon: int, *, ridge: float = 1e-6
) -> dict[str, Array]:
    """Predict what comes later in a run from measures now, with a rule learnt on all other runs.

    A linear rule with a constant is fitted to ``target[t + horizon]`` by the measures at t, over
    all records of the other runs, and applied to the run left out. Beside it stands the baseline
    that the last value stays: ``target[t]``. A measure is worth something where it beats both that
    and the target's own present value, so put the target among the features to see what they add.

    Args:
        features: (T, S, K) measures; they are standardised by the other runs' mean and deviation.
        target: (T, S), for example the logarithm of the test loss.
        horizon: how many records ahead, at least 1.
        ridge: the penalty on the standardised weights, against measures that repeat each other.

    Returns:
        ``prediction``, ``last_value`` and ``truth``, each (T - horizon, S). See :func:`skill`.

    Raises:
        ValueError: for shapes that do not fit, fewer than two runs, or a horizon that is too long.

    >>> steps = np.arange(6.0)[:, None]
    >>> target = -steps * [1.0, 2.0, 3.0]  # falls at a rate that the one measure tells
    >>> slope = np.broadcast_to([1.0, 2.0, 3.0], (6, 3))
    >>> found = leave_one_run_out(np.dstack([slope, target]), target, horizon=2, ridge=0)
    >>> bool(np.allclose(found["prediction"], found["truth"]))
    True
    """
    table, wanted = np.asarray(features, dtype=np.float64), np.asarray(target, dtype=np.float64)
    fits = table.ndim == 3 and wanted.shape == table.shape[:2] and table.shape[1] >= 2
    if not fits or not 1 <= horizon < len(table) or not ridge >= 0:
        raise ValueError(
            f"features {table.shape}, target {wanted.shape}, horizon={horizon}, ridge={ridge}; "
            "wanted (T, S, K) and (T, S) of at least two runs, and 1 <= horizon < T"
        )
    now, later = table[:-horizon], wanted[horizon:]
    told = np.empty_like(later)
    for run in range(table.shape[1]):
        rest = np.arange(table.shape[1]) != run
        known = now[:, rest].reshape(-1, table.shape[2])
        middle, spread = known.mean(axis=0), known.std(axis=0)
        spread = np.where(spread > 0, spread, 1.0)
        design, goal = (known - middle) / spread, later[:, rest].reshape(-1)
        size = ridge**0.5 * len(design) ** 0.5 * np.eye(design.shape[1])
        rows = np.vstack([design, size])
        goals = np.concatenate([goal - goal.mean(), np.zeros(len(size))])
        weights = np.linalg.lstsq(rows, goals, rcond=None)[0]
        told[:, run] = goal.mean() + (now[:, run] - middle) / spread @ weights
    return {"prediction": told, "last_value": wanted[:-horizon], "truth": later}


def skill(prediction: npt.ArrayLike, baseline: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """One minus the squared error of a prediction over that of a baseline.

    1 is perfect, 0 no better than the baseline, below 0 worse; nan where the baseline is perfect.
    With the mean for a baseline it is R².

    Raises:
        ValueError: for shapes that differ.

    >>> skill([1.0, 3.0], [0.0, 0.0], [1.0, 2.0])
    0.8
    """
    told, plain, wanted = (np.asarray(one, dtype=float) for one in (prediction, baseline, truth))
    if not told.shape == plain.shape == wanted.shape:
        raise ValueError(f"shapes {told.shape}, {plain.shape}, {wanted.shape}; wanted them equal")
    error = float(((plain - wanted) ** 2).sum())
    return 1 - float(((told - wanted) ** 2).sum()) / error if error else float("nan")


def kaplan_meier(times: npt.ArrayLike, last: npt.ArrayLike) -> tuple[Array, Array]:
    """The share of runs that has not got there by each time, with runs that were cut off counted.

    Just after each time at which some run got there the share is multiplied by ``1 - got there /
    still watched``. A run that was cut off before counts as watched until then, and no longer.

    Args:
        times: (S,) when each got there, nan where it was cut off first: a censored run.
        last: (S,) or a number: until when each was watched.

    Returns:
        The times at which some run got there, rising, and the share left just after each.

    Raises:
        ValueError: if there are no runs, or one got there after it was last watched.

    Source: Kaplan and Meier 1958.

    >>> at, left = kaplan_meier([10.0, np.nan, 30.0], last=[100, 20, 100])
    >>> at.tolist(), left.round(4).tolist()  # 2/3, and then the only one watched got there
    ([10.0, 30.0], [0.6667, 0.0])
    """
    when = np.asarray(times, dtype=np.float64)
    until = np.broadcast_to(np.asarray(last, dtype=np.float64), when.shape)
    if not when.size or (when > until).any():
        raise ValueError(f"times={when.tolist()}, last={until.tolist()}; wanted runs, none later")
    watched = np.where(np.isnan(when), until, when)
    at = np.unique(when[~np.isnan(when)])
    arrived = (when[None] == at[:, None]).sum(axis=1)
    return at, np.cumprod(1 - arrived / (watched[None] >= at[:, None]).sum(axis=1))


def concordance(values: npt.ArrayLike, times: npt.ArrayLike, last: npt.ArrayLike) -> float:
    """How often the run with the larger value gets there later, among pairs of which that is known.

    Of a pair it is known when one got there at a time at which the other was still watched and had
    not. 1 and 0 are perfect, 0.5 is chance; equal values count half; nan where no pair is known.

    Args:
        values: (S,) a number a run.
        times, last: as for :func:`kaplan_meier`.

    Source: Harrell et al. 1982 (doi 10.1001/jama.1982.03320430047030).

    >>> concordance([1.0, 2.0, 3.0], [10.0, 20.0, np.nan], last=100)
    1.0
    """
    value, when = (np.asarray(one, dtype=np.float64) for one in (values, times))
    until = np.broadcast_to(np.asarray(last, dtype=np.float64), when.shape)
    watched = np.where(np.isnan(when), until, when)
    known = (when[:, None] < watched[None]) | (
        (when[:, None] == watched[None]) & np.isnan(when)[None]
    )
    agree = (value[:, None] < value[None]) + 0.5 * (value[:, None] == value[None])
    return float(agree[known].mean()) if known.any() else float("nan")
