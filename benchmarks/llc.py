"""The learning coefficient in five tables: what the estimator finds, at what price, beside others.

Accuracy where the exact value is known; errors at equal gradients and gradients a second beside
SGLD and devinterp; 40 checkpoints of a grokking run; and in-context regression, by its claim.
"""

from __future__ import annotations

from typing import Any

from benchmarks import llc_accuracy, llc_against, llc_grokking, llc_throughput
from grokedu.claims import icl_stages

Rows = list[dict[str, Any]]


def measure() -> dict[str, Rows]:
    """The tables by their titles."""
    in_context = icl_stages.run(quick=True, progress=False)
    return {
        "accuracy, nothing set for a case": llc_accuracy.measure(),
        **llc_against.measure(),
        "throughput": llc_throughput.measure(),
        "along a grokking run": llc_grokking.table(),
        "in-context regression": [{"verdict": in_context.verdict, "says": in_context.says}],
    }
