"""Does the weight norm fall when a network groks?

Measured on every run that groks, between the step at which it has fitted the train pairs and the
one at which it generalises, in steps that do not look further ahead.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from grokedu import figures, measures
from grokedu.claims.artifacts import load_ensemble
from grokedu.claims.ensemble import Delay, delays
from grokedu.claims.outcome import Outcome, Verdict
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.training.runs import Runs

MARGIN = 0.01  # a fall or a rise of less than this share of the norm counts as neither


def run(*, quick: bool, progress: bool) -> Outcome:
    """Read the ensemble; quick and full are the same."""
    runs = load_ensemble()
    found = measure(runs)
    return Outcome(
        verdict=verdict(found),
        says=says(found),
        published=(
            "Liu et al. 2022 (arXiv 2210.01117): the norm falls towards a zone where networks "
            "generalise (their transformer: 42.7, then about 60, then 30.4)"
        ),
        numbers=found,
        seeds=sorted({*runs.labels["seed"].tolist()}),
        draw=partial(
            figures.norms,
            runs.select(lr=0.01, weight_decay=0.3, fraction=0.5),
            title="Learning rate 0.01, weight decay 0.3, half of all pairs",
        ),
    )


def measure(every: Runs, *, grokking_delay: Delay = measures.grokking_delay) -> dict[str, Any]:
    """In how many of the runs that grokked the norm had fallen from a peak, or only risen.

    Args:
        every: runs over settings and seeds; those with a delay above 0 count as grokked.
        grokking_delay: from steps, train and test accuracies of a run to its delay.

    Raises:
        ValueError: if none of the runs grokked.
    """
    runs = every.take(np.flatnonzero(delays(every, grokking_delay) > 0))
    if not len(runs):
        raise ValueError(f"none of the {len(every)} runs has a delay above 0; wanted at least one")
    path = norm_path(runs)
    fell, rose = path["at_grok"] < path["peak"] * (1 - MARGIN), path["rose_all_the_way"]
    settings: dict[str, dict[str, float]] = {}
    cells = sorted({*zip(runs.labels["lr"], runs.labels["weight_decay"], strict=True)})
    for rate, decay in cells:
        here = np.isclose(runs.labels["lr"], rate) & np.isclose(runs.labels["weight_decay"], decay)
        settings[f"lr_{rate:g}_wd_{decay:g}".replace(".", "_")] = {
            "lr": float(rate),
            "weight_decay": float(decay),
            "grokked": int(here.sum()),
            "fell_before_grok": int(fell[here].sum()),
            "rose_all_the_way": int(rose[here].sum()),
            "start": float(np.median(path["start"][here])),
            "at_fit": float(np.median(path["at_fit"][here])),
            "peak": float(np.median(path["peak"][here])),
            "at_grok": float(np.median(path["at_grok"][here])),
        }
    seeds = runs.labels["seed"]  # runs of one seed share split and initial weights
    share_fell = bootstrap(fell, np.mean, groups=seeds)
    share_rose = bootstrap(rose, np.mean, groups=seeds)
    above_fit = bootstrap(path["at_grok"] > path["at_fit"], np.mean, groups=seeds)
    return {
        "runs": len(every),
        "grokked": len(runs),
        "margin": MARGIN,
        "share_fell": share_fell,
        "share_rose_all_the_way": share_rose,
        "share_above_fit": above_fit,
        "settings": settings,
    }


def verdict(found: Mapping[str, Any]) -> Verdict:
    """Holds if the norm had fallen in every run that grokked, in a window if in some."""
    share = found["share_fell"]["value"]
    return "holds" if share == 1 else "holds in a window" if share else "fails"


def says(found: Mapping[str, Any]) -> str:
    """The main numbers in a sentence."""
    fell, rose, above = (
        found[f"share_{name}"]["value"] for name in ("fell", "rose_all_the_way", "above_fit")
    )
    return (
        f"of {found['grokked']} runs that grokked, in {fell:.0%} the norm had passed a peak and "
        f"fallen when the run generalised, in {rose:.0%} it had only risen; in {above:.0%} it was "
        "larger than when the run had fitted"
    )


def norm_path(runs: Runs) -> dict[str, Array]:
    """For each run, (S,): the norm at the start, when fitted, at its peak up to the grok, and then.

    ``rose_all_the_way`` is whether no norm before the grok was larger by more than the margin, and
    the grok's is larger than the fit's.

    Args:
        runs: that all fitted and then generalised.
    """
    rows: list[dict[str, Any]] = []
    for run in range(len(runs)):
        norm = runs["l2_norm"][:, run]
        fit = int(np.searchsorted(runs.steps, runs.fitted_at()[run]))
        grok = int(np.searchsorted(runs.steps, runs.grokked_at()[run]))
        peak = norm[: grok + 1].max()
        rows.append(
            {
                "start": norm[0],
                "at_fit": norm[fit],
                "peak": peak,
                "at_grok": norm[grok],
                "rose_all_the_way": norm[grok] >= peak * (1 - MARGIN) and norm[grok] > norm[fit],
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}
