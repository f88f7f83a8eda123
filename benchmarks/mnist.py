"""MNIST with 784-200-200-10 neurons: the landscape over the kept norm, and the delayed run.

The landscape trains 13 scales of the initial weights, side by side on spheres of their norms, at
two data sizes: one seed, Adam at 1e-3, squared error, batches of 100. The delayed run is that of
``grokedu reproduce mnist-grokking --quick``: every initial weight times 8, 1000 images, AdamW at
1e-3 with a weight decay of 0.2, batches of 200; two seeds in two threads, and seconds a seed are
half of what both take. Wall-clock seconds with the recording, and what came out; the aims are for
two quiet cores.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

import numpy as np

from grokedu.claims import mnist_grokking
from grokedu.measures import first_reach
from grokedu.models.mlp import MLP
from grokedu.sphere import alpha_landscape
from grokedu.tasks import mnist_task
from grokedu.training.threads import in_threads

MODEL = MLP((784, 200, 200, 10))
ALPHAS, SIZES, SEEDS = np.logspace(-1, 1, 13).tolist(), (200, 2000), (0, 1)
LANDSCAPE_STEPS, DELAYED_STEPS = 681, 5000


def measure() -> list[dict[str, Any]]:
    """A row for the landscape and one for the delayed run."""
    mnist_task(1, 0)  # the images are read once
    rows = []
    for name, steps, aim, work in (
        ("landscape, 200 and 2000 images", LANDSCAPE_STEPS, 90, _landscape),
        ("delayed run, a seed", DELAYED_STEPS, 20, _delayed),
    ):
        print(f"{name} ...", file=sys.stderr)
        load, began = os.getloadavg()[0], time.perf_counter()
        came_out = work()
        seconds = time.perf_counter() - began
        rows.append(
            {
                "run": name,
                "steps": steps,
                "load": round(load, 1),
                "s": round(seconds / (len(SEEDS) if work is _delayed else 1), 1),
                "aim s": aim,
                "came out": came_out,
            }
        )
    return rows


def _landscape() -> dict[str, list[float]]:
    found = alpha_landscape(
        MODEL,
        mnist_task,
        alphas=ALPHAS,
        sizes=SIZES,
        seeds=[0],
        steps=LANDSCAPE_STEPS,
        batch_size=100,
        progress=False,
    )
    train, test = 1 - found.train_accuracy[..., 0], 1 - found.test_accuracy[..., 0]
    return {
        "best alpha": np.array(ALPHAS)[test.argmin(axis=1)].round(2).tolist(),
        "test error there": test.min(axis=1).round(3).tolist(),
        "test error at 10": test[:, -1].round(3).tolist(),
        "train error at 10": train[:, -1].round(3).tolist(),
    }


def _delayed() -> dict[str, list[float]]:
    runs = [*in_threads(_delayed_run, SEEDS)]
    return {name: [run[name] for run in runs] for name in runs[0]}


def _delayed_run(seed: int) -> dict[str, float]:
    runs = mnist_grokking.measure([seed], steps=DELAYED_STEPS, weight_decay=0.2)
    steps, train, test = runs.steps, runs["train_accuracy"], runs["test_accuracy"]
    return {
        "train accuracy 0.99 at": float(first_reach(steps, train, 0.99)[0]),
        "test accuracy 0.8 at": float(first_reach(steps, test, 0.8)[0]),
        "test accuracy at the end": round(float(test[-1, 0]), 3),
    }
