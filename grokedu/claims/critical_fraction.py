"""Is there a share of the data below which no run generalises?"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from grokedu import figures
from grokedu.claims.artifacts import load_ensemble
from grokedu.claims.outcome import Outcome, Verdict
from grokedu.measures.statistics import bootstrap


def run(*, quick: bool, progress: bool) -> Outcome:
    """Read the ensemble; quick and full are the same."""
    runs = load_ensemble()
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
    verdict: Verdict = "holds" if none and every else "holds in a window" if none else "fails"
    shares = ", ".join(
        f"{c['grokked']} of {c['runs']} at {c['fraction']:g} (best {c['best_test_accuracy']:.2f})"
        for c in cells.values()
    )
    return Outcome(
        verdict=verdict,
        says=(
            f"runs that generalised within {runs.steps[-1]} steps, over learning rates and weight "
            f"decays, with the best test accuracy of any: {shares}; a longer training may still "
            "move the edge"
        ),
        published=(
            "Liu et al. 2022 (arXiv 2210.01117): a critical share near 0.25 for a transformer at "
            "p = 113; Power et al. 2022: the time to generalise grows fast as the share falls"
        ),
        numbers={
            "steps": int(runs.steps[-1]),
            "cells": cells,
            "half_reached_by_none_up_to": max(none, default=float("nan")),
            "some_grok_from": min(some, default=float("nan")),
            "all_grok_from": min(every, default=float("nan")),
        },
        seeds=sorted({*runs.labels["seed"].tolist()}),
        draw=partial(
            figures.critical_fraction, runs.select(lr=0.01), title="Learning rate 0.01, five seeds"
        ),
    )
