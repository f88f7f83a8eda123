"""Points of a deep linear network and checkpoints of runs: the estimates, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokedu.claims.llc_against_norm.figure import figure
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.llc import LLC, llc_along
from grokedu.llc.exact.known import Known, deep_linear
from grokedu.measures import l2_norm
from grokedu.measures.statistics import bootstrap
from grokedu.models.gradients import ExactLoss
from grokedu.models.two_layer import TwoLayer
from grokedu.tasks import make_task
from grokedu.training import train

N = 1e6
SIZE, RANK = 4, 2
BETAS = (1.0, 1.5, 2.0, 3.0, 4.0)
ORBIT_GAMMAS = (1.0, 100.0)
EQUAL_GAMMAS = (100.0, 1.0)  # the first keeps the chains beside w*, of norm 2; the other does not
NEAR = 0.05
STEPS, FRACTION, GAMMA = (123, 369, 615, 1200), 0.5, 10.0


@dataclass(frozen=True)
class Size:
    """How large the experiment is.

    Attributes:
        p, width: of the networks that grok.
        seeds: how many of them.
        chains, gradients: of an estimate along training, each chain so many gradients.
        linear_gradients: those of a chain for the deep linear network.
    """

    p: int = 31
    width: int = 128
    seeds: int = 3
    chains: int = 4
    gradients: int = 800
    linear_gradients: int = 4800


QUICK, FULL = Size(), Size(seeds=10, gradients=3200)


def run(*, quick: bool, progress: bool) -> Outcome:
    """Quick: 3 runs of p = 31, 800 gradients. Full: 10 runs, four times the gradients."""
    size = QUICK if quick else FULL
    linear = size.linear_gradients
    equal, sliding = (equal_norms(gamma, linear, progress) for gamma in EQUAL_GAMMAS)
    orbits = {gamma: orbit(gamma, linear, progress) for gamma in ORBIT_GAMMAS}
    trained = grokking(size, progress)
    parts = {
        "equal norm, different coefficients": all(abs(p["error"]) <= NEAR for p in equal),
        "equal coefficient, different norms": all(
            abs(p["error"]) <= NEAR for p in orbits[ORBIT_GAMMAS[0]]
        ),
        "falls while the norm rises": trained["fall"]["high"] < 1 < trained["rise"]["low"]
        and all(run["falls"] for run in trained["runs"]),
    }
    medians = ", ".join(
        f"{cell['llc']['value']:.0f} at a norm of {cell['norm']['value']:.1f} (step {cell['step']})"
        for cell in trained["cells"]
    )
    return Outcome(
        verdict=verdict(list(parts.values())),
        says=(
            f"equal norm of {equal[0]['norm']:g}: "
            + "; ".join(
                f"at γ = {points[0]['gamma']:g} "
                + " and ".join(f"{p['value']:.2f} (λ = {p['llc']:g})" for p in points)
                for points in (equal, sliding)
            )
            + f"; one orbit, λ = {orbits[ORBIT_GAMMAS[0]][0]['llc']:g}, norms from "
            f"{orbits[ORBIT_GAMMAS[0]][0]['norm']:.2f} to {orbits[ORBIT_GAMMAS[0]][-1]['norm']:.2f}"
            ": "
            + "; ".join(
                f"at γ = {gamma:g} " + ", ".join(f"{p['value']:.2f}" for p in points)
                for gamma, points in orbits.items()
            )
            + f"; {len(trained['runs'])} runs that grok, medians at γ = {GAMMA:g}, nβ = "
            f"{trained['nbeta']:.1f}: {medians}; last over first, coefficient "
            f"{said(trained['fall'], '.2f')}, norm {said(trained['rise'], '.2f')}; fallen at every "
            f"checkpoint in {sum(run['falls'] for run in trained['runs'])} runs; warnings "
            f"there: {trained['warned']}"
        ),
        published=(
            "Hoogland et al. 2024 (arXiv 2402.02364), in-context linear regression: in later "
            "stages the estimate falls while the weight norm rises"
        ),
        numbers={
            "parts": parts,
            "equal_norm": equal,
            "equal_norm_sliding": sliding,
            "orbit": [{"gamma": gamma, "points": points} for gamma, points in orbits.items()],
            "grokking": trained,
        },
        seeds=[*range(size.seeds)],
        draw=partial(figure, equal, orbits, trained),
    )


def verdict(parts: Sequence[bool]) -> Verdict:
    """Holds where all parts do, in a window where some do."""
    return "holds" if all(parts) else "holds in a window" if any(parts) else "fails"


def equal_norms(gamma: float, gradients: int, progress: bool) -> list[dict[str, Any]]:
    """Two zeros of one network: all rank in the second layer, and half of it in each."""
    points, exact = [], []
    for first in (0, SIZE // 2):
        second = SIZE - first
        layers = {name: torch.zeros(SIZE, SIZE) for name in ("W1", "W2")}
        layers["W1"].diagonal()[:first] = 1.0
        layers["W2"].diagonal()[first:] = 1.0
        points.append(layers)
        exact.append((SIZE * first + SIZE * second - first * second) / 2)
    return _estimated(deep_linear([SIZE] * 3, 0), points, exact, gamma, gradients, progress)


def orbit(gamma: float, gradients: int, progress: bool) -> list[dict[str, Any]]:
    """Points (β W1, W2 / β) from the balanced one on: the same function and the same λ."""
    known = deep_linear([SIZE] * 3, RANK)
    first, second = known.center["W1"], known.center["W2"]
    points = [{"W1": beta * first, "W2": second / beta} for beta in BETAS]
    return _estimated(known, points, [known.value] * len(points), gamma, gradients, progress)


def _estimated(
    known: Known,
    points: Sequence[dict[str, Tensor]],
    exact: Sequence[float],
    gamma: float,
    gradients: int,
    progress: bool,
) -> list[dict[str, Any]]:
    every = llc_along(
        points, model=known.loss, n=N, gamma=gamma, gradients=gradients, progress=progress
    )
    return [
        {
            "norm": l2_norm(layers).item(),
            "llc": value,
            "gamma": gamma,
            "nbeta": found.nbeta,
            "value": found.value,
            "standard_error": found.standard_error,
            "error": found.value / value - 1,
            "warnings": [warning.name for warning in found.warnings],
        }
        for layers, value, found in zip(points, exact, every, strict=True)
    ]


def grokking(size: Size, progress: bool) -> dict[str, Any]:
    """Runs of modular addition with the coefficient, the norm and the test loss along them.

    Under the cross-entropy, without weight decay inside: there is no finite minimum, and the value
    is a statistic at this gamma and nbeta.
    """
    p, seeds = size.p, [*range(size.seeds)]
    model, task = TwoLayer(p, size.width), partial(make_task, "modular_addition", p, FRACTION)
    runs = train(
        model,
        task,
        seeds=seeds,
        steps=STEPS[-1],
        lr=0.003,
        weight_decay=1.0,
        record=[0, *STEPS],
        checkpoints=STEPS,
        progress=progress,
    )
    found: list[list[LLC]] = []
    for seed in seeds:
        data = task(seed)
        loss = ExactLoss(model, data.inputs[data.train], data.targets[data.train])
        weights = {step: runs.checkpoint(step, seed) for step in STEPS}
        found.append(
            llc_along(
                weights,
                model=loss,
                n=len(data.train),
                gamma=GAMMA,
                chains=size.chains,
                gradients=size.gradients,
                progress=progress,
            )
        )
    values = np.array([[one.value for one in row] for row in found])  # (S, K)
    at = np.searchsorted(runs.steps, STEPS)
    norms, test = (runs[name][at].T for name in ("l2_norm", "test_loss"))
    warned = sorted({warning.name for row in found for one in row for warning in one.warnings})
    return {
        "gamma": GAMMA,
        "nbeta": found[0][0].nbeta,
        "n": found[0][0].n,
        "loss": "cross_entropy",
        "runs": [
            {
                "seed": seed,
                "llc": values[row].tolist(),
                "standard_error": [one.standard_error for one in found[row]],
                "norm": norms[row].tolist(),
                "test_loss": test[row].tolist(),
                "falls": bool((np.diff(values[row]) < 0).all()),
                "warnings": [[warning.name for warning in one.warnings] for one in found[row]],
            }
            for row, seed in enumerate(seeds)
        ],
        "cells": [
            {
                "step": step,
                "llc": bootstrap(values[:, k]),
                "norm": bootstrap(norms[:, k]),
                "test_loss": bootstrap(test[:, k]),
            }
            for k, step in enumerate(STEPS)
        ],
        "fall": bootstrap(values[:, -1] / values[:, 0]),
        "rise": bootstrap(norms[:, -1] / norms[:, 0]),
        "warned": ", ".join(warned) or "none",
    }
