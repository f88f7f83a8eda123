"""Whether a measure tells what comes later in runs that it was not fitted to."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grokedu.measures.arrays import Array


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
        ValueError: for shapes that do not fit, fewer than two runs, numbers that are not finite, or
            a horizon that is too long.

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
    finite = np.isfinite(table).all(axis=(0, 2)) & np.isfinite(wanted).all(axis=0)
    if not finite.all():
        raise ValueError(
            f"runs {np.flatnonzero(~finite).tolist()} hold numbers that are not finite; leave out "
            "runs that diverged, and take logarithms of positive numbers"
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
