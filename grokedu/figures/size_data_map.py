"""What becomes of networks of every size at every number of train examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from grokedu.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    PURPLE,
    SKY,
    VERMILION,
    Described,
    log_scale,
    panels,
)

MARKS = {
    "underfit": ("x", BLACK),
    "memorisation": ("s", VERMILION),
    "semi-grokking": ("D", SKY),
    "grokking": ("o", BLUE),
    "progression": ("^", GREEN),
}


def size_data_map(
    widths: Sequence[int],
    sizes: Sequence[int],
    regimes: npt.ArrayLike,
    *,
    critical: Mapping[int, float],
    memory: Mapping[int, float],
    title: str = "",
) -> Described:
    """The commonest regime of each cell, and the two data sizes that bound them.

    Args:
        widths, sizes: of the networks, and of the train part.
        regimes: (W, K, S) of the names of :func:`grokedu.efficiency.regimes`.
        critical: width to the size from which on half of the test pairs are right.
        memory: width to the size up to which random labels are fitted.
        title: drawn above, if any.
    """
    figure, (axes,) = panels(1, width=8.2)
    table = np.asarray(regimes)
    said = []
    for name, (marker, colour) in MARKS.items():
        share = (table == name).mean(axis=2)
        rows, columns = np.nonzero(share > 0)
        if len(rows):
            axes.scatter(
                np.asarray(widths)[rows],
                np.asarray(sizes)[columns],
                s=30 + 60 * share[rows, columns],
                marker=marker,
                c=colour,
                alpha=0.75,
                lw=0 if marker != "x" else 1.5,
                label=name,
            )
            said.append(f"{name} {(table == name).sum()}")
    for line, name, colour, dashes in (
        (critical, "half of the test pairs right", BLACK, "-"),
        (memory, "random labels fitted up to here", PURPLE, "--"),
    ):
        known = {width: value for width, value in line.items() if np.isfinite(value)}
        axes.plot(
            [*known], [*known.values()], color=colour, ls=dashes, marker=".", lw=1.6, label=name
        )
        pairs = ", ".join(f"{value:.0f} at {width}" for width, value in known.items())
        said.append(f"{name}: {pairs or 'not within the map'}")
    log_scale(axes, "x")
    log_scale(axes, "y")
    axes.set(xlabel="hidden neurons", ylabel="train examples", xticks=widths, yticks=sizes)
    axes.set_position((0.1, 0.15, 0.53, 0.72))  # room for the legend beside it
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.02, 0.5))
    if title:
        axes.set_title(title, fontsize=10)
    figure.alt = (
        "A map of train examples against hidden neurons, log axes, with the regime of each run. "
        f"Runs: {'; '.join(said)}."
    )
    return figure
