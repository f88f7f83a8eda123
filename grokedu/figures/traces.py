"""Quantities of several arms against time or a scale, with what theory says of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes

from grokedu.figures.style import (
    BLACK,
    SERIES,
    Described,
    log_scale,
    median_and_band,
    panels,
)
from grokedu.measures.arrays import Array


class Panel(NamedTuple):
    """One pair of axes.

    Attributes:
        x: (T,) where the series were taken.
        series: from what to call it to its values, (T, S) over runs.
        xlabel, ylabel: with units.
        log: the axes that are logarithmic: "x", "y", "xy" or "".
        predicted: from what to call it to (T,) values, drawn as thin black lines.
    """

    x: Array
    series: Mapping[str, Array]
    xlabel: str
    ylabel: str
    log: str = ""
    predicted: Mapping[str, Array] = {}


def traces(each: Sequence[Panel], *, title: str = "") -> Described:
    """Panels side by side: medians over runs as lines, the range over runs as bands.

    Args:
        each: the panels, one to three.
        title: drawn above, if any.
    """
    figure, axes = panels(len(each), width=5.0 * len(each) + 0.4, height=4.0, left=0.95, gap=0.95)
    said = []
    for one, panel in zip(axes, each, strict=True):
        for (name, values), style in zip(panel.series.items(), SERIES, strict=False):
            line = {"color": style["color"], "ls": style["ls"]}
            median_and_band(one, panel.x, np.asarray(values), name, **line)
        for at, (name, curve) in enumerate(panel.predicted.items()):
            dots = (0, (1, 2 + at))
            one.plot(panel.x, curve, color=BLACK, lw=1.0, ls=dots, label=name)
        for which in panel.log:
            log_scale(one, which, subs=_subs(one.get_xlim() if which == "x" else one.get_ylim()))
        one.set(xlabel=panel.xlabel, ylabel=panel.ylabel)
        _legend_above(one, panel)
        said.append(_in_words(panel))
    if title:
        figure.suptitle(title, fontsize=10)
    count = {len(np.asarray(v)[0]) for panel in each for v in panel.series.values()}
    runs = f"{min(count)} runs" if len(count) == 1 else f"{min(count)} to {max(count)} runs"
    figure.alt = f"{len(each)} panel{'s' * (len(each) > 1)}, medians over {runs}. " + " ".join(said)
    return figure


def _legend_above(axes: Axes, panel: Panel) -> None:
    """Make room above the lines for a legend of two columns."""
    rows = math.ceil((len(panel.series) + len(panel.predicted)) / 2)
    (low, high), share = axes.get_ylim(), 0.03 + 0.065 * rows
    if "y" in panel.log:
        axes.set_ylim(low, high * (high / low) ** share)
    else:
        axes.set_ylim(low, high + share * (high - low))
    axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=min(2, rows))


def _subs(limits: tuple[float, float]) -> tuple[float, ...]:
    """More labels on an axis of few decades."""
    low, high = limits
    return (1.0, 2.0, 5.0) if low > 0 and high / low < 300 else (1.0,)


def _in_words(panel: Panel) -> str:
    x = np.asarray(panel.x)
    each = []
    for name, values in panel.series.items():
        middle = np.median(np.asarray(values), axis=1)
        each.append(f"{name}: {middle[0]:.3g} at {x[0]:g}, {middle[-1]:.3g} at {x[-1]:g}")
    each += [
        f"{name}: {curve[0]:.3g} to {curve[-1]:.3g}" for name, curve in panel.predicted.items()
    ]
    return f"{panel.ylabel} against {panel.xlabel}; {'; '.join(each)}."
