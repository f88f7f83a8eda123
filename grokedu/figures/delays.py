"""When each arm of an experiment fitted and when it generalised, run by run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from grokedu.figures.style import BLACK, BLUE, VERMILION, Described, log_scale, panels


class Arm(NamedTuple):
    """One arm: (S,) steps of fitting and generalising, nan where censored at ``last``."""

    fitted: npt.NDArray[Any]
    generalised: npt.NDArray[Any]
    last: int


def delays(arms: Mapping[str, Arm], *, title: str = "") -> Described:
    """A row an arm: open circles where runs fitted, filled ones where they generalised.

    Each run's two are joined; an arrow to the right is a run that had not generalised when its arm
    ended, an open triangle one that had not even fitted.

    Args:
        arms: from what to call them to their steps; drawn from the top.
        title: drawn above, if any.
    """
    figure, (axes,) = panels(1, width=8.2, height=1.4 + 0.55 * len(arms), left=2.3)
    said = []
    for at, (name, arm) in enumerate(arms.items()):
        runs = len(arm.fitted)
        rows = -at + 0.09 * (np.arange(runs) - (runs - 1) / 2)
        for y, fit, gen in zip(rows, arm.fitted, arm.generalised, strict=True):
            if np.isnan(fit):
                axes.plot(arm.last, y, marker="^", mfc="none", mec=BLUE, ms=6)
                continue
            end = arm.last if np.isnan(gen) else gen
            axes.plot([fit, end], [y, y], color=BLACK, lw=0.7, alpha=0.6)
            axes.plot(fit, y, marker="o", mfc="white", mec=BLUE, ms=5)
            if np.isnan(gen):
                axes.plot(end, y, marker=">", mfc="none", mec=VERMILION, ms=6)
            else:
                axes.plot(gen, y, marker="o", color=VERMILION, ms=5)
        came = ~np.isnan(arm.generalised)
        fitted = (
            f"fitted at {np.nanmedian(arm.fitted):.0f}"
            if not np.isnan(arm.fitted).all()
            else "never fitted"
        )
        middle = (
            f"generalised at {np.median(arm.generalised[came]):.0f}"
            if came.all()
            else f"{came.sum()} of {runs} generalised by step {arm.last}"
        )
        said.append(f"{name}: {fitted}, {middle}")
    for label, style in (
        ("fitted", {"marker": "o", "mfc": "white", "mec": BLUE}),
        ("generalised", {"marker": "o", "color": VERMILION}),
        ("not when it ended", {"marker": ">", "mfc": "none", "mec": VERMILION}),
        ("not even fitted", {"marker": "^", "mfc": "none", "mec": BLUE}),
    ):
        axes.plot([], [], ls="", label=label, ms=5, **style)
    log_scale(axes, "x", subs=(1.0, 2.0, 5.0))
    axes.set_yticks(-np.arange(len(arms)), [*arms], fontsize=8)
    axes.set(xlabel="optimizer step", ylim=(-len(arms) + 0.45, 0.55))
    axes.legend(frameon=False, fontsize=8, ncols=4, loc="lower center", bbox_to_anchor=(0.4, 1.0))
    if title:
        figure.suptitle(title, fontsize=10)
    figure.alt = (
        "Steps at which runs fitted the train data and at which they generalised, on a log axis, "
        f"a row for each arm; medians: {'; '.join(said)}."
    )
    return figure
