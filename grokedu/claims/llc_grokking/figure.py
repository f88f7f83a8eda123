"""The learning coefficient along training, and what else might tell that a network groks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.ticker import NullFormatter

from grokedu.claims.llc_grokking.experiment import MEASURES
from grokedu.figures.style import BLACK, SERIES, Described, count, median_and_band
from grokedu.measures.arrays import Array

# Each row: what is drawn in it, what it is called on the axis, and whether the axis is logarithmic.
ROWS = (
    (("l2_norm",), "norm", False),
    (("train_log_prob", "test_log_prob"), "average\nlog-prob. (nats)", False),
    (("hessian_trace",), "Hessian trace", True),
    (("restricted",), "restricted loss", True),
    (("test_loss",), "test loss", True),
)


def figure(found: Mapping[str, Mapping[str, Any]], *, title: str = "") -> Described:
    """Small multiples along the step: a column for each loss, a row for each quantity.

    Lines are medians over runs, bands the range; bars are two Monte Carlo standard errors of the
    median run. Dotted lines mark the median steps of fitting and of generalising.

    Args:
        found: for each loss ``steps`` (T,), ``gammas`` (G,), ``nbeta``, ``llc`` and ``error``
            (G, T, S), ``fitted`` and ``grokked`` (S,), and each of :data:`MEASURES` (T, S).
        title: drawn above, if any.
    """
    columns = len(found)
    width = 4.7 * columns + 0.6
    figure = Described(figsize=(width, 12.4))
    FigureCanvasAgg(figure)
    heights = [2.4] + [1.0] * len(ROWS)
    grid = figure.subplots(
        len(heights),
        columns,
        squeeze=False,
        sharex="col",
        gridspec_kw={
            "height_ratios": heights,
            "left": 0.82 / width,
            "right": 1 - 0.2 / width,
            "bottom": 0.05,
            "top": 0.93,
            "hspace": 0.14,
            "wspace": 0.3,
        },
    )
    for axes, (loss, one) in zip(grid.T, found.items(), strict=True):
        _column(axes, loss, one)
    grid[0, 0].legend(frameon=False, fontsize=8, loc="best")
    if title:
        figure.suptitle(title, fontsize=11)
    figure.alt = (
        f"{title + '. ' if title else ''}{count(len(heights) * columns, 'panel')} against the "
        f"step, medians over runs. " + " ".join(_in_words(*each) for each in found.items())
    )
    return figure


def _column(axes: Any, loss: str, found: Mapping[str, Any]) -> None:
    steps, top = found["steps"], axes[0]
    for g, (gamma, style) in enumerate(zip(found["gammas"], SERIES, strict=False)):
        line = {"color": style["color"], "ls": style["ls"]}
        median_and_band(top, steps, found["llc"][g], f"γ = {gamma:g}", **line)
        bars = 2 * np.median(found["error"][g], axis=1)
        middle = np.median(found["llc"][g], axis=1)
        top.errorbar(
            steps, middle, yerr=bars, color=style["color"], fmt=style["marker"], ms=3, lw=1
        )
    _logarithmic(top, found["llc"] - 2 * found["error"])
    top.set_title(f"{loss.replace('_', '-')}, nβ = {found['nbeta']:.4g}", fontsize=9)
    top.set_ylabel("λ̂(γ, nβ)")
    for one, (names, label, log) in zip(axes[1:], ROWS, strict=True):
        for name, style in zip(names, SERIES, strict=False):
            line = {"color": style["color"], "ls": style["ls"]}
            median_and_band(one, steps, found[name], name.split("_")[0], **line)
        if len(names) > 1:
            one.legend(frameon=False, fontsize=8)
        if log:
            _logarithmic(one, np.concatenate([found[name] for name in names]))
        one.set_ylabel(label)
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(True, alpha=0.25, linewidth=0.6)
        one.set_xlabel("optimizer step" if one is axes[-1] else "step", fontsize=9)
        one.xaxis.label.set_visible(one is axes[-1])
        for name in ("fitted", "grokked"):
            reached = found[name][np.isfinite(found[name])]
            if len(reached):
                one.axvline(np.median(reached), color=BLACK, lw=0.9, ls=":")


def _logarithmic(axes: Any, values: Array) -> None:
    """A logarithmic axis, linear below the smallest value above zero where some are not."""
    if (values > 0).all():
        axes.set_yscale("log")
    else:
        axes.set_yscale("symlog", linthresh=max(values[values > 0].min(initial=1.0), 1e-4))
        axes.yaxis.get_major_locator().set_params(numticks=5)  # else those around 0 overlap
    axes.yaxis.set_minor_formatter(NullFormatter())


def _in_words(loss: str, found: Mapping[str, Any]) -> str:
    steps = found["steps"]
    parts = []
    for g, gamma in enumerate(found["gammas"]):
        middle = np.median(found["llc"][g], axis=1)
        parts.append(
            f"λ̂ at γ = {gamma:g} {middle[0]:.3g}, highest {middle.max():.3g} at step "
            f"{steps[middle.argmax()]}, last {middle[-1]:.3g}"
        )
    for name, label in MEASURES.items():
        middle = np.median(found[name], axis=1)
        parts.append(f"{label} {middle[0]:.3g} to {middle[-1]:.3g}")
    runs = count(found["llc"].shape[2], "run")
    return f"{loss.replace('_', '-')}, {runs}, steps {steps[0]} to {steps[-1]}: {'; '.join(parts)}."
