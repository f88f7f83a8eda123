"""Does a network that generalises lose it when it goes on training on too few examples?

And is the data size at which it does independent of weight decay? Weight decays are compared after
the same learning rate * weight decay * steps: a smaller one is slower, and would look like a
smaller critical size if all were given the same steps.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.efficiency import critical_data_size, crossing, ungrok
from grokedu.figures.style import (
    SERIES,
    Described,
    log_scale,
    panels,
)
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.models.two_layer import TwoLayer
from grokedu.tasks import make_task
from grokedu.training import train
from grokedu.training.runs import Runs

LR = 0.01
QUICK: dict[str, Any] = {
    "p": 23,
    "width": 64,
    "seeds": 3,
    "sizes": [40, 80, 120, 160, 210, 280],
    "weight_decays": [0.5, 1.0, 2.0],
    "decay_time": 15.0,
    "steps": 1000,
}
FULL: dict[str, Any] = QUICK | {
    "p": 31,
    "width": 128,
    "seeds": 5,
    "sizes": [80, 120, 170, 220, 280, 350, 450],
    "weight_decays": [0.3, 1.0, 3.0],
    "decay_time": 20.0,
}
START = 0.95  # the test accuracy that a network must have before its data is taken away
LOST = 0.5  # below it generalising counts as lost
SHARP = 3.0  # from a test accuracy of 0.1 to 0.9 within this factor of the data size is sharp
SAME = 1.25  # critical sizes within this factor of each other count as the same


def run(*, quick: bool, progress: bool) -> Outcome:
    """Quick: p = 23, 64 neurons, 3 seeds. Full: p = 31, 128 neurons, 5 seeds, longer."""
    setting = QUICK if quick else FULL
    p, width, seeds = setting["p"], setting["width"], range(setting["seeds"])
    sizes, decays, decay_time = (setting[k] for k in ("sizes", "weight_decays", "decay_time"))
    model = TwoLayer(p, width)
    tasks = [make_task("modular_addition", p, 0.7, seed) for seed in seeds]
    grown = train(
        model,
        tasks,
        seeds=seeds,
        steps=setting["steps"],
        lr=LR,
        weight_decay=1.0,
        record=[setting["steps"]],
        progress=progress,
    )
    started = grown["test_accuracy"][-1] >= START
    if not started.any():
        raise ValueError(
            f"none of {len(grown)} networks had a test accuracy of {START:g} after "
            f"{setting['steps']} steps; there is nothing to lose, train longer"
        )
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
    widths = {decay: width_of(sizes, np.median(table, axis=0)) for decay, table in ends.items()}
    ratio = bootstrap(
        np.stack([ends[min(decays)], ends[max(decays)]], axis=1),
        lambda rows: (
            critical_data_size(sizes, rows[:, 1], 0.5, resamples=1)["value"]
            / critical_data_size(sizes, rows[:, 0], 0.5, resamples=1)["value"]
        ),
        resamples=300,
    )
    return Outcome(
        verdict=_verdict(ends, widths, ratio),
        says=(
            "the size at which half of the test accuracy is lost, by weight decay: "
            + "; ".join(f"{decay:g}: {said(one)}" for decay, one in critical.items())
            + f"; ratio of the largest weight decay's to the smallest's {said(ratio, '.2f')}; from "
            "a test accuracy of 0.1 to 0.9 the size grows by "
            + ", ".join(
                f"{'at least ' * one['at_least']}{one['value']:.1f}" for one in widths.values()
            )
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
            figure,
            sizes,
            ends,
            title=f"p = {p}, {width} neurons, after lr × weight decay × steps = {decay_time:g}",
        ),
    )


def width_of(sizes: Sequence[int], accuracy: Array) -> dict[str, Any]:
    """By what factor the size grows from a test accuracy of 0.1 to one of 0.9.

    Where an end is not within the sizes, the smallest or the largest stands for it, and the factor
    is ``at_least`` that.

    >>> width_of([10, 20, 40], np.array([0.1, 0.5, 0.9]))
    {'value': 4.0, 'at_least': True}
    """
    low, high = (crossing(sizes, accuracy, level) for level in (0.1, 0.9))
    ends = (sizes[0] if np.isnan(low) else low, sizes[-1] if np.isnan(high) else high)
    return {"value": ends[1] / ends[0], "at_least": bool(np.isnan([low, high]).any())}


def _verdict(
    ends: dict[float, Array], widths: dict[float, dict[str, Any]], ratio: dict[str, Any]
) -> Verdict:
    middles = [np.median(table, axis=0) for table in ends.values()]
    if not all(middle[0] < LOST and middle[-1] >= START for middle in middles):
        return "fails"
    same = ratio["low"] >= 1 / SAME and ratio["high"] <= SAME
    sharp = all(one["value"] <= SHARP and not one["at_least"] for one in widths.values())
    return "holds" if same and sharp else "holds in a window"


def figure(
    sizes: npt.ArrayLike,
    accuracies: Mapping[float, npt.ArrayLike],
    *,
    scratch: npt.ArrayLike | None = None,
    title: str = "",
) -> Described:
    """The test accuracy that networks keep when they go on training on fewer examples.

    Args:
        sizes: (K,) numbers of training examples.
        accuracies: for each weight decay (S, K), a row a seed.
        scratch: (S, K) of networks trained at that size from the start, if known.
        title: drawn above, if any.
    """
    figure, (axes,) = panels(1)
    at = np.asarray(sizes)
    said = []
    rows = [(f"weight decay {decay:g}", values) for decay, values in accuracies.items()]
    if scratch is not None:
        rows.append(("from scratch", scratch))
    for index, ((name, values), style) in enumerate(zip(rows, SERIES, strict=False)):
        table = np.asarray(values)
        middle = np.median(table, axis=0)
        x = at * 1.012 ** (
            index - (len(rows) - 1) / 2
        )  # so that the series do not cover each other
        below, above = middle - table.min(axis=0), table.max(axis=0) - middle
        axes.errorbar(x, middle, yerr=[below, above], **style, ms=5, lw=1.4, capsize=2, label=name)
        pairs = ", ".join(f"{m:.2f} at {s}" for m, s in zip(middle, at, strict=True))
        said.append(f"{name}: {pairs}")
    log_scale(axes, "x", subs=(1.0, 2.0, 5.0))
    axes.set(xlabel="train examples", ylabel="test accuracy", ylim=(-0.04, 1.06), xticks=at)
    axes.legend(frameon=False, fontsize=8)
    if title:
        axes.set_title(title, fontsize=10)
    figure.alt = (
        "Test accuracy, median and range over seeds, against the number of train examples, log "
        f"scale. {'; '.join(said)}."
    )
    return figure
