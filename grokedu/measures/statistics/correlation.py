"""Rank and partial correlation, and how well a number tells two kinds of runs apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import stats


def rank_correlation(x: npt.ArrayLike, y: npt.ArrayLike) -> float:
    """Spearman's rank correlation, ties sharing their mean rank.

    nan where one of the two does not vary, or a number is nan.

    Raises:
        ValueError: for numbers of different count.

    >>> rank_correlation([1, 2, 3, 4], [1, 4, 9, 16])
    1.0
    >>> rank_correlation([1, 2, 3], [5, 5, 5])
    nan
    """
    first, second = np.ravel(x), np.ravel(y)
    if first.shape != second.shape:
        raise ValueError(f"got {first.size} and {second.size} numbers; wanted as many of each")
    if first.size < 2 or any((one == one[0]).all() for one in (first, second)):
        return float("nan")
    return float(stats.spearmanr(first, second).statistic)


def auc(
    values: npt.ArrayLike, positive: npt.ArrayLike, strata: npt.ArrayLike | None = None
) -> float:
    """How often a positive run has a larger value than another run: the area under the ROC curve.

    1 and 0 separate the two kinds perfectly, 0.5 is chance; ties count half (the Mann-Whitney
    statistic over the number of pairs; Hanley and McNeil 1982). nan where one kind is missing, or a
    value is nan.

    Args:
        values, positive: (S,) a number a run, and whether it is of the first kind.
        strata: (S,) only runs of one stratum are compared with each other; all by default.

    Raises:
        ValueError: for lengths that differ.

    >>> auc([1.0, 2.0, 3.0, 4.0], [False, True, False, True])
    0.75
    >>> auc([1.0, 2.0, 3.0, 4.0], [False, True, False, True], strata=[0, 0, 1, 1])
    1.0
    """
    kind, table = np.asarray(positive, dtype=bool), np.asarray(values)
    label = np.zeros(len(kind)) if strata is None else np.asarray(strata)
    if not table.shape == kind.shape == label.shape:
        raise ValueError(f"shapes {table.shape}, {kind.shape}, {label.shape}; wanted (S,) of each")
    # scipy's mannwhitneyu counts the same pairs, twenty times slower: it also works out a p-value.
    above, pairs = 0.0, 0
    for one in np.unique(label):
        here = label == one
        count = int(kind[here].sum())
        above += ranks(table[here])[kind[here]].sum() - count * (count + 1) / 2
        pairs += count * (int(here.sum()) - count)
    return float(above / pairs) if pairs else float("nan")


def ranks(values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The ranks 1, 2, ... of numbers; equal numbers share the mean of theirs.

    All are nan where any number is: nan has no place in an order.

    >>> ranks([10, 30, 10, 20]).tolist()
    [1.5, 4.0, 1.5, 3.0]
    """
    return np.asarray(stats.rankdata(values, nan_policy="propagate"), dtype=np.float64)


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
        Between -1 and 1; nan where the controls leave nothing of x or of y, or a number is nan.

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
    if not all(np.isfinite(one).all() for one in (first, second, others)):
        return float("nan")
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
