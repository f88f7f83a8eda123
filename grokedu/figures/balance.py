"""The norm of each tensor at the start and at the end of training, and which are linked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from grokedu.figures.style import BLACK, BLUE, VERMILION, Described, panels
from grokedu.measures.arrays import Array


def balance(
    start: Mapping[str, Array],
    end: Mapping[str, Array],
    linked: Sequence[tuple[str, str]],
    *,
    title: str = "",
) -> Described:
    """A column a tensor, with its norm before and after training; brackets join linked ones.

    Args:
        start, end: tensor name to (S,) norms.
        linked: pairs of names whose norms a symmetry links; each bracket says their ratio.
        title: drawn above, if any.
    """
    figure, (axes,) = panels(1, width=8.2, height=4.2)
    names = [*end]
    for x, name in enumerate(names):
        runs = np.linspace(-0.12, 0.12, len(end[name])) if len(end[name]) > 1 else np.zeros(1)
        axes.plot(x + runs, start[name], ls="", marker="o", mfc="white", mec=BLUE, ms=5)
        axes.plot(x + runs, end[name], ls="", marker="D", color=VERMILION, ms=5)
    top = max(float(np.max(values)) for values in (*start.values(), *end.values()))
    said = []
    for level, (one, other) in enumerate(linked):
        ratio = float(np.median(end[one] / end[other]))
        a, b = names.index(one), names.index(other)
        y = top * (1.08 + 0.1 * level)
        axes.plot([a, a, b, b], [y - 0.02 * top, y, y, y - 0.02 * top], color=BLACK, lw=0.9)
        axes.text((a + b) / 2, y, f"{ratio:.2f}", ha="center", va="bottom", fontsize=8)
        said.append(f"{one} to {other} {ratio:.2f}")
    axes.plot([], [], ls="", marker="o", mfc="white", mec=BLUE, label="start")
    axes.plot([], [], ls="", marker="D", color=VERMILION, label="end")
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set(ylabel="L2 norm", xlabel="tensor", ylim=(0, top * (1.2 + 0.1 * len(linked))))
    axes.legend(frameon=False, fontsize=8, loc="upper right", ncols=2)
    if title:
        axes.set_title(title, fontsize=10)
    sizes = ", ".join(
        f"{name} {np.median(start[name]):.1f} to {np.median(end[name]):.1f}" for name in names
    )
    figure.alt = (
        f"Norm of each tensor at the start and at the end of training, medians over "
        f"{len(end[names[0]])} runs: {sizes}. Ratios at the end of those that a symmetry links: "
        f"{', '.join(said)}."
    )
    return figure
