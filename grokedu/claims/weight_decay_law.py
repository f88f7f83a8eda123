"""Is the delay inversely proportional to the weight decay, and where?

If weights shrink as exp(-lr * weight_decay * t) until a norm at which the network generalises, the
delay is proportional to 1 / weight_decay (Liu et al. 2022): a slope of -1 in the logarithms.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokedu import measures
from grokedu.claims.artifacts import load_ensemble
from grokedu.claims.ensemble import Delay, delays
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.figures.style import BLACK, SERIES, Described, count, log_scale, panels
from grokedu.measures.arrays import Array
from grokedu.training.runs import Runs

FRACTION = 0.5
WINDOW = (-1.25, -0.75)  # a local slope in it counts as "near -1"
Median = Callable[[Tensor], float]


def run(*, quick: bool, progress: bool) -> Outcome:
    """Read the ensemble; quick and full are the same."""
    runs = load_ensemble().select(fraction=FRACTION)
    found = measure(runs)
    return Outcome(
        verdict=verdict(found),
        says=says(found),
        published=(
            "Liu et al. 2022 (arXiv 2210.01117): the grokking time is inversely proportional to "
            "the weight decay over about two decades"
        ),
        numbers={"fraction": FRACTION, "steps": int(runs.steps[-1]), **found},
        seeds=sorted({*runs.labels["seed"].tolist()}),
        draw=partial(figure, runs, title="Half of all pairs, five seeds each"),
    )


def measure(
    runs: Runs,
    *,
    grokking_delay: Delay = measures.grokking_delay,
    censored_median: Median = measures.censored_median,
    resamples: int = 2000,
) -> dict[str, Any]:
    """The law of each learning rate, and where its slope is near -1.

    Args:
        runs: of one train fraction, over learning rates, weight decays and seeds.
        grokking_delay: from steps, train and test accuracies of a run to its delay.
        censored_median: of the delays of several runs, nan where one is censored.
        resamples: of the bootstrap over seeds.
    """
    rates = {
        f"{rate:g}": law(
            runs.select(lr=rate),
            resamples,
            grokking_delay=grokking_delay,
            censored_median=censored_median,
        )
        for rate in np.unique(runs.labels["lr"])
    }
    near = [
        f"lr {rate} from {pair['from']:g} to {pair['to']:g}"
        for rate, found in rates.items()
        for pair in found["local_slopes"]
        if WINDOW[0] <= pair["value"] <= WINDOW[1]
    ]
    return {
        "near_minus_one": near,
        "censored": sum(found["censored"] for found in rates.values()),
        "runs": len(runs),
        "rates": {f"lr_{rate}".replace(".", "_"): found for rate, found in rates.items()},
    }


def verdict(found: Mapping[str, Any]) -> Verdict:
    """Holds if the slope is near -1 between all neighbours and no run is censored."""
    pairs = sum(len(rate["local_slopes"]) for rate in found["rates"].values())
    near = len(found["near_minus_one"])
    if near == pairs and near and not found["censored"]:
        return "holds"
    return "holds in a window" if near else "fails"


def says(found: Mapping[str, Any]) -> str:
    """The slope of each learning rate, and where it is near -1."""
    slopes = "; ".join(
        f"{name.replace('lr_0_', 'lr 0.')}: slope {said(rate['slope'], '.2f')}, "
        f"{rate['censored']} of {rate['runs']} runs censored"
        for name, rate in found["rates"].items()
    )
    return (
        f"{slopes}; near -1 between neighbours: {', '.join(found['near_minus_one']) or 'nowhere'}"
    )


def law(
    runs: Runs,
    resamples: int = 2000,
    *,
    grokking_delay: Delay = measures.grokking_delay,
    censored_median: Median = measures.censored_median,
) -> dict[str, Any]:
    """Medians, censored counts, and slopes in the logarithms with bootstrap intervals over seeds.

    A censored run counts as slower than every other, so a weight decay enters as long as fewer than
    half of its runs are censored. Runs of one seed share split and initial weights, so seeds are
    resampled, jointly for all weight decays. Where a resampled median is unknown the slope is
    steeper than any number and counts as -inf, since it is the small weight decays that are slow.

    Args:
        runs: of one learning rate and fraction, one for each seed and weight decay.
        resamples: of the bootstrap.
        grokking_delay, censored_median: as for :func:`measure`.
    """
    decays, seeds = (np.unique(runs.labels[name]) for name in ("weight_decay", "seed"))
    order = np.lexsort((runs.labels["seed"], runs.labels["weight_decay"]))
    cells = torch.from_numpy(delays(runs, grokking_delay)[order]).view(len(decays), len(seeds))
    medians = np.array([censored_median(cell) for cell in cells])
    censored = cells.isnan().sum(dim=1)
    found: dict[str, Any] = {
        "runs": len(runs),
        "censored": int(censored.sum()),
        "cells": [
            {
                "weight_decay": float(decay),
                "median_delay": float(median),
                "censored": int(missing),
                "runs": len(seeds),
            }
            for decay, median, missing in zip(decays, medians, censored, strict=True)
        ],
        "slope": {"value": float("nan"), "low": float("nan"), "high": float("nan")},
        "local_slopes": [],
    }
    known = np.isfinite(medians)
    if known.sum() < 2:
        return found
    decays, middles = decays[known], medians[known]
    draws = np.random.default_rng(0).integers(len(seeds), size=(resamples, len(seeds)))
    kept = [cell for cell, is_known in zip(cells, known, strict=True) if is_known]
    drawn = np.array([[censored_median(cell[rows]) for cell in kept] for rows in draws])
    found["slope"] = _interval(_slope(decays, middles), [_slope(decays, row) for row in drawn])
    for at in range(len(decays) - 1):
        pair = slice(at, at + 2)
        spread = [_slope(decays[pair], row[pair]) for row in drawn]
        local = _interval(_slope(decays[pair], middles[pair]), spread)
        found["local_slopes"].append(
            {"from": float(decays[at]), "to": float(decays[at + 1]), **local}
        )
    return found


def figure(runs: Runs, *, threshold: float = 0.99, title: str = "") -> Described:
    """The grokking delay of each run against its weight decay, one series a learning rate.

    A filled marker is one run; the line joins the medians, where they are known. An open triangle
    at the end of training is a run that fitted and had not generalised by then; in the median it
    counts as slower than all others. The thin dotted line falls as
    1 / weight decay.

    Args:
        runs: of one train fraction, over learning rates, weight decays and seeds.
        threshold: the accuracy that counts as fitted and as generalised.
        title: drawn above, if any.
    """
    drawn, (axes,) = panels(1)
    waited, fitted = runs.delay(threshold), runs.fitted_at(threshold)
    rates, decays = np.unique(runs.labels["lr"]), np.unique(runs.labels["weight_decay"])
    said, anchors = [], []
    for at, (rate, style) in enumerate(zip(rates, SERIES, strict=False)):
        aside = 1.05 ** (at - (len(rates) - 1) / 2)  # so that the rates do not cover each other
        middles, words = [], []
        for decay in decays:
            cell = np.isclose(runs.labels["lr"], rate) & np.isclose(
                runs.labels["weight_decay"], decay
            )
            reached = cell & np.isfinite(waited)
            censored = cell & np.isfinite(fitted) & ~np.isfinite(waited)
            x = decay * aside
            axes.scatter(
                np.full(reached.sum(), x),
                waited[reached],
                color=style["color"],
                marker=style["marker"],
                s=20,
                alpha=0.75,
                lw=0,
            )
            spread = 1.06 ** (np.arange(censored.sum()) - (censored.sum() - 1) / 2)
            axes.scatter(
                x * spread,
                np.full(censored.sum(), runs.steps[-1]),
                facecolors="none",
                edgecolors=style["color"],
                marker="^",
                s=26,
            )
            middle = measures.censored_median(torch.from_numpy(waited[reached | censored]))
            if np.isfinite(middle):
                words.append(f"{decay:g}: {middle:.0f} steps")
                middles.append((x, middle))
            if censored.any():
                words.append(f"{decay:g}: {censored.sum()} of {cell.sum()} censored")
        if middles:
            x_values, y_values = zip(*middles, strict=True)
            axes.plot(x_values, y_values, color=style["color"], ls=style["ls"], lw=1.4)
            anchors.append(middles[-1])
        axes.plot([], [], label=f"learning rate {rate:g}", **{**style, "ms": 5})
        said.append(f"learning rate {rate:g}: " + ", ".join(words))
    if anchors:
        x, y = anchors[-1]
        axes.plot(decays, y * x / decays, color=BLACK, ls=":", lw=0.9, label="∝ 1 / weight decay")
    else:
        axes.set_ylim(runs.steps[-1] / 10, runs.steps[-1] * 2)
    axes.scatter([], [], facecolors="none", edgecolors=BLACK, marker="^", label="censored")
    axes.axhline(runs.steps[-1], color=BLACK, lw=0.6, alpha=0.5)
    log_scale(axes, "x")
    log_scale(axes, "y", subs=(1.0, 2.0, 5.0))
    axes.set(xlabel="weight decay", ylabel="delay (optimizer steps)")
    axes.set_xticks(decays)
    axes.legend(frameon=False, fontsize=8)
    if title:
        axes.set_title(title, fontsize=10)
    drawn.alt = (
        f"Delay between fitting and generalising against weight decay, both on log axes, for "
        f"{count(len(runs), 'run')} of {runs.steps[-1]} steps. Median delays by weight decay: "
        f"{'; '.join(said)}. A dotted line falls as one over the weight decay."
    )
    return drawn


def _slope(decays: Array, delays: Array) -> float:
    if not np.isfinite(delays).all():
        return -np.inf
    return float(np.polyfit(np.log(decays), np.log(delays), 1)[0])


def _interval(value: float, spread: list[float]) -> dict[str, float]:
    low, high = np.quantile(spread, [0.025, 0.975], method="nearest")  # between infinities is nan
    return {"value": value, "low": float(low), "high": float(high)}
