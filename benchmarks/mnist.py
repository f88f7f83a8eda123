"""MNIST with 784-200-200-10 neurons: the landscape over the kept norm, and the delayed run.

The landscape trains 13 scales of the initial weights, side by side on spheres of their norms, at
two data sizes: one seed, Adam at 1e-3, squared error, batches of 100. The delayed run is that of
``grokedu reproduce mnist-grokking --quick``: every initial weight times 8, 1000 images, AdamW at
1e-3 with a weight decay of 0.2, batches of 200. Wall-clock seconds with the recording, and what
came out; the aims are for two quiet cores.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import torch

from grokedu.measures import first_reach
from grokedu.models.mlp import MLP
from grokedu.optimizers import AdamW
from grokedu.reproduce.mnist import mnist_split
from grokedu.sphere import alpha_landscape, descend, scaled_copies
from grokedu.tasks import random_stream
from grokedu.training import log_spaced

MODEL = MLP((784, 200, 200, 10))
ALPHAS, SIZES = np.logspace(-1, 1, 13).tolist(), (200, 2000)
LANDSCAPE_STEPS, DELAYED_STEPS = 681, 5000


def measure() -> list[dict[str, Any]]:
    """A row for each size of the landscape and one for the delayed run."""
    mnist_split(1, 0)  # the images are read once
    jobs: list[tuple[str, int, str, Callable[[], dict[str, float]]]] = [
        *(
            (f"landscape, {size}", LANDSCAPE_STEPS, "90 for both", partial(_landscape, size))
            for size in SIZES
        ),
        ("delayed run, 1000", DELAYED_STEPS, "20", _delayed),
    ]
    rows = []
    for name, steps, aim, work in jobs:
        print(f"{name} images ...", file=sys.stderr)
        load, began = os.getloadavg()[0], time.perf_counter()
        came_out = work()
        rows.append(
            {
                "images": name,
                "steps": steps,
                "threads": torch.get_num_threads(),
                "load": round(load, 1),
                "seconds": round(time.perf_counter() - began, 1),
                "aim": aim,
                "came out": came_out,
            }
        )
    return rows


def _landscape(size: int) -> dict[str, float]:
    found = alpha_landscape(
        MODEL,
        mnist_split,
        alphas=ALPHAS,
        sizes=[size],
        seeds=[0],
        steps=LANDSCAPE_STEPS,
        batch_size=100,
        progress=False,
    )
    train, test = 1 - found.train_accuracy[0, :, 0], 1 - found.test_accuracy[0, :, 0]
    best = int(test.argmin())
    return {
        "best alpha": round(ALPHAS[best], 2),
        "test error there": round(float(test[best]), 3),
        "test error at 10": round(float(test[-1]), 3),
        "train error at 10": round(float(train[-1]), 3),
    }


def _delayed() -> dict[str, float]:
    done = descend(
        MODEL,
        scaled_copies(MODEL, 0, [8.0]),
        mnist_split(1000, 0),
        optimizer=AdamW(1e-3, 0.2),
        steps=DELAYED_STEPS,
        batch_size=200,
        generator=random_stream(0, "batches"),
        record=log_spaced(DELAYED_STEPS, 30),
    )
    steps, train, test = done.steps, done.history["train_accuracy"], done.history["test_accuracy"]
    return {
        "train accuracy 0.99 at": float(first_reach(steps, train, 0.99)[0]),
        "test accuracy 0.8 at": float(first_reach(steps, test, 0.8)[0]),
        "test accuracy at the end": round(float(test[-1, 0]), 3),
    }
