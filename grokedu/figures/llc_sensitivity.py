"""How far an estimate of the learning coefficient depends on localisation and temperature."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grokedu.figures.style import BLACK, SERIES, Described, panels
from grokedu.llc import LLC

LOG_FROM = 30  # a ratio of the largest to the smallest value from which the axis is logarithmic


def llc_sensitivity(
    grid: Sequence[Sequence[LLC]], *, exact: float | None = None, title: str = ""
) -> Described:
    """The estimate against gamma, one line for each nbeta; an open marker carries a warning.

    Where lines lie on each other and are flat the value is a property of the loss; elsewhere it is
    one of gamma and nbeta, and means nothing without them. The marks of gamma are evenly spaced,
    bars reach one standard error.

    Args:
        grid: a row for each gamma, with an estimate for each nbeta, as
            :func:`grokedu.llc.llc_grid` returns it.
        exact: the learning coefficient, where it is known; drawn as a thin line.
        title: drawn above, if any.

    Raises:
        ValueError: for no estimates, rows of different lengths, or more temperatures than styles.
    """
    if not grid or not grid[0] or len({len(row) for row in grid}) > 1:
        raise ValueError(
            f"the grid has rows of {[len(row) for row in grid]} estimates; wanted as many in each, "
            "one at least, as llc_grid returns"
        )
    if len(grid[0]) > len(SERIES):
        raise ValueError(f"{len(grid[0])} temperatures; wanted at most {len(SERIES)}")
    figure, (axes,) = panels(1)
    at, said = np.arange(len(grid)), []
    for column, style in zip(zip(*grid, strict=True), SERIES, strict=False):
        values = np.array([one.value for one in column])
        name = f"nβ = {column[0].nbeta:.4g}"
        axes.plot(at, values, label=name, **{**style, "ms": 5})
        axes.errorbar(
            at, values, [one.standard_error for one in column], color=style["color"], ls="", lw=1
        )
        warned = np.array([bool(one.warnings) for one in column])
        axes.plot(
            at[warned], values[warned], ls="", marker=style["marker"], color=style["color"],
            mfc="white", ms=7, zorder=3,
        )  # fmt: skip
        each = (
            f"{one.value:.3g}{' with a warning' if one.warnings else ''} at γ = {one.gamma:g}"
            for one in column
        )
        said.append(f"{name}: {', '.join(each)}")
    if exact is not None:
        axes.axhline(exact, color=BLACK, lw=0.9, ls=":", label=f"exact, {exact:g}")
        said.append(f"the exact value is {exact:g}")
    axes.plot([], [], ls="", marker="o", color=BLACK, mfc="white", label="with a warning")
    every = np.array([one.value for row in grid for one in row])
    if np.nanmin(every) > 0 and np.nanmax(every) > LOG_FROM * np.nanmin(every):
        axes.set_yscale("log")
    axes.set_xticks(at, [f"{row[0].gamma:g}" for row in grid])
    axes.set(xlabel="localisation γ", ylabel="estimate λ̂(γ, nβ)")
    axes.legend(frameon=False, fontsize=8)
    if title:
        axes.set_title(title, fontsize=10)
    figure.alt = (
        f"The estimated learning coefficient against the localisation, a line for each of "
        f"{len(grid[0])} temperatures. {'; '.join(said)}."
    )
    return figure
