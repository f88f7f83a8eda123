"""What paths through states say: which way runs take, where they stay, and when they arrive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grokedu.measures.arrays import Array


def transition_graph(path: npt.ArrayLike, states: int | None = None) -> Array:
    """How often runs go from one state to another, or stay.

    Args:
        path: (T, S) integer states, 0 .. N-1.
        states: N; the largest state and one by default.

    Returns:
        (N, N) counts over all runs: row from, column to.

    Raises:
        ValueError: for a path that is not (T, S) integers from 0 to N-1.

    >>> transition_graph([[0], [0], [1], [2]]).tolist()
    [[1, 1, 0], [0, 0, 1], [0, 0, 0]]
    """
    table = _checked(path, states)
    size = int(table.max()) + 1 if states is None else states
    counts = np.zeros((size, size), dtype=np.int64)
    np.add.at(counts, (table[:-1].reshape(-1), table[1:].reshape(-1)), 1)
    return counts


def routes(path: npt.ArrayLike) -> dict[tuple[int, ...], list[int]]:
    """The sequences of states, repetitions left out, each with the runs that took it.

    A run that visits a state which most do not is on a detour.

    >>> routes([[0, 0], [0, 1], [1, 1], [2, 2]])
    {(0, 1, 2): [0, 1]}
    """
    table = _checked(path, None)
    found: dict[tuple[int, ...], list[int]] = {}
    for run, column in enumerate(table.T.tolist()):
        way = tuple(state for at, state in enumerate(column) if at == 0 or column[at - 1] != state)
        found.setdefault(way, []).append(run)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def occupancy(path: npt.ArrayLike, states: int | None = None) -> Array:
    """The share of its records that each run spends in each state, (S, N).

    >>> occupancy([[0, 0], [0, 1], [1, 1], [1, 1]]).tolist()
    [[0.5, 0.5], [0.25, 0.75]]
    """
    table = _checked(path, states)
    size = int(table.max()) + 1 if states is None else states
    return np.asarray((table[..., None] == np.arange(size)).mean(axis=0))


def occupancy_predicts_convergence(
    path: npt.ArrayLike, convergence: npt.ArrayLike, states: int | None = None
) -> dict[str, Any]:
    """How well a linear function of the occupancies tells when each run converged.

    A caution that the number needs: where one state begins when runs converge, its occupancy *is*
    the convergence time in other units, and the R² is near 1 whatever happened before. So the R² of
    the single state that does best is given beside that of all.

    Args:
        path: (T, S) integer states.
        convergence: (S,) a step a run, nan where it never came; those runs are left out.
        states: N.

    Returns:
        ``r2`` of the least-squares fit to all occupancies; ``r2_left_out``, in which each run is
        predicted from the others against their mean (below 0 is worse than the mean); ``r2_one``
        and ``best_state`` of one state alone; ``coefficients`` (N,), of least norm as shares sum to
        one; ``runs`` and ``censored``. nan where fewer than three runs converged or all at once.

    Raises:
        ValueError: if convergence is not one number a run.

    Source: Hu et al. 2023, arXiv 2308.09543, section 2.3: R² 0.977 for modular addition.

    >>> path = np.array([[0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 1], [0, 1, 1, 1], [1, 1, 1, 1]])
    >>> found = occupancy_predicts_convergence(path, [40.0, 30.0, 20.0, 10.0])
    >>> round(found["r2"], 9), found["runs"]
    (1.0, 4)
    """
    shares, times = occupancy(path, states), np.asarray(convergence, dtype=np.float64)
    if times.shape != shares.shape[:1]:
        raise ValueError(f"convergence has shape {times.shape}; wanted ({len(shares)},), one a run")
    arrived = np.isfinite(times)
    known, at = shares[arrived], times[arrived]
    result: dict[str, Any] = {
        "r2": float("nan"),
        "r2_left_out": float("nan"),
        "r2_one": float("nan"),
        "best_state": -1,
        "coefficients": np.full(shares.shape[1], np.nan),
        "runs": int(arrived.sum()),
        "censored": int((~arrived).sum()),
    }
    if len(at) < 3 or np.ptp(at) == 0:
        return result
    weights, told = _least_squares(known, at, known)
    others = [np.arange(len(at)) != run for run in range(len(at))]
    left_out = np.array(
        [
            _least_squares(known[rest], at[rest], known[~rest])[1][0] - at[~rest][0]
            for rest in others
        ]
    )
    plain = np.array([at[rest].mean() - at[~rest][0] for rest in others])
    alone = [
        _r2(at, _least_squares(known[:, [state]], at, known[:, [state]])[1])
        for state in range(known.shape[1])
    ]
    return result | {
        "r2": _r2(at, told),
        "r2_left_out": float(1 - (left_out**2).sum() / (plain**2).sum()),
        "r2_one": max(alone),
        "best_state": int(np.argmax(alone)),
        "coefficients": weights,
    }


def leading_changes(
    means: npt.ArrayLike, names: Sequence[str], start: int, end: int, count: int = 3
) -> list[tuple[str, float]]:
    """The measures that differ most between two states, with the difference in deviations.

    Args:
        means: (N, K) of standardised measures in each state.
        names: of the K measures.
        start, end: the states.
        count: how many to give.

    Raises:
        ValueError: for a state that there is not, or another number of names.

    >>> leading_changes([[0.0, 1.0], [2.0, -4.0]], ["norm", "trace"], 0, 1, count=1)
    [('trace', -5.0)]
    """
    table = np.asarray(means, dtype=np.float64)
    if table.ndim != 2 or len(names) != table.shape[1] or not {start, end} <= {*range(len(table))}:
        raise ValueError(
            f"means {table.shape} with {len(names)} names, start={start}, end={end}; wanted "
            "(N, K), K names and two of the states 0 to N - 1"
        )
    change = table[end] - table[start]
    order = np.argsort(-np.abs(change), kind="stable")[:count]
    return [(names[at], float(change[at])) for at in order]


def stage_boundaries(
    steps: npt.ArrayLike, values: npt.ArrayLike, smoothing: float = 3.0
) -> list[float]:
    """The steps at which a smoothed curve turns: from rising to falling or back.

    The curve is smoothed over records by a Gaussian, with the ends mirrored through the end points,
    so that a straight line stays one. Log-spaced records are what Hoogland et al. smooth over.

    Args:
        steps: (T,) rising.
        values: (T,), for example an estimate of the learning coefficient.
        smoothing: the Gaussian's standard deviation in records, positive.

    Returns:
        The steps, interpolated between the middles of neighbouring records.

    Raises:
        ValueError: for lengths that differ, steps that do not rise, values that are not finite,
            fewer than three records, or no smoothing.

    Source: Hoogland et al. 2024, arXiv 2402.02364, who take the critical points of the learning
    coefficient for the boundaries of stages.

    >>> steps = np.arange(101.0)
    >>> [round(step, 6) for step in stage_boundaries(steps, -((steps - 40) ** 2), smoothing=2)]
    [40.0]
    """
    at, curve = np.asarray(steps, dtype=np.float64), np.asarray(values, dtype=np.float64)
    fits = at.shape == curve.shape and at.ndim == 1 and len(at) >= 3 and smoothing > 0
    if not fits or not (np.diff(at) > 0).all() or not np.isfinite(curve).all():
        raise ValueError(
            f"steps {at.shape}, values {curve.shape}, smoothing={smoothing}; wanted two of (T,) "
            "with at least three records, rising steps, finite values, and a positive width such "
            "as 3"
        )
    reach = min(int(4 * smoothing) + 1, len(at) - 1)
    before, after = 2 * curve[0] - curve[reach:0:-1], 2 * curve[-1] - curve[-2 : -reach - 2 : -1]
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / smoothing) ** 2)
    smooth = np.convolve(
        np.concatenate([before, curve, after]), window / window.sum(), mode="valid"
    )
    slope, middle = np.diff(smooth) / np.diff(at), (at[1:] + at[:-1]) / 2
    turns = np.flatnonzero(slope[:-1] * slope[1:] < 0)
    part = slope[turns] / (slope[turns] - slope[turns + 1])
    found = middle[turns] + part * (middle[turns + 1] - middle[turns])
    exact = middle[1:-1][(slope[1:-1] == 0) & (slope[:-2] * slope[2:] < 0)]
    return sorted([*found.tolist(), *exact.tolist()])


def _least_squares(given: Array, wanted: Array, ask: Array) -> tuple[Array, Array]:
    """Coefficients without those of the constant, and predictions."""
    design = np.column_stack([given, np.ones(len(given))])
    weights = np.linalg.lstsq(design, wanted, rcond=None)[0]
    return weights[:-1], np.column_stack([ask, np.ones(len(ask))]) @ weights


def _r2(wanted: Array, told: Array) -> float:
    return float(1 - ((wanted - told) ** 2).sum() / ((wanted - wanted.mean()) ** 2).sum())


def _checked(path: npt.ArrayLike, states: int | None) -> npt.NDArray[np.int64]:
    table = np.asarray(path)
    whole = table.ndim == 2 and table.size and np.issubdtype(table.dtype, np.integer)
    if not whole or table.min() < 0 or (states is not None and table.max() >= states):
        raise ValueError(
            f"the path has shape {table.shape} and type {table.dtype}; wanted (T, S) integers from "
            f"0 to {'N' if states is None else states} - 1"
        )
    return table.astype(np.int64)
