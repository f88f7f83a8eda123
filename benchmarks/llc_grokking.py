"""Along a grokking run: seconds for 40 checkpoints, and whether twice the gradients change them.

One run of ``llc-grokking`` trained with the cross-entropy, at gamma = 10, four chains: once with
480 gradients each and once with 960 and other random numbers. *Converged* means that the two
differ by more than two combined standard errors at no more checkpoints than chance lets: of 40, 2
in the mean and 5 in one of twenty tries. The aim is 30 s on two quiet cores.
"""

from __future__ import annotations

import math
import os
import time
from dataclasses import replace
from typing import Any

from grokedu.claims.llc_grokking.experiment import SETTINGS, Setting, estimates, trained

GRADIENTS, CHECKPOINTS, GAMMA, AIM_SECONDS, BEYOND_CHANCE = 480, 40, 10.0, 30, 5


def table(
    setting: Setting = SETTINGS[0], count: int = CHECKPOINTS, gradients: int = GRADIENTS
) -> list[dict[str, Any]]:
    """One row for each number of gradients; the second is compared with the first."""
    setting, load = replace(setting, gammas=(GAMMA,)), os.getloadavg()[0]
    steps = setting.checkpoints(count)
    runs = trained(setting, [0], steps, progress=False)
    task, weights = setting.task(0), [runs.checkpoint(step) for step in steps]
    rows, found = [], []
    for seed, share in enumerate((gradients, 2 * gradients)):
        began = time.perf_counter()
        each = estimates(setting, task, weights, share, progress=False, seed=seed)
        seconds = time.perf_counter() - began
        found.append([row[0] for row in each])
        rows.append(
            {
                "gradients": share,
                "checkpoints": len(steps),
                "load": round(load, 1),
                "seconds": round(seconds, 1),
                "aim s": AIM_SECONDS if share == GRADIENTS else None,
                "first": round(found[-1][0].value, 2),
                "highest": round(max(one.value for one in found[-1]), 2),
                "last": round(found[-1][-1].value, 2),
            }
        )
    apart = [
        abs(a.value - b.value) / math.hypot(a.standard_error, b.standard_error)
        for a, b in zip(*found, strict=True)
    ]
    compared = {
        "beyond 2 errors": sum(one > 2 for one in apart),
        "at most by chance": BEYOND_CHANCE,
        "largest, errors": round(max(apart), 1),
    }
    return [row | dict.fromkeys(compared) for row in rows[:1]] + [rows[1] | compared]


measure = table

if __name__ == "__main__":
    for row in table():
        print("  ".join(f"{name}: {value}" for name, value in row.items() if value is not None))
