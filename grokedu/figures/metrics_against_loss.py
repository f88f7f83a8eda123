"""Four plain measures against the test loss, each run a line through its training."""

from __future__ import annotations

import numpy as np

from grokedu.figures.style import BLACK, SERIES, Described, count, log_scale, panels
from grokedu.measures.statistics import bootstrap, rank_correlation
from grokedu.training.runs import Runs

METRICS = {
    "l2_norm": "L2 norm",
    "train_log_prob": "average log-probability, train inputs (nats)",
    "test_log_prob": "average log-probability, test inputs (nats)",
    "train_loss": "train loss (nats)",
}


def rank_correlations(runs: Runs, metric: str) -> np.ndarray:
    """(S,) for each run, the rank correlation of a measure with the test loss over its records.

    Records are log-spaced, so that early steps count as much as late ones; step 0 is left out.
    """
    after = runs.steps > 0
    pairs = zip(runs[metric][after].T, runs["test_loss"][after].T, strict=True)
    return np.array([rank_correlation(x, y) for x, y in pairs])


def metrics_against_loss(runs: Runs, *, title: str = "") -> Described:
    """The norm, the average log-probabilities and the train loss against the test loss.

    Each line is one run, from its first step (ring) to its last (dot). Above each panel stands the
    median over runs of the rank correlation along training, with its bootstrap interval.

    Args:
        runs: over seeds or settings; at most the first seven are drawn, all are counted.
        title: drawn above, if any.
    """
    figure, axes_row = panels(4, width=13.0, height=3.6)
    after = runs.steps > 0
    said = []
    for axes, (metric, label) in zip(axes_row, METRICS.items(), strict=True):
        for run, style in zip(range(len(runs)), SERIES, strict=False):
            x, y = runs[metric][after, run], runs["test_loss"][after, run]
            axes.plot(x, y, color=style["color"], ls=style["ls"], lw=1.1, alpha=0.9)
            axes.plot(x[0], y[0], "o", color=style["color"], mfc="none", ms=6)
            axes.plot(x[-1], y[-1], "o", color=style["color"], ms=5)
        found = bootstrap(rank_correlations(runs, metric))
        words = f"{found['value']:+.2f} [{found['low']:+.2f}, {found['high']:+.2f}]"
        axes.set_title(f"rank correlation {words}", fontsize=9, color=BLACK)
        axes.set(xlabel=label)
        log_scale(axes, "y")
        if metric == "train_loss":
            log_scale(axes, "x")
        said.append(f"{label} {words}")
    axes_row[0].set_ylabel("test loss (nats)")
    if title:
        figure.suptitle(title)
    figure.alt = (
        f"Four panels, each with the test loss against a measure along the training of "
        f"{count(len(runs), 'run')}. Median rank correlation with its 95 % interval: "
        f"{'; '.join(said)}."
    )
    return figure
