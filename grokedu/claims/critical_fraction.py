"""Is there a share of the data below which no run generalises?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from grokedu.claims.artifacts import load_ensemble
from grokedu.claims.outcome import Outcome, Verdict
from grokedu.figures.style import SERIES, Described, count, panels
from grokedu.measures.statistics import bootstrap
from grokedu.training.runs import Runs


def run(*, quick: bool, progress: bool) -> Outcome:
    """Read the ensemble; quick and full are the same."""
    runs = load_ensemble()
    found = measure(runs)
    return Outcome(
        verdict=verdict(found),
        says=says(found),
        published=(
            "Liu et al. 2022 (arXiv 2210.01117): a critical share near 0.25 for a transformer at "
            "p = 113; Power et al. 2022: the time to generalise grows fast as the share falls"
        ),
        numbers=found,
        seeds=sorted({*runs.labels["seed"].tolist()}),
        draw=partial(figure, runs.select(lr=0.01), title="Learning rate 0.01, five seeds"),
    )


def measure(runs: Runs) -> dict[str, Any]:
    """By train fraction: how many runs generalised, and how far the best and the median came.

    Args:
        runs: over train fractions, with the same settings and seeds at each.
    """
    fractions = np.unique(runs.labels["fraction"])
    cells: dict[str, dict[str, Any]] = {}
    for fraction in fractions:
        cell = runs.select(fraction=fraction)
        cells[f"{fraction:g}".replace(".", "_")] = {
            "fraction": float(fraction),
            "train_size": int(cell.labels["train_size"][0]),
            "runs": len(cell),
            "grokked": int(np.isfinite(cell.grokked_at()).sum()),
            "censored": int(np.isnan(cell.grokked_at()).sum()),
            "share": bootstrap(np.isfinite(cell.grokked_at()), np.mean, groups=cell.labels["seed"]),
            "best_test_accuracy": float(cell["test_accuracy"].max()),
            "median_test_accuracy": bootstrap(
                cell["test_accuracy"][-1], groups=cell.labels["seed"]
            ),
        }
    none = [c["fraction"] for c in cells.values() if c["best_test_accuracy"] < 0.5]
    some = [c["fraction"] for c in cells.values() if c["grokked"]]
    every = [c["fraction"] for c in cells.values() if c["grokked"] == c["runs"]]
    return {
        "steps": int(runs.steps[-1]),
        "cells": cells,
        "half_reached_by_none_up_to": max(none, default=float("nan")),
        "some_grok_from": min(some, default=float("nan")),
        "all_grok_from": min(every, default=float("nan")),
    }


def verdict(found: Mapping[str, Any]) -> Verdict:
    """Holds if no run reaches half of the test pairs at some fraction, and all grok at another."""
    none, every = (
        np.isfinite(found[name]) for name in ("half_reached_by_none_up_to", "all_grok_from")
    )
    return "holds" if none and every else "holds in a window" if none else "fails"


def says(found: Mapping[str, Any]) -> str:
    """The main numbers in a sentence."""
    shares = ", ".join(
        f"{c['grokked']} of {c['runs']} at {c['fraction']:g} (best {c['best_test_accuracy']:.2f})"
        for c in found["cells"].values()
    )
    return (
        f"runs that generalised within {found['steps']} steps, over learning rates and weight "
        f"decays, with the best test accuracy of any: {shares}; a longer training may still "
        "move the edge"
    )


def figure(runs: Runs, *, threshold: float = 0.99, title: str = "") -> Described:
    """The share of runs that generalised and the last test accuracy, against the train fraction.

    One series a weight decay. Left, the share of runs that had a test accuracy of ``threshold`` at
    any record; a run that did not is censored, and may do so later. Right, the median and the range
    of the last test accuracy.

    Args:
        runs: of one learning rate, over weight decays, train fractions and seeds.
        threshold: the accuracy that counts as generalised.
        title: drawn above, if any.
    """
    drawn, (left, right) = panels(2, width=9.2)
    fractions = np.unique(runs.labels["fraction"])
    decays = np.unique(runs.labels["weight_decay"])
    said = []
    for at, (decay, style) in enumerate(zip(decays, SERIES, strict=False)):
        cells = [runs.select(weight_decay=decay, fraction=fraction) for fraction in fractions]
        share = [np.isfinite(cell.grokked_at(threshold)).mean() for cell in cells]
        last = [cell["test_accuracy"][-1] for cell in cells]
        x = fractions + 0.006 * (at - (len(decays) - 1) / 2)
        left.plot(x, share, label=f"{decay:g}", **style, ms=5, lw=1.4)
        middle = np.array([np.median(one) for one in last])
        below = middle - [one.min() for one in last]
        above = np.array([one.max() for one in last]) - middle
        right.errorbar(x, middle, yerr=[below, above], **style, ms=5, lw=1.4, capsize=2)
        said.append(
            f"weight decay {decay:g}: "
            + ", ".join(f"{s:.0%} at {f:g}" for s, f in zip(share, fractions, strict=True))
        )
    for axes in (left, right):
        axes.set(xlabel="share of all pairs trained on", ylim=(-0.04, 1.06), xticks=fractions)
    left.set_ylabel(f"share of runs with test accuracy ≥ {threshold:g}")
    right.set_ylabel("test accuracy at the end")
    left.legend(frameon=False, fontsize=8, title="weight decay", title_fontsize=8)
    if title:
        drawn.suptitle(title)
    drawn.alt = (
        f"Two panels against the share of pairs trained on, for {count(len(runs), 'run')} of "
        f"{runs.steps[-1]} steps. Left, the share of runs that generalised: {'; '.join(said)}. "
        "Right, the test accuracy at the end, which rises with the share in the same order."
    )
    return drawn
