"""Is the delay inversely proportional to the weight decay, and where?

If weights shrink as exp(-lr * weight_decay * t) until a norm at which the network generalises, the
delay is proportional to 1 / weight_decay (Liu et al. 2022): a slope of -1 in the logarithms.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from grokedu import figures
from grokedu.claims.artifacts import load_ensemble
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.measures.arrays import Array
from grokedu.training.runs import Runs

FRACTION = 0.5
WINDOW = (-1.25, -0.75)  # a local slope in it counts as "near -1"


def run(*, quick: bool, progress: bool) -> Outcome:
    """Read the ensemble; quick and full are the same."""
    runs = load_ensemble().select(fraction=FRACTION)
    rates = {f"lr {rate:g}": law(runs.select(lr=rate)) for rate in np.unique(runs.labels["lr"])}
    near = [
        f"{rate} from {pair['from']:g} to {pair['to']:g}"
        for rate, found in rates.items()
        for pair in found["local_slopes"]
        if WINDOW[0] <= pair["value"] <= WINDOW[1]
    ]
    pairs = sum(len(found["local_slopes"]) for found in rates.values())
    censored = sum(found["censored"] for found in rates.values())
    verdict: Verdict = "fails" if not near else "holds in a window"
    if len(near) == pairs and not censored:
        verdict = "holds"
    slopes = "; ".join(
        f"{rate}: slope {said(found['slope'], '.2f')}, "
        f"{found['censored']} of {found['runs']} runs censored"
        for rate, found in rates.items()
    )
    return Outcome(
        verdict=verdict,
        says=f"{slopes}; near -1 between neighbours: {', '.join(near) or 'nowhere'}",
        published=(
            "Liu et al. 2022 (arXiv 2210.01117): the grokking time is inversely proportional to "
            "the weight decay over about two decades"
        ),
        numbers={
            "fraction": FRACTION,
            "steps": int(runs.steps[-1]),
            "near_minus_one": near,
            "censored": censored,
            "runs": len(runs),
            "rates": {rate.replace("lr 0.", "lr_0_"): found for rate, found in rates.items()},
        },
        seeds=sorted({*runs.labels["seed"].tolist()}),
        draw=partial(figures.weight_decay_law, runs, title="Half of all pairs, five seeds each"),
    )


def law(runs: Runs, resamples: int = 2000) -> dict[str, Any]:
    """Medians, censored counts, and slopes in the logarithms with bootstrap intervals over seeds.

    A censored run counts as slower than every other, so a weight decay enters as long as fewer than
    half of its runs are censored. Runs of one seed share split and initial weights, so seeds are
    resampled, jointly for all weight decays. Where a resampled median is unknown the slope is
    steeper than any number and counts as -inf, since it is the small weight decays that are slow.

    Args:
        runs: of one learning rate and fraction, one for each seed and weight decay.
        resamples: of the bootstrap.
    """
    decays, seeds = (np.unique(runs.labels[name]) for name in ("weight_decay", "seed"))
    order = np.lexsort((runs.labels["seed"], runs.labels["weight_decay"]))
    delays = np.nan_to_num(runs.delay()[order], nan=np.inf).reshape(len(decays), len(seeds))
    medians = np.median(delays, axis=1)
    found: dict[str, Any] = {
        "runs": len(runs),
        "censored": int(np.isinf(delays).sum()),
        "cells": [
            {
                "weight_decay": float(decay),
                "median_delay": float(median),
                "censored": int(np.isinf(cell).sum()),
                "runs": len(cell),
            }
            for decay, median, cell in zip(decays, medians, delays, strict=True)
        ],
        "slope": {"value": float("nan"), "low": float("nan"), "high": float("nan")},
        "local_slopes": [],
    }
    known = np.isfinite(medians)
    if known.sum() < 2:
        return found
    decays, middles = decays[known], medians[known]
    draws = np.random.default_rng(0).integers(len(seeds), size=(resamples, len(seeds)))
    drawn = np.median(delays[known][:, draws], axis=2).T
    found["slope"] = _interval(_slope(decays, middles), [_slope(decays, row) for row in drawn])
    for at in range(len(decays) - 1):
        pair = slice(at, at + 2)
        spread = [_slope(decays[pair], row[pair]) for row in drawn]
        local = _interval(_slope(decays[pair], middles[pair]), spread)
        found["local_slopes"].append(
            {"from": float(decays[at]), "to": float(decays[at + 1]), **local}
        )
    return found


def _slope(decays: Array, delays: Array) -> float:
    if not np.isfinite(delays).all():
        return -np.inf
    return float(np.polyfit(np.log(decays), np.log(delays), 1)[0])


def _interval(value: float, spread: list[float]) -> dict[str, float]:
    low, high = np.quantile(spread, [0.025, 0.975], method="nearest")  # between infinities is nan
    return {"value": value, "low": float(low), "high": float(high)}
