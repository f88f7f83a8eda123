"""Is the train loss L-shaped and the test loss U-shaped in the norm that training keeps?"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from grokedu import figures
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.models.mlp import MLP
from grokedu.sphere import Landscape, alpha_landscape
from grokedu.tasks import mnist_task

NEAR_ONE = (0.5, 2.0)  # where the published landscape is lowest
FITTED = 0.01  # a train error of at most this counts as fitted


def run(*, quick: bool, progress: bool) -> Outcome:
    """Train at every α and size over three seeds; quick takes fewer α and steps."""
    alphas = np.logspace(-1, 1, 9 if quick else 21)
    sizes, seeds = ((200, 2000) if quick else (50, 200, 1000, 3000)), range(3)
    steps = 300 if quick else 10_000
    found = alpha_landscape(
        MLP((784, 200, 200, 10)),
        mnist_task,
        alphas=alphas.tolist(),
        sizes=sizes,
        seeds=seeds,
        steps=steps,
        lr=1e-3,
        batch_size=100,
        progress=progress,
    )
    cells = {f"n_{size}": cell(found, at) for at, size in enumerate(sizes)}
    small, large = cells[f"n_{sizes[0]}"], cells[f"n_{sizes[-1]}"]
    collapses = large["gap_at_largest"]["high"] < small["gap_at_largest"]["low"]
    verdict = judge([*cells.values()], collapses)
    return Outcome(
        verdict=verdict,
        says="; ".join(
            f"{one['size']} images, {steps} steps: test error {said(one['least'], '.2f')} at best, "
            f"near α = {one['best_alpha']:.2g}, and {said(one['test_at_largest'], '.2f')} at α = "
            f"{alphas[-1]:.2g} with a train error of {said(one['train_at_largest'], '.2f')}; train "
            f"error above {FITTED:g} up to α = {one['unfitted_up_to']:.2g}, fitted with a larger "
            f"test error up to {_number(one['fitted_right'])}"
            for one in cells.values()
        ),
        published=(
            "Liu et al. 2022 (arXiv 2210.01117), 200 images: test error about 0.18 at α = 1, 0.77 "
            "near α = 8 with train error 0; 8000 images: about 0.10 at α = 8 (the best over "
            "training; here the value at the end)"
        ),
        numbers={
            "alphas": found.alphas,
            "sizes": found.sizes,
            "steps": steps,
            "cells": cells,
            "train_error": 1 - found.train_accuracy,
            "test_error": 1 - found.test_accuracy,
            "train_loss": found.train_loss,
            "test_loss": found.test_loss,
        },
        seeds=[*seeds],
        draw=partial(
            figures.landscape, found, title="MNIST at a fixed weight norm, learning rate as given"
        ),
    )


def judge(cells: list[dict[str, Any]], collapses: bool) -> Verdict:
    """The verdict from the shapes at every size.

    *Holds*: L and U at every size, and the gap at the largest α smaller with the most data. *In a
    window*: a U at the least size, with a stretch on its right that fits and does not generalise as
    well; further right the train error may rise again, since Adam's steps turn too little there.
    """
    if collapses and all(one["l_shaped"] and one["u_shaped"] for one in cells):
        return "holds"
    return "holds in a window" if cells[0]["u_shaped"] and cells[0]["fitted_right"] else "fails"


def cell(found: Landscape, at: int) -> dict[str, Any]:
    """The shapes at one data size.

    *L-shaped*: the train error is large at the least α, and small from some α up to the largest.
    *U-shaped*: the test error is larger at both ends than at the best α, by more than the intervals
    over seeds. ``fitted_right``: the largest α right of the best that fits with such a test error.
    """
    train, test = 1 - found.train_accuracy[at], 1 - found.test_accuracy[at]
    middle = np.median(test, axis=1)
    best = int(middle.argmin())
    least, right, left = (_over_seeds(test[k]) for k in (best, -1, 0))
    unfitted = np.median(train, axis=1) > FITTED
    right_of = [
        float(found.alphas[k])
        for k in range(best + 1, len(middle))
        if not unfitted[k] and _over_seeds(test[k])["low"] > least["high"]
    ]
    edge = int(np.argmin(unfitted)) if not unfitted.all() else len(unfitted)
    return {
        "size": int(found.sizes[at]),
        "best_alpha": float(found.alphas[best]),
        "least": least,
        "test_at_largest": right,
        "train_at_largest": _over_seeds(train[-1]),
        "gap_at_largest": _over_seeds(test[-1] - train[-1]),
        "unfitted_up_to": float(found.alphas[edge - 1]) if edge else float("nan"),
        "l_shaped": bool(edge and not unfitted[edge:].any() and edge < len(unfitted)),
        "u_shaped": bool(right["low"] > least["high"] and left["low"] > least["high"]),
        "fitted_right": max(right_of, default=None),
        "best_is_near_one": bool(NEAR_ONE[0] <= found.alphas[best] <= NEAR_ONE[1]),
    }


def right_of_best(found: Landscape, at: int = 0) -> tuple[list[str], list[bool]]:
    """A line for the best α of one data size and for each larger one, and which of these are bad.

    An α is *bad* if it fits (a median train error of at most :data:`FITTED`) and its test error is
    larger than at the best α by more than the intervals over seeds. The best α is the one with the
    least median test error, chosen on the test data.
    """
    train, test = 1 - found.train_accuracy[at], 1 - found.test_accuracy[at]
    best = int(np.median(test, axis=1).argmin())
    least = _over_seeds(test[best])
    lines, bad = [f"best at α = {found.alphas[best]:g}: test error {said(least, '.2f')}"], []
    for k in range(best + 1, len(found.alphas)):
        error = _over_seeds(test[k])
        bad.append(bool(np.median(train[k]) <= FITTED and error["low"] > least["high"]))
        lines.append(
            f"α = {found.alphas[k]:3g}: train error {np.median(train[k]):.2f}, test error "
            f"{said(error, '.2f')}{'  fits, and is worse' if bad[-1] else ''}"
        )
    return lines, bad


def judge_right(bad: list[bool]) -> tuple[Verdict, str]:
    """Whether every, some or no α to the right of the best one fits and does worse."""
    verdict: Verdict = "holds" if all(bad) else "holds in a window" if any(bad) else "fails"
    return verdict, f"of the {len(bad)} α above the best one, {sum(bad)} fit and do worse"


def _over_seeds(values: Array) -> dict[str, float]:
    return bootstrap(values)


def _number(value: float | None) -> str:
    return "none" if value is None else f"α = {value:.2g}"
