"""How long the transformer at p = 113 takes until it has a test accuracy of 0.95, on two threads.

Wall-clock seconds of one run, the measuring at log-spaced steps included; the aim is a minute on
two quiet cores. A run that does not get there within the recipe's steps shows nan.
"""

from __future__ import annotations

import os
import time
from typing import Any

import numpy as np
import torch

from grokedu.training import recipes

THERE, AIM = 0.95, 60


def measure(seeds: tuple[int, ...] = (0, 1, 2)) -> list[dict[str, Any]]:
    """One row a seed."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    rows = []
    for seed in seeds:
        load, began = os.getloadavg()[0], time.perf_counter()
        runs = recipes.TRANSFORMERS["p113-transformer"](seeds=[seed], stop=_there, progress=False)
        rows.append(
            {
                "seed": seed,
                "load": round(load, 1),
                "fitted at": float(runs.fitted_at()[0]),
                "0.95 at": float(runs.grokked_at(THERE)[0]),
                "test accuracy": round(float(runs["test_accuracy"][-1, 0]), 3),
                "seconds": round(time.perf_counter() - began, 1),
                "aim": AIM,
            }
        )
    torch.set_num_threads(before)
    return rows


def _there(_step: int, row: dict[str, np.ndarray]) -> bool:
    return bool((row["test_accuracy"] >= THERE).all())
