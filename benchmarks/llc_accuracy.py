"""The learning coefficient estimated where it is known, with nothing set for a case.

n = 1e6 and gamma = 1, the population loss, five seeds. ``rms %`` is the root mean square of the
relative errors, ``error %`` the mean of the standard errors that the estimates give themselves,
``missed`` how many of the errors above 5 % carry no warning, and ``alarms`` how many of those below
2 % carry one. ``from w*`` is the rms error of chains that begin at w* and not too hot.
"""

from __future__ import annotations

import math
import statistics
import time
from functools import partial
from typing import Any

import torch

from grokedu.llc import estimate_llc
from grokedu.llc.exact import known
from grokedu.llc.exact.known import Known

N = 1e6
SEEDS = range(5)
CASES: dict[str, Known] = {
    "regression, condition 1e3": known.quadratic(torch.logspace(0, -3, 20).tolist(), n=N),
    "regression, condition 1e5": known.quadratic(torch.logspace(0, -5, 20).tolist(), n=N),
    "4-4-4, r 2": known.deep_linear([4] * 3, 2),
    "5-5-5-5, r 2": known.deep_linear([5] * 4, 2),
    "10-10-10, r 4": known.deep_linear([10] * 3, 4),
    "20-20-20, r 6": known.deep_linear([20] * 3, 6),
    "10-20-20-10, r 4": known.deep_linear([10, 20, 20, 10], 4),
    "30-40-30, r 6": known.deep_linear([30, 40, 30], 6),
    "100-50-50-100, r 10": known.deep_linear([100, 50, 50, 100], 10),
    "6-6-6-6-6, r 2": known.deep_linear([6] * 5, 2),
    "7-7-7-7-7-7, r 2": known.deep_linear([7] * 6, 2),
    "8-8-8-8-8-8-8, r 2": known.deep_linear([8] * 7, 2),
}


def measure() -> list[dict[str, Any]]:
    """One row a case."""
    return [_row(name, case) for name, case in CASES.items()]


def _row(name: str, case: Known) -> dict[str, Any]:
    one = partial(estimate_llc, case.loss, params=case.center, n=N, progress=False)
    found, seconds = [], []
    for seed in SEEDS:
        began = time.perf_counter()
        found.append(one(seed=seed))
        seconds.append(time.perf_counter() - began)
    errors = [each.value / case.value - 1 for each in found]
    cold = [one(seed=seed, heat=1).value / case.value - 1 for seed in SEEDS]
    own = statistics.mean(each.standard_error / case.value for each in found)
    pairs = list(zip(errors, found, strict=True))
    return {
        "case": name,
        "weights": sum(layer.numel() for layer in case.center.values()),
        "exact": f"{case.value:g}",
        "m": case.multiplicity,
        "mean %": f"{100 * statistics.mean(errors):.1f}",
        "rms %": f"{100 * _rms(errors):.1f}",
        "error %": f"{100 * own:.1f}",
        "missed": sum(abs(error) > 0.05 and not each.warnings for error, each in pairs),
        "alarms": sum(abs(error) < 0.02 and bool(each.warnings) for error, each in pairs),
        "from w* %": f"{100 * _rms(cold):.1f}",
        "seconds": round(statistics.median(seconds), 2),
    }


def _rms(errors: list[float]) -> float:
    return math.sqrt(statistics.mean(error**2 for error in errors))
