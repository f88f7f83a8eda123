"""The weight norm, in all and tensor by tensor, against the step."""

from __future__ import annotations

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
from grokedu.training.runs import Runs


def norms(runs: Runs, *, threshold: float = 0.99, title: str = "") -> Described:
    """The L2 norm against the step, with the median steps of fitting and of generalising marked.

    Args:
        runs: of one setting, over seeds.
        threshold: the accuracy that counts as fitted and as generalised.
        title: drawn above, if any.
    """
    figure, (axes,) = panels(1)
    after = runs.steps > 0
    steps = runs.steps[after]
    names = [name for name in runs.history if name.startswith("norm_")]
    for name, style in zip(["l2_norm", *names], SERIES, strict=False):
        label = "all weights" if name == "l2_norm" else name.removeprefix("norm_")
        line = {"color": style["color"], "ls": style["ls"]}
        median_and_band(axes, steps, runs[name][after], label, **line)
    marks = {"fitted": runs.fitted_at(threshold), "generalised": runs.grokked_at(threshold)}
    said = []
    for word, reached in marks.items():
        if np.isnan(reached).all():
            said.append(f"none {word}")
            continue
        at = float(np.nanmedian(reached))
        axes.axvline(at, color=BLACK, lw=1, ls=":" if word == "fitted" else "-")
        axes.text(at, 1.01, word, transform=axes.get_xaxis_transform(), ha="center", fontsize=8)
        norm = np.median(runs["l2_norm"][np.searchsorted(runs.steps, at)])
        said.append(f"it is {norm:.1f} when {word} (step {at:.0f})")
    log_scale(axes, "x")
    axes.set(xlim=(1, steps[-1]), xlabel="optimizer step", ylabel="L2 norm")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=8, loc="upper left")
    if title:
        figure.suptitle(title)
    middle = np.median(runs["l2_norm"], axis=1)
    figure.alt = (
        f"L2 norm of {count(len(runs), 'run')} against the step on a log axis, of all weights and "
        f"of {', '.join(name.removeprefix('norm_') for name in names)}. The median norm of all "
        f"weights starts at {middle[0]:.1f}, peaks at {middle.max():.1f} (step "
        f"{runs.steps[middle.argmax()]}) and ends at {middle[-1]:.1f}; {'; '.join(said)}."
    )
    return figure
