"""Do embeddings that start large learn slowly, and does that delay generalising?

An Adam step moves every entry by about the learning rate, so that a tensor of large entries turns
slowly. Multiplying the embeddings also makes the logits larger. So they are scaled in two ways:
alone, and with the readout divided by the square, which with x² leaves the function as it was and
changes nothing but the tensors' speeds.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.features import init_scales, rescale_tensors, update_to_weight_ratio
from grokedu.figures.style import BLACK, SERIES, Described, log_scale, panels
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.models.two_layer import TwoLayer
from grokedu.tasks import make_task, random_stream
from grokedu.training import train

FRACTION = 0.7
EARLY = 20  # the step up to which the movement of tensors is measured
SAME, ALONE = "same function", "embeddings alone"
QUICK: dict[str, Any] = {
    "p": 23,
    "width": 64,
    "seeds": 6,
    "factors": [0.5, 1.0, 2.0, 4.0],
    "steps": 1500,
}
FULL: dict[str, Any] = QUICK | {"p": 31, "width": 128, "seeds": 10, "steps": 4000}


def run(*, quick: bool, progress: bool) -> Outcome:
    """Quick: p = 23, 64 neurons, 6 seeds. Full: p = 31, 128 neurons, 10 seeds, longer."""
    setting = QUICK if quick else FULL
    p, steps, factors = (setting[name] for name in ("p", "steps", "factors"))
    seeds = range(setting["seeds"])
    model = TwoLayer(p, setting["width"])
    plain = model.init([random_stream(seed, "init") for seed in seeds])
    grokked: dict[str, Array] = {}
    fitted: dict[str, Array] = {}
    moved: dict[str, dict[str, Array]] = {}
    for arm, power in ((SAME, -2), (ALONE, 0)):
        scaled = [rescale_tensors(plain, {"A": one, "B": one, "W": one**power}) for one in factors]
        start = {name: torch.cat([one[name] for one in scaled]) for name in plain}
        runs = train(
            model,
            partial(make_task, "modular_addition", p, FRACTION),
            start=start,
            seeds=[*seeds] * len(factors),
            steps=steps,
            lr=0.01,
            weight_decay=1.0,
            record=range(0, steps + 1, 10),
            checkpoints=[0, EARLY],
            progress=progress,
        )
        shape = (len(factors), len(seeds))
        grokked[arm], fitted[arm] = (
            one.reshape(shape).T for one in (runs.grokked_at(), runs.fitted_at())
        )
        both = runs.checkpoints[0], runs.checkpoints[EARLY]
        ratios = [
            update_to_weight_ratio(*({k: v[run] for k, v in one.items()} for one in both))
            for run in range(len(runs))
        ]
        moved[arm] = {
            name: np.array([one[name].item() for one in ratios]).reshape(shape).T
            for name in both[0]
        }
    slopes = {arm: bootstrap(table, partial(slope, factors)) for arm, table in grokked.items()}
    default = (2 * p) ** 0.5
    return Outcome(
        verdict=_verdict(factors, grokked[SAME], slopes[SAME]),
        says=(
            "slope of the step of generalising against the embeddings' initial scale, in the "
            "logarithms: "
            + "; ".join(f"{arm} {said(one, '.2f')}" for arm, one in slopes.items())
            + "; median step by factor, same function: "
            + ", ".join(
                f"{factor:g}: {_step(column)}"
                for factor, column in zip(factors, grokked[SAME].T, strict=True)
            )
            + "; PyTorch's own embeddings, of standard deviation 1, would be a factor of "
            f"{default:.1f}"
        ),
        published=(
            "that under the standard parametrisation embeddings learn too slowly against hidden "
            "and readout layers (Yang and Hu 2021, arXiv 2011.14522): no number to "
            "hold this against"
        ),
        numbers={
            "p": p,
            "steps": steps,
            "scales": {
                name: one.mean().item() for name, one in torch.vmap(init_scales)(plain).items()
            },
            "slopes": {"same_function": slopes[SAME], "embeddings_alone": slopes[ALONE]},
            "cells": [
                {
                    "factor": factor,
                    "way": arm,
                    "grokked": bootstrap(grokked[arm][:, at]),
                    "censored": int(np.isnan(grokked[arm][:, at]).sum()),
                    "fitted": bootstrap(fitted[arm][:, at]),
                    "moved": {name: bootstrap(one[:, at]) for name, one in moved[arm].items()},
                }
                for arm in grokked
                for at, factor in enumerate(factors)
            ],
        },
        seeds=[*seeds],
        draw=partial(
            figure,
            factors,
            grokked,
            {f"{name}, {EARLY} steps": one for name, one in moved[SAME].items()},
            last=steps,
            title=f"p = {p}, {setting['width']} neurons; right: scaled with the same function",
        ),
    )


def slope(factors: Array, steps: Array) -> float:
    """Of the median step against the factor, in the logarithms, over the factors where it is known.

    A run that never generalised counts as slower than all others; nan where fewer than two medians
    are known.

    >>> slope(np.array([1.0, 2.0, 4.0]), np.array([[10.0, 20.0, np.nan]]))
    1.0
    """
    middle = np.median(np.nan_to_num(steps, nan=np.inf), axis=0)
    known = np.isfinite(middle)
    if known.sum() < 2:
        return float("nan")
    logs = np.log(np.asarray(factors)[known]), np.log(middle[known])
    return float(np.polyfit(*logs, 1)[0].round(12))


def _step(column: Array) -> str:
    middle = float(np.median(np.nan_to_num(column, nan=np.inf)))
    return f"{middle:.0f}" if np.isfinite(middle) else "censored"


def _verdict(factors: list[float], steps: Array, found: dict[str, float]) -> Verdict:
    middle = np.median(np.nan_to_num(steps, nan=np.inf), axis=0)
    if not found["low"] > 0:
        return "fails"
    rises = all(after >= before for before, after in pairwise(middle))
    return "holds" if rises else "holds in a window"


def figure(
    factors: npt.ArrayLike,
    grokked: Mapping[str, npt.ArrayLike],
    moved: Mapping[str, npt.ArrayLike],
    *,
    last: float,
    title: str = "",
) -> Described:
    """Left, the step of generalising; right, how far each tensor moved early against its size.

    Args:
        factors: (K,) of the embeddings' initial scale.
        grokked: for each way of scaling (S, K) steps, nan where it never came (open triangles).
        moved: for each tensor (S, K), of the first way of scaling.
        last: the last step.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=9.2)
    at = np.asarray(factors)
    said = []
    for index, ((name, values), style) in enumerate(zip(grokked.items(), SERIES, strict=False)):
        table = np.asarray(values)
        x = at * 1.05 ** (index - (len(grokked) - 1) / 2)  # so that they do not cover each other
        ways = np.median(np.nan_to_num(table, nan=np.inf), axis=0)
        known = np.isfinite(ways)
        left.plot(x[known], ways[known], **style, ms=5, lw=1.4, label=name)
        rows = np.broadcast_to(x, table.shape)
        left.scatter(rows, table, color=style["color"], s=10, alpha=0.5, lw=0)
        censored = np.isnan(table)
        left.scatter(
            rows[censored],
            np.full(censored.sum(), last),
            marker="^",
            facecolors="none",
            edgecolors=style["color"],
            s=26,
        )
        pairs = ", ".join(
            f"{way:.0f} at {f:g}" if np.isfinite(way) else f"unknown at {f:g}"
            for way, f in zip(ways, at, strict=True)
        )
        said.append(f"{name}: {pairs}")
    left.axhline(last, color=BLACK, lw=0.6, alpha=0.5)
    for (name, values), style in zip(moved.items(), SERIES, strict=False):
        middle = np.median(np.asarray(values), axis=0)
        right.plot(at, middle, **style, ms=5, lw=1.4, label=name)
        said.append(
            f"{name} moved "
            + ", ".join(f"{m:.2f} at {f:g}" for m, f in zip(middle, at, strict=True))
        )
    for axes in (left, right):
        log_scale(axes, "x")
        log_scale(axes, "y", subs=(1.0, 2.0, 5.0))
        axes.set(xlabel="initial scale of the embeddings, times", xticks=at)
        axes.legend(frameon=False, fontsize=8)
    left.set_ylabel("step of generalising")
    right.set_ylabel("movement over initial norm")
    if title:
        figure.suptitle(title)
    figure.alt = (
        "Two panels against the factor of the embeddings' initial scale, log axes. Left, the step "
        f"of generalising, medians; open triangles never did within {last:g} steps. Right, the "
        f"movement of each tensor against its initial norm. {'; '.join(said)}."
    )
    return figure
