"""The learning coefficient against the weight norm, where the two part."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grokedu.figures.style import BLACK, SERIES, Described, count, log_scale, panels


def figure(
    equal: Sequence[Mapping[str, Any]],
    orbits: Mapping[float, Sequence[Mapping[str, Any]]],
    trained: Mapping[str, Any],
    *,
    title: str = "",
) -> Described:
    """Left, points of a deep linear network; right, runs along training, each a line.

    Args:
        equal: points of equal norm, with "norm", "value", "standard_error", "llc" and "gamma".
        orbits: the same for points of one orbit of the scale symmetry, by gamma.
        trained: as :func:`grokedu.claims.llc_against_norm.experiment.grokking`
            gives.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=10.4, height=4.2, gap=0.95)
    said = []
    names = [
        f"one norm, γ = {equal[0]['gamma']:g}",
        *(f"one orbit, γ = {gamma:g}" for gamma in orbits),
    ]
    for name, points, style in zip(names, (equal, *orbits.values()), SERIES, strict=False):
        left.errorbar(
            [p["norm"] for p in points],
            [p["value"] for p in points],
            yerr=[p["standard_error"] for p in points],
            label=name,
            **{**style, "ls": "", "ms": 5},
        )
        each = ", ".join(f"{p['value']:.2f} at {p['norm']:.2f}" for p in points)
        exact = ", ".join(f"{value:g}" for value in dict.fromkeys(p["llc"] for p in points))
        said.append(f"{name}: {each} (λ = {exact})")
    levels = sorted({p["llc"] for points in (equal, *orbits.values()) for p in points})
    for level in levels:
        left.axhline(level, color=BLACK, lw=0.8, ls=":")
        left.text(
            0.99, level, f"λ = {level:g}", transform=left.get_yaxis_transform(), fontsize=8,
            ha="right", va="bottom",
        )  # fmt: skip
    left.set(xlabel="L2 norm", ylabel="estimate λ̂", title="a deep linear network, 4-4-4")
    low, high = left.get_ylim()
    left.set_ylim(low - 0.4 * (high - low), high)  # room for the legend
    left.legend(frameon=False, fontsize=8, loc="lower right")
    steps = [cell["step"] for cell in trained["cells"]]
    for run, style in zip(trained["runs"], SERIES * len(trained["runs"]), strict=False):
        right.plot(run["norm"], run["llc"], label=f"seed {run['seed']}", **{**style, "ms": 4})
    for cell in trained["cells"]:
        right.annotate(
            f"step {cell['step']}",
            (cell["norm"]["value"], cell["llc"]["value"]),
            xytext=(6, 6),
            textcoords="offset points",
            fontsize=8,
        )
    if np.min([run["llc"] for run in trained["runs"]]) > 0:
        log_scale(right, "y", subs=(1.0, 2.0, 5.0))
    right.set(xlabel="L2 norm", ylabel=f"λ̂ at γ = {trained['gamma']:g}")
    right.set_title("modular addition, along training")
    right.margins(x=0.12)
    right.legend(frameon=False, fontsize=8, loc="lower left")
    for axes in (left, right):
        axes.title.set_fontsize(10)
    if title:
        figure.suptitle(title, fontsize=10)
    medians = ", ".join(
        f"{cell['llc']['value']:.3g} at {cell['norm']['value']:.3g}" for cell in trained["cells"]
    )
    figure.alt = (
        f"Two panels, the estimated learning coefficient against the L2 norm. Left, a deep linear "
        f"network, {'; '.join(said)}. Right, {count(len(trained['runs']), 'run')} of modular "
        f"addition, medians at steps {', '.join(map(str, steps))}: {medians}."
    )
    return figure
