"""Stages of learning regression in context: loss, learning coefficient and norm against steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from grokedu.figures.style import (
    BLACK,
    SERIES,
    Described,
    count,
    log_scale,
    median_and_band,
    panels,
)
from grokedu.measures.arrays import Array


def figure(
    steps: Sequence[int],
    loss: Mapping[str, Array],
    llc: Mapping[str, Array],
    norm: Mapping[str, Array],
    *,
    ridge: float,
    nbeta: float,
    title: str = "",
) -> Described:
    """Three panels over the same steps; medians over runs, the range over runs as a band.

    Args:
        steps: (T,) of the checkpoints, positive.
        loss, norm: from which weights are meant to (T, S).
        llc: from the localisation, and which weights, to (T, S).
        ridge: the loss of ridge regression, a horizontal line.
        nbeta: n times the inverse temperature of the learning coefficient.
        title: drawn above, if any.
    """
    figure, axes = panels(3, width=11.5, height=3.8)
    measured = {
        "loss on new sequences": loss,
        f"LLC (nβ = {nbeta:g})": llc,
        "L2 norm of the weights": norm,
    }
    said = []
    for one, (label, each) in zip(axes, measured.items(), strict=True):
        for (name, values), style in zip(each.items(), SERIES, strict=False):
            median_and_band(one, steps, values, name, **style)
            middle = ", ".join(f"{value:.3g}" for value in np.median(values, axis=1))
            said.append(f"{label}, {name}: {middle}.")
        log_scale(one, "x")
        one.set(xlabel="step", ylabel=label)
    axes[0].axhline(ridge, color=BLACK, lw=1.0, ls=":", label="ridge regression")
    for one in axes:
        low, high = one.get_ylim()
        one.set_ylim(low, high + 0.3 * (high - low))  # room for the legend
        one.legend(frameon=False, fontsize=8, loc="upper left")
    if title:
        figure.suptitle(title, fontsize=10)
    runs = count(next(iter(llc.values())).shape[1], "run")
    figure.alt = (
        f"Three panels against the step, medians over {runs}, at {', '.join(map(str, steps))}. "
        f"{' '.join(said)} Ridge regression has a loss of {ridge:.3g}."
    )
    return figure
