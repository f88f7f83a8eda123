"""Progress measures against the step, and the final network's frequencies."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from grokedu.figures.style import (
    BLUE,
    SERIES,
    Described,
    count,
    log_scale,
    median_and_band,
    panels,
)
from grokedu.measures.arrays import Array

FLOOR = 1e-3  # nats; below it losses are drawn at the edge


def progress_measures(
    found: Mapping[str, Array], losses: Mapping[str, str], *, title: str = ""
) -> Described:
    """Losses of the network and of its parts against the step; and the power by frequency.

    Args:
        found: ``steps`` (T,), each loss (T, S), ``power`` (S, (p+1)/2) the share of the final
            logits' variance in each frequency of a + b, and ``keys`` of the same shape, bool.
        losses: the names of the losses to draw, with their labels.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=10.4, height=4.2)
    after = found["steps"] > 0
    steps = found["steps"][after]
    for (name, label), style in zip(losses.items(), SERIES, strict=False):
        line = {"color": style["color"], "ls": style["ls"]}
        median_and_band(left, steps, np.maximum(found[name][after], FLOOR), label, **line)
    for name in ("x", "y"):
        log_scale(left, name)
    left.set(xlabel="optimizer step", ylabel="loss (nats)", xlim=(1, steps[-1]), ylim=(FLOOR, None))
    left.legend(frameon=False, fontsize=7.5, loc="lower left")
    power, keys = found["power"], found["keys"]
    for run, share in enumerate(power):
        style = SERIES[run % len(SERIES)]
        chosen = np.flatnonzero(keys[run])
        right.vlines(chosen, 0, share[chosen], color=style["color"], lw=1.2)
        right.plot(chosen, share[chosen], ls="", marker=style["marker"], ms=5, color=style["color"])
        others = np.setdiff1d(np.arange(1, len(share)), chosen)
        right.plot(others, share[others], ls="", marker=".", ms=2.5, color=BLUE, alpha=0.4)
    right.set(
        xlabel="frequency k of a + b",
        ylabel="share of the final logits' variance",
        xlim=(0, power.shape[1]),
        ylim=(0, None),
    )
    right.set_title("key frequencies marked, a sign a run", fontsize=9)
    if title:
        figure.suptitle(title)
    ends = ", ".join(f"{label} {np.median(found[name][-1]):.2g}" for name, label in losses.items())
    held = np.median((power * keys).sum(axis=1))
    figure.alt = (
        f"{title + '. ' if title else ''}Two panels of {count(len(power), 'run')}. Left, losses in "
        f"nats against the step, 1 to {steps[-1]}, both axes logarithmic; the medians end at "
        f"{ends}. Right, the share of the final logits' variance by frequency of a + b: the key "
        f"frequencies, {np.median(keys.sum(axis=1)):.0f} of {power.shape[1] - 1} in the median "
        f"run, hold {held:.0%} together."
    )
    return figure
