"""Does a network that generalises lose it when it goes on training on too few examples?

And is the data size at which it does independent of weight decay? Weight decays are compared after
the same learning rate * weight decay * steps: a smaller one is slower, and would look like a
smaller critical size if all were given the same steps.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from grokedu import figures
from grokedu.efficiency import critical_data_size, ungrok
from grokedu.models.two_layer import TwoLayer
from grokedu.reproduce.outcome import Outcome, Verdict, said
from grokedu.runs import Runs
from grokedu.statistics import bootstrap
from grokedu.tasks import make_task
from grokedu.training import train

LR = 0.01
START = 0.95  # the test accuracy that a network must have before its data is taken away
SHARP = 3.0  # from a test accuracy of 0.1 to 0.9 within this factor of the data size is sharp
SAME = 1.25  # critical sizes within this factor of each other count as the same


def run(*, quick: bool, progress: bool) -> Outcome:
    """Quick: p = 23, 64 neurons, 3 seeds. Full: p = 31, 128 neurons, 5 seeds, longer."""
    p, width, seeds = (23, 64, range(3)) if quick else (31, 128, range(5))
    sizes = [40, 80, 120, 160, 210, 280] if quick else [80, 120, 170, 220, 280, 350, 450]
    decays, decay_time = ([0.5, 1.0, 2.0], 15.0) if quick else ([0.3, 1.0, 3.0], 20.0)
    model = TwoLayer(p, width)
    tasks = [make_task("modular_addition", p, 0.7, seed) for seed in seeds]
    grown = train(
        model,
        tasks,
        seeds=seeds,
        steps=1000,
        lr=LR,
        weight_decay=1.0,
        record=[1000],
        progress=progress,
    )
    started = grown["test_accuracy"][-1] >= START
    found: dict[float, Runs] = {}
    for decay in decays:
        steps = round(decay_time / (LR * decay))
        found |= ungrok(
            model,
            grown.params,
            tasks,
            sizes,
            weight_decay=decay,
            decay_time=decay_time,
            lr=LR,
            seeds=[*seeds],
            record=[steps // 2, steps],
            progress=progress,
        )
    shape = (len(sizes), len(seeds))
    ends, halves = (
        {
            decay: runs["test_accuracy"][at].reshape(shape).T[started]
            for decay, runs in found.items()
        }
        for at in (-1, 0)
    )
    critical = {decay: critical_data_size(sizes, table, 0.5) for decay, table in ends.items()}
    widths = {
        decay: critical_data_size(sizes, table, 0.9)["value"]
        / critical_data_size(sizes, table, 0.1)["value"]
        for decay, table in ends.items()
    }
    ratio = bootstrap(
        np.stack([ends[min(decays)], ends[max(decays)]], axis=1),
        lambda rows: (
            critical_data_size(sizes, rows[:, 1], 0.5, resamples=1)["value"]
            / critical_data_size(sizes, rows[:, 0], 0.5, resamples=1)["value"]
        ),
        resamples=300,
    )
    return Outcome(
        verdict=_verdict(widths, ratio),
        says=(
            "the size at which half of the test accuracy is lost, by weight decay: "
            + "; ".join(f"{decay:g}: {said(one)}" for decay, one in critical.items())
            + f"; ratio of the largest weight decay's to the smallest's {said(ratio, '.2f')}; from "
            "a test accuracy of 0.1 to 0.9 the size grows by "
            + ", ".join(f"{one:.1f}" for one in widths.values())
        ),
        published=(
            "Varma et al. 2023 (arXiv 2309.02390): test accuracy falls sharply below a critical "
            "data size, whose place does not depend on weight decay (p = 113, D from 390 to 1494)"
        ),
        numbers={
            "p": p,
            "width": width,
            "decay_time": decay_time,
            "started": int(started.sum()),
            "ratio_of_critical_sizes": ratio,
            "weight_decays": {
                f"{decay:g}".replace(".", "_"): {
                    "weight_decay": decay,
                    "steps": int(found[decay].steps[-1]),
                    "critical": critical[decay],
                    "width_0_1_to_0_9": widths[decay],
                    "cells": [
                        {
                            "train_size": size,
                            "test_accuracy": bootstrap(ends[decay][:, at]),
                            "halfway": bootstrap(halves[decay][:, at]),
                        }
                        for at, size in enumerate(sizes)
                    ],
                }
                for decay in decays
            },
        },
        seeds=[*seeds],
        draw=partial(
            figures.ungrokking,
            sizes,
            ends,
            title=f"p = {p}, {width} neurons, after lr × weight decay × steps = {decay_time:g}",
        ),
    )


def _verdict(widths: dict[float, float], ratio: dict[str, Any]) -> Verdict:
    if not all(np.isfinite(one) for one in widths.values()):
        return "fails"
    same = ratio["low"] >= 1 / SAME and ratio["high"] <= SAME
    return "holds" if same and max(widths.values()) <= SHARP else "holds in a window"
