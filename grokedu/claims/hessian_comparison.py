"""Is the strongly localised learning coefficient a rescaled Hessian trace, and where do they part?

On a quadratic loss with curvatures h the estimate is half the sum of ``nbeta h / (nbeta h +
gamma)``. For a gamma far above nbeta h that is ``nbeta tr(H) / (2 gamma)``: the trace, rescaled by
known numbers. The networks and estimates are those of ``llc-grokking``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from grokedu import figures
from grokedu.claims.llc_grokking.experiment import measured
from grokedu.claims.llc_grokking.verdict import change, since_fitted
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap, rank_correlation

RESCALED = 0.95  # a linear correlation along a run from which on one is the other, rescaled


def run(*, quick: bool, progress: bool) -> Outcome:
    """The runs and the estimates of ``llc-grokking``."""
    return outcome(measured(quick, progress))


def predicted(found: Mapping[str, Any]) -> Array:
    """(G, T, S), the estimate that the trace alone predicts, ``nbeta tr(H) / (2 gamma)``."""
    return np.asarray(
        found["nbeta"] * found["hessian_trace"] / (2 * found["gammas"][:, None, None])
    )


def linear_correlation(x: Array, y: Array) -> float:
    """Pearson's; nan where one of the two does not vary.

    >>> linear_correlation(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    1.0
    """
    if len(x) < 2 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return float("nan")
    return round(float(np.corrcoef(x, y)[0, 1]), 12)


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of one loss, with intervals over its runs: at each gamma, and after grokking."""
    trace, runs = found["hessian_trace"], found["llc"].shape[2]
    late = np.asarray(found["steps"][:, None] >= found["grokked"])
    rows: dict[str, Any] = {}
    for g, gamma in enumerate(found["gammas"]):
        values = found["llc"][g]
        ratio = values / predicted(found)[g]
        rows[f"{gamma:g}"] = {
            "rank": bootstrap([rank_correlation(values[:, s], trace[:, s]) for s in range(runs)]),
            "linear": bootstrap(
                [linear_correlation(values[:, s], trace[:, s]) for s in range(runs)]
            ),
            "over_predicted": np.median(ratio, axis=1).tolist(),
            "least_over_predicted": bootstrap(ratio.min(axis=0)),
            "most_over_predicted": bootstrap(ratio.max(axis=0)),
            "at_end_over_at_fit": bootstrap(change(values, since_fitted(found))),
            "at_end_over_at_grok": bootstrap(change(values, late)),
        }
    return {
        "runs": runs,
        "grokked_at": bootstrap(found["grokked"]),
        "checkpoints_after_grokking": late.sum(axis=0).tolist(),
        "steps": found["steps"].tolist(),
        "trace": np.median(trace, axis=1).tolist(),
        "trace_at_end_over_at_fit": bootstrap(change(trace, since_fitted(found))),
        "trace_at_end_over_at_grok": bootstrap(change(trace, late)),
        "gammas": rows,
    }


def rescaled(one: Mapping[str, Any]) -> bool:
    """Whether the estimate at the largest gamma is the trace times a constant, in every resample.

    The constant need not be the one that a quadratic loss predicts.
    """
    return bool([*one["gammas"].values()][-1]["linear"]["low"] >= RESCALED)


def parts(one: Mapping[str, Any]) -> bool:
    """Whether the trace rises after grokking while the estimate falls at some gamma."""
    falls = [row["at_end_over_at_grok"]["high"] < 1 for row in one["gammas"].values()]
    return bool(one["trace_at_end_over_at_grok"]["low"] > 1 and any(falls))


def judge(numbers: Mapping[str, Mapping[str, Any]]) -> Verdict:
    """*Holds* where both do with both losses, in a window where something of it does."""
    seen = [test(one) for one in numbers.values() for test in (rescaled, parts)]
    return "holds" if all(seen) else "holds in a window" if any(seen) else "fails"


def outcome(found: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """The claim, from what ``llc_grokking.experiment.along`` gives for each loss."""
    numbers: dict[str, Any] = {loss: summary(one) for loss, one in found.items()}
    sentences = []
    for loss, one in numbers.items():
        each = ", ".join(
            f"gamma={gamma}: {said(row['linear'], '.2f')} and {said(row['rank'], '.2f')}, from "
            f"{said(row['least_over_predicted'], '.2g')} to "
            f"{said(row['most_over_predicted'], '.2g')} times what the trace predicts, "
            f"{said(row['at_end_over_at_grok'], '.2g')}-fold from the grok to the end"
            for gamma, row in one["gammas"].items()
        )
        sentences.append(
            f"{loss.replace('_', '-')}, linear and rank correlation with the trace along a run, "
            f"{each}; the trace {said(one['trace_at_end_over_at_grok'], '.2g')}-fold"
        )
    numbers["rescaled"] = {loss: rescaled(numbers[loss]) for loss in found}
    numbers["parts"] = {loss: parts(numbers[loss]) for loss in found}
    return Outcome(
        verdict=judge({loss: numbers[loss] for loss in found}),
        says=". ".join(sentences),
        published=(
            "Cullen 2026 (arXiv 2603.01192): after grokking the estimate falls while the "
            "Hutchinson trace rises; on a quadratic loss a large gamma makes the estimate the "
            "trace, rescaled"
        ),
        numbers=numbers,
        seeds=range(max(numbers[loss]["runs"] for loss in found)),
        draw=partial(_draw, found),
    )


def _draw(found: Mapping[str, Mapping[str, Any]]) -> figures.Described:
    return figures.traces(
        [
            figures.Panel(
                one["steps"],
                {
                    f"γ = {gamma:g}": ratio
                    for gamma, ratio in zip(one["gammas"], one["llc"] / predicted(one), strict=True)
                },
                "optimizer step",
                f"λ̂ over nβ tr H / 2γ, {loss.replace('_', '-')}",
                "y" if (one["llc"] > 0).all() else "",
                {"the trace, rescaled": np.ones(len(one["steps"]))},
            )
            for loss, one in found.items()
        ],
        title="The estimate over what the Hessian's trace alone predicts",
    )
