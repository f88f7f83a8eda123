"""How many runs generalise, and how far, against the share of the pairs they train on."""

from __future__ import annotations

import numpy as np

from grokedu.figures.style import SERIES, Described, count, panels
from grokedu.training.runs import Runs


def critical_fraction(runs: Runs, *, threshold: float = 0.99, title: str = "") -> Described:
    """The share of runs that generalised and the last test accuracy, against the train fraction.

    One series a weight decay. Left, the share of runs that had a test accuracy of ``threshold`` at
    any record; a run that did not is censored, and may do so later. Right, the median and the range
    of the last test accuracy.

    Args:
        runs: of one learning rate, over weight decays, train fractions and seeds.
        threshold: the accuracy that counts as generalised.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=9.2)
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
        figure.suptitle(title)
    figure.alt = (
        f"Two panels against the share of pairs trained on, for {count(len(runs), 'run')} of "
        f"{runs.steps[-1]} steps. Left, the share of runs that generalised: {'; '.join(said)}. "
        "Right, the test accuracy at the end, which rises with the share in the same order."
    )
    return figure
