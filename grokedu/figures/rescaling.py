"""A small network before and after its neurons were rescaled: weights, function and norm."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from grokedu.figures.style import (
    BLACK,
    BLUE,
    ORANGE,
    VERMILION,
    Described,
    log_scale,
    panels,
)

Weights = Mapping[str, npt.ArrayLike]


def rescaling(
    weights: Weights,
    x: npt.ArrayLike,
    before: npt.ArrayLike,
    after: npt.ArrayLike,
    scales: npt.ArrayLike,
    norms: npt.ArrayLike,
    scale: float,
    *,
    title: str = "",
) -> Described:
    """Three panels: the rescaled network, its function beside the original's, the norm.

    Args:
        weights: "A" (1, N), "b" (N,) and "W" (N, 1) of the rescaled network.
        x, before, after: (K,) inputs, and outputs of the original and the rescaled network.
        scales, norms: (M,) scales β and the norm of all weights at each.
        scale: the β that was chosen.
        title: drawn above, if any.
    """
    figure, (net, function, norm) = panels(3, width=10.6, height=3.6, left=0.25, gap=0.75)
    _draw_network(net, weights)
    x, before, after = (np.asarray(one, dtype=float) for one in (x, before, after))
    function.plot(x, before, color=BLUE, lw=3.0, alpha=0.5, label="original")
    function.plot(x, after, color=VERMILION, lw=1.4, ls="--", label="rescaled")
    middle, half = before.mean(), 1.6 * float(np.ptp(before))
    function.set(xlabel="input x", ylabel="output", ylim=(middle - half, middle + half))
    function.legend(frameon=False, fontsize=8, loc="upper left")
    scales, norms = np.asarray(scales, dtype=float), np.asarray(norms, dtype=float)
    norm.plot(scales, norms, color=BLUE, lw=1.8)
    least, here = int(norms.argmin()), float(np.interp(np.log(scale), np.log(scales), norms))
    norm.plot(scales[least], norms[least], marker="o", color=BLUE, ls="", label="least")
    norm.plot(scale, here, marker="D", color=VERMILION, ls="", label="here")
    log_scale(norm, "x")
    log_scale(norm, "y", subs=(1.0, 2.0, 5.0))
    norm.set(xlabel="scale β", ylabel="L2 norm of all weights")
    norm.legend(frameon=False, fontsize=8, loc="upper center")
    if title:
        figure.suptitle(title, fontsize=10)
    named = f"{title}. " if title else ""
    neurons = len(np.asarray(weights["b"]))
    apart = float(np.abs(after - before).max())
    same = "does not change" if apart < 1e-6 * np.ptp(before) else f"changes by up to {apart:.2g}"
    figure.alt = (
        f"{named}Three panels. Left, the network of {neurons} neurons, its lines as "
        f"thick as their weights. Middle, its output over its input, which {same}. Right, the norm "
        f"of all weights against β: {here:.3g} at β = {scale:.3g}, least {norms[least]:.3g} at "
        f"β = {scales[least]:.3g}."
    )
    return figure


def _draw_network(axes: Axes, weights: Weights) -> None:
    """Input and bias on the left, neurons in the middle, the output on the right."""
    into, bias, out = (np.asarray(weights[name], dtype=float).ravel() for name in ("A", "b", "W"))
    rows = np.linspace(1, 0, len(bias))
    lines, sizes = [], []
    for y, a, b, w in zip(rows, into, bias, out, strict=True):
        lines += [[(0, 0.7), (1, y)], [(0, 0.3), (1, y)], [(1, y), (2, 0.5)]]
        sizes += [a, b, w]
    widths = np.clip(2.2 * np.sqrt(np.abs(sizes)), 0.15, 9)
    styles = ["-" if size > 0 else "--" for size in sizes]
    colours = [BLUE if size > 0 else ORANGE for size in sizes]
    axes.add_collection(LineCollection(lines, linewidths=widths, colors=colours, linestyles=styles))
    for place, label in (((0, 0.7), "x"), ((0, 0.3), "1"), ((2, 0.5), "out")):
        axes.text(
            *place, label, ha="center", va="center", bbox={"boxstyle": "circle", "fc": "white"}
        )
    axes.plot(np.ones(len(rows)), rows, "o", ms=11, mfc="white", mec=BLACK, zorder=3)
    axes.set(xlim=(-0.25, 2.3), ylim=(-0.12, 1.12), xticks=[], yticks=[])
    axes.set_xlabel("weights: solid positive, dashed negative")
    axes.spines[:].set_visible(False)
    axes.grid(False)
