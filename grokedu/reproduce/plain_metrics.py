"""Do plain measures follow the test loss along training?

For each run, the rank correlation over its log-spaced records of a measure with the test loss. The
norm, the average log-probability on train inputs and the train loss see no test data; the average
log-probability on test inputs sees test inputs without their labels.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from grokedu import figures
from grokedu.artifacts import load_ensemble
from grokedu.figures.metrics_against_loss import METRICS, rank_correlations
from grokedu.reproduce.outcome import Outcome, said
from grokedu.statistics import bootstrap


def run(*, quick: bool, progress: bool) -> Outcome:
    """Read the ensemble; quick and full are the same."""
    every = load_ensemble()
    groups = {
        "grokked": every.take(np.flatnonzero(np.isfinite(every.grokked_at()))),
        "censored": every.take(np.flatnonzero(np.isnan(every.grokked_at()))),
    }
    found: dict[str, Any] = {}
    for metric, label in METRICS.items():
        found[metric] = {"label": label}
        for group, runs in groups.items():
            each = rank_correlations(runs, metric)
            found[metric][group] = {
                **bootstrap(each, groups=runs.labels["seed"]),
                "quartiles": np.nanpercentile(each, [25, 75]).tolist(),
                "share_positive": float((each > 0).mean()),
            }
    best = max(METRICS, key=lambda metric: abs(found[metric]["grokked"]["value"]))
    agrees = {
        metric: np.sign(found[metric]["grokked"]["value"])
        == np.sign(found[metric]["censored"]["value"])
        for metric in METRICS
    }
    strong = [m for m in METRICS if abs(found[m]["grokked"]["value"]) >= 0.9 and agrees[m]]
    return Outcome(
        verdict="holds"
        if len(strong) == len(METRICS)
        else "holds in a window"
        if strong
        else "fails",
        says="median rank correlation with the test loss, grokked / censored runs: "
        + "; ".join(
            f"{METRICS[m]} {said(found[m]['grokked'], '+.2f')} / "
            f"{said(found[m]['censored'], '+.2f')}"
            for m in METRICS
        ),
        published="a question put to the course, not a published number",
        numbers={
            "metrics": found,
            "strongest": best,
            "same_sign_in_both_groups": [m for m in METRICS if agrees[m]],
            "runs": {group: len(runs) for group, runs in groups.items()},
        },
        seeds=sorted({*every.labels["seed"].tolist()}),
        draw=partial(
            figures.metrics_against_loss,
            every.select(lr=0.01, weight_decay=0.3, fraction=0.5),
            title="Learning rate 0.01, weight decay 0.3, half of all pairs; ring: start, dot: end",
        ),
    )
