"""The hidden states that runs pass through, and how many of them held-out runs ask for."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.colors import ListedColormap

from grokedu.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    Described,
    count,
    panels,
)

COLOURS = [BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, "#999999"]


def training_states(
    steps: npt.ArrayLike,
    path: npt.ArrayLike,
    convergence: npt.ArrayLike,
    bic: Mapping[int, float],
    *,
    title: str = "",
) -> Described:
    """Left, the state of every run at every record, runs sorted by when they converged; right, BIC.

    Args:
        steps: (T,) of the records.
        path: (T, S) states, 0 .. N-1, at most eight.
        convergence: (S,) a step a run, nan where it never came: those are at the top.
        bic: number of states to the criterion on held-out runs.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=9.2)
    at, states, when = np.asarray(steps), np.asarray(path), np.asarray(convergence)
    order = np.argsort(np.nan_to_num(when, nan=np.inf), kind="stable")
    number = int(states.max()) + 1
    edges = np.concatenate([at[:1], (at[1:] + at[:-1]) / 2, at[-1:]])
    left.pcolormesh(
        edges,
        np.arange(len(order) + 1) - 0.5,
        states[:, order].T,
        cmap=ListedColormap(COLOURS[:number]),
        vmin=-0.5,
        vmax=number - 0.5,
    )
    left.plot(when[order], np.arange(len(order)), ".", color=BLACK, ms=7, mec="white", mew=0.6)
    left.grid(False)
    for state in range(number):
        rows, columns = np.nonzero(states[:, order] == state)
        if len(rows):  # each state is named where it is, besides by its colour
            left.annotate(
                str(state),
                (at[int(np.median(rows))], float(np.median(columns))),
                ha="center",
                va="center",
                fontsize=9,
                bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8},
            )
    left.set(xlabel="optimizer step", ylabel="run, by when it generalised (dot)")
    tried = sorted(bic)
    right.plot(tried, [bic[one] for one in tried], color=BLUE, marker="o", ms=5, lw=1.6)
    best = min(tried, key=lambda one: bic[one])
    right.plot([best], [bic[best]], "o", color=VERMILION, ms=10, mfc="none", mew=1.6)
    right.set(xlabel="hidden states", ylabel="BIC on held-out runs (nats)", xticks=tried)
    right.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    if title:
        figure.suptitle(title)
    shares = ", ".join(f"{(states == state).mean():.0%} in {state}" for state in range(number))
    figure.alt = (
        f"Two panels. Left, the hidden state of each of {count(len(order), 'run')} over "
        f"{at[-1]} steps, runs sorted by when they generalised ({np.isfinite(when).sum()} did), "
        f"with a dot there; of all records {shares}. Right, the Bayesian information criterion on "
        "held-out runs by the number of states: "
        + ", ".join(f"{one}: {bic[one]:.0f}" for one in tried)
        + f"; lowest at {best}."
    )
    return figure
