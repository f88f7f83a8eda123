"""Does a plain number that needs no test labels tell whether a network has grokked?

Two questions about each number. Along a run, does it rise and fall with the test loss? (The rank
correlation, over records that are even in the logarithm of the step and over records that are even
in the step: they weigh the start and the end of a run differently.) At the end, does it separate
the runs that grokked from those that did not? (The area under the ROC curve.)

The train fraction, known before training, separates the runs nearly as well as anything measured;
so runs are compared within one fraction, and pooled only beside that.

The norm, the average log-probability on train inputs and the train loss see no test data; the
average log-probability on test inputs sees test inputs without their labels.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from grokedu import figures
from grokedu.claims.artifacts import load_ensemble
from grokedu.claims.outcome import Outcome, said
from grokedu.figures.metrics_against_loss import METRICS
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import auc, bootstrap, rank_correlation
from grokedu.training.runs import Runs

TELLS = 0.95  # an area under the ROC curve from which on a number is said to tell
RATIO = "ratio of the average log-probabilities, test inputs over train inputs"


def run(*, quick: bool, progress: bool) -> Outcome:
    """Read the ensemble; quick and full are the same."""
    runs = load_ensemble()
    grokked, seeds = np.isfinite(runs.grokked_at()), runs.labels["seed"]
    found: dict[str, Any] = {}
    for metric, label in METRICS.items():
        found[metric] = {"label": label, **separation(runs, runs[metric][-1])}
        for spacing, steps in spacings(runs).items():
            each = correlations(runs, metric, steps)
            found[metric][spacing] = {
                name: bootstrap(each[kind], groups=seeds[kind])
                for name, kind in (("grokked", grokked), ("censored", ~grokked))
            }
    ratio = runs["test_log_prob"][-1] / runs["train_log_prob"][-1]
    found["ratio"] = {"label": RATIO, **separation(runs, ratio)}
    telling = [metric for metric, each in found.items() if each["auc"]["value"] >= TELLS]
    alone = separation(runs, runs.labels["fraction"])["auc_pooled"]
    return Outcome(
        verdict="holds"
        if len(telling) == len(found)
        else "holds in a window"
        if telling
        else "fails",
        says="area under the ROC curve for having grokked, at the end, within a train fraction: "
        + "; ".join(f"{each['label']} {said(each['auc'], '.2f')}" for each in found.values()),
        published="a question put to the course, not a published number",
        numbers={
            "metrics": found,
            "telling": telling,
            "threshold": TELLS,
            "fraction_alone": alone,
            "runs": {"grokked": int(grokked.sum()), "censored": int((~grokked).sum())},
        },
        seeds=sorted({*seeds.tolist()}),
        draw=partial(
            figures.metrics_against_loss,
            runs.select(lr=0.01, weight_decay=0.3, fraction=0.5),
            title="Learning rate 0.01, weight decay 0.3, half of all pairs; ring: start, dot: end",
        ),
    )


def spacings(runs: Runs, count: int = 600) -> dict[str, Array]:
    """The steps to correlate over: as recorded, even in the logarithm, and even in the step."""
    recorded = runs.steps[runs.steps > 0]
    return {"log": recorded, "even": np.linspace(recorded[0], recorded[-1], count)}


def correlations(runs: Runs, metric: str, steps: Array) -> Array:
    """(S,) each run's rank correlation of a metric with the test loss over these steps.

    Between records both are interpolated linearly.
    """
    return np.array(
        [
            rank_correlation(
                np.interp(steps, runs.steps, runs[metric][:, run]),
                np.interp(steps, runs.steps, runs["test_loss"][:, run]),
            )
            for run in range(len(runs))
        ]
    )


def separation(runs: Runs, values: Array) -> dict[str, dict[str, float]]:
    """The area under the ROC curve for having grokked, within train fractions and pooled over them.

    Each in the direction that is better than chance, with its interval over seeds.
    """
    grokked = np.isfinite(runs.grokked_at())
    table = np.column_stack([values, grokked, runs.labels["fraction"]])
    found = {}
    for name, columns in (("auc", 3), ("auc_pooled", 2)):
        turn = auc(*table[:, :columns].T) < 0.5
        found[name] = bootstrap(
            table[:, :columns] * ([-1.0, 1.0, 1.0][:columns] if turn else 1.0),
            lambda rows: auc(*rows.T),
            groups=runs.labels["seed"],
        )
    return found
