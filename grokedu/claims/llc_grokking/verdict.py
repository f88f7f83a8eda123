"""Does the estimate fall with every loss at every gamma, and what follows the test loss best?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from grokedu.claims.llc_grokking.experiment import MEASURES
from grokedu.claims.llc_grokking.figure import figure
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap, rank_correlation


def since_fitted(found: Mapping[str, Any]) -> Array:
    """(T, S), whether a run has fitted its train pairs by a checkpoint."""
    return np.asarray(found["steps"][:, None] >= found["fitted"])


def change(values: Array, after: Array) -> Array:
    """(S,), the last of (T, S) values over the first at which ``after`` holds; nan without one.

    >>> change(np.array([[9.0], [4.0], [1.0]]), np.array([[False], [True], [True]]))
    array([0.25])
    """
    first = values[after.argmax(axis=0), np.arange(values.shape[1])]
    return np.where(after.any(axis=0), values[-1] / first, np.nan)


def with_test_loss(found: Mapping[str, Any], values: Array) -> Array:
    """(S,), each run's rank correlation of (T, S) values with its test loss, from the fit on."""
    after = since_fitted(found)
    return np.array(
        [
            rank_correlation(values[here, run], found["test_loss"][here, run])
            for run, here in enumerate(after.T)
        ]
    )


def humps(found: Mapping[str, Any], g: int) -> Array:
    """(S,), whether the estimate peaks between the ends, by more than two combined errors."""
    values, errors = found["llc"][g], found["error"][g]
    at = values.argmax(axis=0), np.arange(values.shape[1])
    clear = [values[at] - values[end] > 2 * np.hypot(errors[at], errors[end]) for end in (0, -1)]
    return np.logical_and(*clear)


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of one loss, with intervals over its runs."""
    by_gamma = {}
    for g, gamma in enumerate(found["gammas"]):
        ratio = bootstrap(change(found["llc"][g], since_fitted(found)))
        by_gamma[f"{gamma:g}"] = {
            "median": np.median(found["llc"][g], axis=1).tolist(),
            "standard_error": np.median(found["error"][g], axis=1).tolist(),
            "at_end_over_at_fit": ratio,
            "falls": ratio["high"] < 1,
            "rises": ratio["low"] > 1,
            "with_test_loss": bootstrap(with_test_loss(found, found["llc"][g])),
            "humps": int(humps(found, g).sum()),
            "warnings": found["warnings"][f"{gamma:g}"],
        }
    others = {name: label for name, label in MEASURES.items() if name != "test_loss"}
    return {
        "runs": len(found["grokked"]),
        "grokked": int(np.isfinite(found["grokked"]).sum()),
        "fitted_at": bootstrap(found["fitted"]),
        "grokked_at": bootstrap(found["grokked"]),
        "steps": found["steps"].tolist(),
        "nbeta": found["nbeta"],
        "gammas": by_gamma,
        "medians": {name: np.median(found[name], axis=1).tolist() for name in MEASURES},
        "at_end_over_at_fit": {
            name: bootstrap(change(found[name], since_fitted(found))) for name in others
        },
        "with_test_loss": {name: bootstrap(with_test_loss(found, found[name])) for name in others},
    }


def judge(falls: Sequence[bool]) -> Verdict:
    """*Holds* where it falls with every loss at every gamma, in a window where at some."""
    return "holds" if all(falls) else "holds in a window" if any(falls) else "fails"


def outcome(found: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """The claim, from what ``experiment.along`` gives for each loss."""
    numbers = {loss: summary(one) for loss, one in found.items()}
    sentences = []
    for loss, one in numbers.items():
        at = ", ".join(
            f"{said(row['at_end_over_at_fit'], '.2g')} at gamma={gamma} (rank correlation with "
            f"the test loss {said(row['with_test_loss'], '.2f')})"
            for gamma, row in one["gammas"].items()
        )
        beside = ", ".join(
            f"{MEASURES[name]} {said(row, '.2f')}" for name, row in one["with_test_loss"].items()
        )
        sentences.append(
            f"{loss.replace('_', '-')}, {one['grokked']} of {one['runs']} runs grokked: at the "
            f"end the estimate is this many times that at the fit: {at}; beside it, the rank "
            f"correlations: {beside}"
        )
    return Outcome(
        verdict=judge([row["falls"] for one in numbers.values() for row in one["gammas"].values()]),
        says=". ".join(sentences),
        published=(
            "Cullen 2026 (arXiv 2603.01192): the estimate humps, and moves by orders of magnitude "
            "with gamma; devinterp's example on addition modulo 53: it rises while memorising and "
            "falls with the test loss"
        ),
        numbers=numbers,
        seeds=range(max(one["runs"] for one in numbers.values())),
        draw=partial(figure, found, title="Along grokking runs, p = 31"),
    )
