"""Does memorising cost more norm the more data there is, and generalising not?

Networks are trained on random labels, which can only be memorised, and on true ones, at several
data sizes. All are compared at one train loss, to which the logits of a homogeneous network can be
scaled by its norm alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.efficiency import (
    critical_data_size,
    memorisation_only,
    norm_at_fixed_loss,
    shrink,
    trigonometric_share,
)
from grokedu.figures.style import (
    BLACK,
    BLUE,
    VERMILION,
    Described,
    count,
    log_scale,
    panels,
)
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.models.two_layer import TwoLayer
from grokedu.tasks import Task, make_task
from grokedu.training import train
from grokedu.training.runs import Runs

QUICK: dict[str, Any] = {
    "p": 23,
    "width": 64,
    "seeds": 3,
    "steps": 1000,
    "sizes": [90, 130, 180, 240, 320, 420],
}
FULL: dict[str, Any] = {
    "p": 31,
    "width": 128,
    "seeds": 5,
    "steps": 3000,
    "sizes": [150, 210, 290, 400, 500, 620, 760],
}
LOSS = 0.1  # nats, at which the norms are compared
DEGREE = 3  # of the bias-free network with x²
GENERALISES = 0.95  # the test accuracy from which on a network counts as generalising
FLAT = 0.25  # a slope of less than this part of the memorising one counts as flat


def run(*, quick: bool, progress: bool) -> Outcome:
    """Quick: p = 23, 64 neurons, 3 seeds. Full: p = 31, 128 neurons, 5 seeds, longer."""
    setting = QUICK if quick else FULL
    p, width, steps, sizes = (setting[name] for name in ("p", "width", "steps", "sizes"))
    seeds = range(setting["seeds"])
    model = TwoLayer(p, width)
    tables = {
        seed: make_task("modular_addition", p, max(sizes) / p**2 + 0.01, seed) for seed in seeds
    }
    true = [shrink(tables[seed], size) for seed in seeds for size in sizes]
    drawn = [
        memorisation_only(task, seed) for task, seed in zip(true, _each(seeds, sizes), strict=True)
    ]
    found: dict[str, Runs] = {
        name: train(
            model,
            tasks,
            seeds=_each(seeds, sizes),
            steps=steps,
            lr=0.01,
            weight_decay=1.0,
            record=[steps // 2, steps],
            progress=progress,
        )
        for name, tasks in (("true", true), ("random", drawn))
    }
    shape = (len(seeds), len(sizes))
    norms = {
        name: _norms(model, found[name], tasks).reshape(shape)
        for name, tasks in (("true", true), ("random", drawn))
    }
    accuracy = found["true"]["test_accuracy"][-1].reshape(shape)
    share = trigonometric_share(_logits(model, found["true"], true[0])).numpy().reshape(shape)
    general = (accuracy >= GENERALISES).all(axis=0)
    log = np.log(sizes)
    rising = bootstrap(norms["random"], lambda rows: _slope(log, rows))
    flat = (
        bootstrap(norms["true"][:, general], lambda rows: _slope(log[general], rows))
        if general.sum() > 1
        else bootstrap([float("nan")])
    )
    level = (
        np.median(norms["true"][:, general], axis=1)
        if general.any()
        else np.full(len(seeds), np.nan)
    )
    by_norm = critical_data_size(sizes, norms["random"], level[:, None])
    by_accuracy = critical_data_size(sizes, accuracy, 0.5)
    return Outcome(
        verdict=_verdict(rising, flat),
        says=(
            f"norm at a train loss of {LOSS:g} against the data size, slope in the logarithms: "
            f"random labels {said(rising, '.2f')}, true labels where they generalise "
            f"{said(flat, '.2f')}; the two cross at {said(by_norm)} examples, and the test "
            f"accuracy passes one half at {said(by_accuracy)}"
        ),
        published=(
            "Varma et al. 2023 (arXiv 2309.02390): the norm that memorising needs rises with the "
            "data size, that of generalising does not, and they cross at a critical data size, "
            "which the authors call oversimplified"
        ),
        numbers={
            "p": p,
            "width": width,
            "steps": steps,
            "weight_decay": 1.0,
            "loss": LOSS,
            "slope_random": rising,
            "slope_true": flat,
            "critical_by_norm": by_norm,
            "critical_by_accuracy": by_accuracy,
            "cells": [
                {
                    "train_size": size,
                    "norm_random": bootstrap(norms["random"][:, at]),
                    "norm_true": bootstrap(norms["true"][:, at]),
                    "test_accuracy": bootstrap(accuracy[:, at]),
                    "trigonometric_share": bootstrap(share[:, at]),
                    "train_accuracy_random": bootstrap(
                        found["random"]["train_accuracy"][-1].reshape(shape)[:, at]
                    ),
                }
                for at, size in enumerate(sizes)
            ],
        },
        seeds=[*seeds],
        draw=partial(
            figure,
            sizes,
            norms["random"],
            norms["true"],
            accuracy,
            critical=by_norm,
            loss=LOSS,
            title=f"p = {p}, {width} neurons, weight decay 1, {len(seeds)} seeds",
        ),
    )


def _each(seeds: Sequence[int], sizes: Sequence[int]) -> list[int]:
    return [seed for seed in seeds for _ in sizes]


def _logits(model: TwoLayer, runs: Runs, task: Task) -> Tensor:
    return model.apply({name: one.double() for name, one in runs.params.items()}, task.inputs)


def _norms(model: TwoLayer, runs: Runs, tasks: Sequence[Task]) -> Array:
    """(runs,) the norm of each at the train loss, nan where no scale of the logits reaches it."""
    logits = _logits(model, runs, tasks[0])
    norms = torch.from_numpy(runs["l2_norm"][-1])
    return np.array(
        [
            norm_at_fixed_loss(
                logits[at, task.train], task.targets[task.train], norms[at], LOSS, degree=DEGREE
            ).item()
            for at, task in enumerate(tasks)
        ]
    )


def _slope(log: Array, rows: Array) -> float:
    middle = np.nanmedian(rows, axis=0)
    return float(np.polyfit(log, np.log(middle), 1)[0]) if np.isfinite(middle).all() else np.nan


def _verdict(rising: dict[str, Any], flat: dict[str, Any]) -> Verdict:
    if not rising["low"] > 0 or not flat["high"] < rising["low"]:
        return "fails"
    even = max(abs(flat["low"]), abs(flat["high"])) < FLAT * rising["value"]
    return "holds" if even else "holds in a window"


def figure(
    sizes: npt.ArrayLike,
    memorising: npt.ArrayLike,
    true: npt.ArrayLike,
    test_accuracy: npt.ArrayLike,
    *,
    critical: Mapping[str, float] | None = None,
    loss: float,
    title: str = "",
) -> Described:
    """The norm at a fixed train loss, with random labels and with true ones, and the test accuracy.

    Args:
        sizes: (K,) numbers of training examples.
        memorising, true: (S, K) the norms, a row a seed.
        test_accuracy: (S, K) of the networks with true labels.
        critical: ``value``, ``low`` and ``high`` of the size at which the two cross; a band.
        loss: the train loss in nats that the norms are for.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=9.2)
    at = np.asarray(sizes)
    said = []
    for name, values, colour, marker, line in (
        ("random labels", memorising, VERMILION, "s", "--"),
        ("true labels", true, BLUE, "o", "-"),
    ):
        table = np.asarray(values)
        middle = np.nanmedian(table, axis=0)
        left.plot(at, middle, color=colour, marker=marker, ls=line, lw=1.6, ms=5, label=name)
        left.scatter(np.tile(at, len(table)), table.ravel(), color=colour, s=10, alpha=0.5, lw=0)
        pairs = ", ".join(f"{m:.1f} at {s}" for m, s in zip(middle, at, strict=True))
        said.append(f"{name}: {pairs}")
    table = np.asarray(test_accuracy)
    middle = np.median(table, axis=0)
    right.plot(at, middle, color=BLUE, marker="o", lw=1.6, ms=5)
    right.scatter(np.tile(at, len(table)), table.ravel(), color=BLUE, s=10, alpha=0.5, lw=0)
    words = ""
    if critical is not None and np.isfinite(critical["value"]):
        for axes in (left, right):
            axes.axvspan(critical["low"], critical["high"], color=BLACK, alpha=0.12, lw=0)
            axes.axvline(critical["value"], color=BLACK, ls=":", lw=1)
        words = (
            f" The norms cross at {critical['value']:.0f} examples "
            f"[{critical['low']:.0f}, {critical['high']:.0f}]."
        )
    left.set_ylabel(f"norm at a train loss of {loss:g}")
    right.set(ylabel="test accuracy, true labels", ylim=(-0.04, 1.06))
    for axes in (left, right):
        log_scale(axes, "x", subs=(1.0, 2.0, 5.0))
        axes.set(xlabel="train examples", xticks=at)
    left.legend(frameon=False, fontsize=8)
    if title:
        figure.suptitle(title)
    accuracies = ", ".join(f"{a:.2f} at {s}" for a, s in zip(middle, at, strict=True))
    figure.alt = (
        "Two panels against the number of train examples, log scale, for "
        f"{count(len(table), 'seed')}. Left, the norm at a train loss of {loss:g}, medians: "
        f"{'; '.join(said)}. Right, the median test accuracy with true labels: {accuracies}.{words}"
    )
    return figure
