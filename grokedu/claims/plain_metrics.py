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

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from grokedu.claims.artifacts import load_ensemble
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.figures.style import BLACK, SERIES, Described, count, log_scale, panels
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import auc, bootstrap, rank_correlation
from grokedu.training.runs import Runs

METRICS = {
    "l2_norm": "L2 norm",
    "train_log_prob": "average log-probability, train inputs (nats)",
    "test_log_prob": "average log-probability, test inputs (nats)",
    "train_loss": "train loss (nats)",
}
TELLS = 0.95  # an area under the ROC curve from which on a number is said to tell
RATIO = "ratio of the average log-probabilities, test inputs over train inputs"


def run(*, quick: bool, progress: bool) -> Outcome:
    """Read the ensemble; quick and full are the same."""
    runs = load_ensemble()
    found = measure(runs)
    return Outcome(
        verdict=verdict(found),
        says=says(found),
        published="a question put to the course, not a published number",
        numbers=found,
        seeds=sorted({*runs.labels["seed"].tolist()}),
        draw=partial(
            figure,
            runs.select(lr=0.01, weight_decay=0.3, fraction=0.5),
            title="Learning rate 0.01, weight decay 0.3, half of all pairs; ring: start, dot: end",
        ),
    )


def measure(runs: Runs, resamples: int = 2000) -> dict[str, Any]:
    """Each metric's correlation with the test loss along runs, and its separation at their end.

    Args:
        runs: over settings and seeds, some of which grokked and some of which did not.
        resamples: of the bootstraps over seeds.
    """
    grokked, seeds = np.isfinite(runs.grokked_at()), runs.labels["seed"]
    found: dict[str, Any] = {}
    for metric, label in METRICS.items():
        found[metric] = {"label": label, **separation(runs, runs[metric][-1], resamples)}
        for spacing, steps in spacings(runs).items():
            each = correlations(runs, metric, steps)
            found[metric][spacing] = {
                name: bootstrap(each[kind], groups=seeds[kind], resamples=resamples)
                for name, kind in (("grokked", grokked), ("censored", ~grokked))
            }
    ratio = runs["test_log_prob"][-1] / runs["train_log_prob"][-1]
    found["ratio"] = {"label": RATIO, **separation(runs, ratio, resamples)}
    telling = [metric for metric, each in found.items() if each["auc"]["value"] >= TELLS]
    alone = separation(runs, runs.labels["fraction"], resamples)["auc_pooled"]
    return {
        "metrics": found,
        "telling": telling,
        "threshold": TELLS,
        "fraction_alone": alone,
        "runs": {"grokked": int(grokked.sum()), "censored": int((~grokked).sum())},
    }


def verdict(found: Mapping[str, Any]) -> Verdict:
    """Holds if every metric tells, in a window if some do, by the area within train fractions."""
    every = len(found["telling"]) == len(found["metrics"])
    return "holds" if every else "holds in a window" if found["telling"] else "fails"


def says(found: Mapping[str, Any]) -> str:
    """The area under the ROC curve of each metric, within a train fraction."""
    return "area under the ROC curve for having grokked, at the end, within a train fraction: " + (
        "; ".join(f"{one['label']} {said(one['auc'], '.2f')}" for one in found["metrics"].values())
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


def separation(runs: Runs, values: Array, resamples: int = 2000) -> dict[str, dict[str, float]]:
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
            resamples=resamples,
        )
    return found


def figure(runs: Runs, *, title: str = "") -> Described:
    """The norm, the average log-probabilities and the train loss against the test loss.

    Each line is one run, from its first step (ring) to its last (dot). Above each panel stands the
    median over runs of the rank correlation along training, with its bootstrap interval.

    Args:
        runs: over seeds or settings; at most the first seven are drawn, all are counted.
        title: drawn above, if any.
    """
    drawn, axes_row = panels(4, width=13.0, height=3.6)
    after = runs.steps > 0
    said = []
    for axes, (metric, label) in zip(axes_row, METRICS.items(), strict=True):
        for run, style in zip(range(len(runs)), SERIES, strict=False):
            x, y = runs[metric][after, run], runs["test_loss"][after, run]
            axes.plot(x, y, color=style["color"], ls=style["ls"], lw=1.1, alpha=0.9)
            axes.plot(x[0], y[0], "o", color=style["color"], mfc="none", ms=6)
            axes.plot(x[-1], y[-1], "o", color=style["color"], ms=5)
        found = bootstrap(correlations(runs, metric, spacings(runs)["log"]))
        words = f"{found['value']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}]"
        axes.set_title(f"rank correlation {words}", fontsize=9, color=BLACK)
        axes.set(xlabel=label)
        log_scale(axes, "y")
        if metric == "train_loss":
            log_scale(axes, "x")
        said.append(f"{label} {words}")
    axes_row[0].set_ylabel("test loss (nats)")
    if title:
        drawn.suptitle(title)
    drawn.alt = (
        f"Four panels, each with the test loss against a measure along the training of "
        f"{count(len(runs), 'run')}. Median rank correlation with its 95 % interval: "
        f"{'; '.join(said)}."
    )
    return drawn
