"""Estimates over localisations and temperatures: what is drawn is what was given."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from matplotlib.lines import Line2D

from grokedu import figures
from grokedu.figures.style import Described
from grokedu.llc import LLC, llc_grid
from grokedu.llc.sampling.findings import Finding


def estimate(value: float, gamma: float, nbeta: float, *warnings: Finding) -> LLC:
    return LLC(
        value=value, standard_error=0.1, gamma=gamma, nbeta=nbeta, n=1e4, weight_decay=0.0,
        loss_at_center=0.0, trace=torch.zeros(4, 2), distance=torch.zeros(4, 2), acceptance=0.8,
        rhat=1.0, effective_draws=8.0, gradients=100, settings={"sampler": "HMC"},
        warnings=warnings,
    )  # fmt: skip


NOISY = Finding("noisy", "the error is 10 %", "take more gradients")
GRID = [
    [estimate(9.0, 0.0, 100.0, NOISY), estimate(7.0, 0.0, 1000.0)],
    [estimate(5.0, 1.0, 100.0), estimate(6.5, 1.0, 1000.0)],
    [estimate(2.0, 100.0, 100.0), estimate(6.0, 100.0, 1000.0, NOISY)],
]


def test_the_figure_has_units_and_an_alt_text_and_nothing_is_cut_off(
    assert_nothing_is_cut_off: Callable[[Described], None],
) -> None:
    figure = figures.llc_sensitivity(GRID, exact=7.5, title="a title")
    assert len(figure.alt) > 80
    assert "nan" not in figure.alt
    assert all(axes.get_xlabel() for axes in figure.axes)
    assert_nothing_is_cut_off(figure)
    figure.png(dpi=50)


def drawn(figure: Described, label: str) -> list[float]:
    lines = [line for line in figure.axes[0].lines if line.get_label() == label]
    assert len(lines) == 1, [line.get_label() for line in figure.axes[0].lines]
    return np.asarray(lines[0].get_ydata()).tolist()


def test_the_numbers_drawn_are_the_grids() -> None:
    figure = figures.llc_sensitivity(GRID)
    assert drawn(figure, "nβ = 100") == [9.0, 5.0, 2.0]
    assert drawn(figure, "nβ = 1000") == [7.0, 6.5, 6.0]
    ticks = [tick.get_text() for tick in figure.axes[0].get_xticklabels()]
    assert ticks == ["0", "1", "100"]
    assert "9 with a warning at γ = 0, 5 at γ = 1" in figure.alt


def places(line: Line2D) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


def test_open_markers_are_the_estimates_with_a_warning() -> None:
    lines = figures.llc_sensitivity(GRID).axes[0].lines
    white = [places(line) for line in lines if line.get_markerfacecolor() == "white"]
    assert white == [[(0, 9.0)], [(2, 6.0)], []]  # the last is the legend's


def test_the_grid_of_a_quadratic_is_drawn_at_its_known_values() -> None:
    grid = llc_grid(
        lambda params: params["w"].square().sum(dim=1) / 2,
        params={"w": torch.zeros(4)}, n=1e4, gammas=[0.0, 100.0], nbetas=[100.0], gradients=800,
        progress=False,
    )  # fmt: skip
    figure = figures.llc_sensitivity(grid)
    found = drawn(figure, "nβ = 100")
    assert found == [row[0].value for row in grid]
    for value, exact, row in zip(found, (2.0, 1.0), grid, strict=True):
        assert value == pytest.approx(exact, abs=4 * row[0].standard_error)


@pytest.mark.parametrize(("low", "scale"), [(5.0, "linear"), (0.1, "log"), (-1.0, "linear")])
def test_values_over_decades_get_a_logarithmic_axis(low: float, scale: str) -> None:
    grid = [[estimate(low, 1.0, 100.0)], [estimate(9.0, 0.0, 100.0)]]
    assert figures.llc_sensitivity(grid).axes[0].get_yscale() == scale


def test_what_is_no_grid_is_refused() -> None:
    with pytest.raises(ValueError, match=r"rows of \[\] estimates"):
        figures.llc_sensitivity([])
    with pytest.raises(ValueError, match=r"rows of \[2, 1\] estimates"):
        figures.llc_sensitivity([GRID[0], GRID[1][:1]])
    with pytest.raises(ValueError, match="8 temperatures; wanted at most 7"):
        figures.llc_sensitivity([[estimate(1.0, 1.0, nbeta) for nbeta in range(1, 9)]])
