"""Figures of the learning coefficient: what is drawn is what was given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.lines import Line2D

from grokedu import figures
from grokedu.claims import free_energy
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


def cases() -> list[dict[str, Any]]:
    return [
        {"case": name, "aim": 0.02, "errors": [0.01, -0.03], "standard_errors": [0.01, 0.01],
         "warnings": [[], ["noisy"]]}
        for name in ("regular, condition 1e3", "6-wide, 5 layers, rank 2")
    ]  # fmt: skip


def starts() -> dict[str, Any]:
    arms = [
        {"start": start, "gradients": count, "mean": mean, "error": 0.01}
        for start, mean in (("from w*", -0.1), ("heated", -0.02))
        for count in (2400, 9600)
    ]
    return {"case": "6-wide", "llc": 15.0, "leading_correction": -0.024, "arms": arms}


def against_norm() -> Described:
    def point(norm: float, llc: float, value: float) -> dict[str, float]:
        return {"norm": norm, "llc": llc, "value": value, "standard_error": 0.1, "gamma": 100.0}

    equal = [point(2, 8, 7.9), point(2, 6, 6.1)]
    orbits = {gamma: [point(2, 7.5, 7.4), point(4, 7.5, 7.3)] for gamma in (1.0, 100.0)}
    norm, llc, steps = [38.0, 44.0, 50.0], [130.0, 75.0, 17.0], (123, 369, 1200)
    trained = {
        "gamma": 10.0,
        "runs": [{"seed": seed, "norm": norm, "llc": llc} for seed in range(3)],
        "cells": [
            {"step": step, "norm": {"value": x}, "llc": {"value": y}}
            for step, x, y in zip(steps, norm, llc, strict=True)
        ],
    }
    return figures.llc_against_norm(equal, orbits, trained, title="a title")


def energies() -> Described:
    n = np.geomspace(1e2, 1e6, 5)
    row = {"case": "regular", "llc": 1.0, "multiplicity": 1, "slope": 1.0}
    norm = free_energy.norm_terms(n)
    return figures.free_energy(n, [row | {"with_log_log": np.log(n)}], norm, title="a title")


DRAWN: dict[str, Callable[[], Described]] = {
    "exact": lambda: figures.llc_exact(cases(), starts(), title="a title"),
    "sensitivity": lambda: figures.llc_sensitivity(GRID, exact=7.5, title="a title"),
    "free energy": energies,
    "against the norm": against_norm,
}


@pytest.mark.parametrize("name", list(DRAWN))
def test_every_figure_has_units_and_an_alt_text_and_nothing_is_cut_off(
    name: str, assert_nothing_is_cut_off: Callable[[Described], None]
) -> None:
    figure = DRAWN[name]()
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


def test_an_estimate_with_a_warning_is_an_open_marker_at_its_error() -> None:
    axes = figures.llc_exact(cases(), starts()).axes[0]
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    assert [places(line)[0][0] for line in marks] == [1.0, -3.0] * 2
    assert [line.get_markerfacecolor() == "none" for line in marks] == [False, True] * 2


def test_lines_of_slope_lambda_go_through_the_last_point() -> None:
    axes = energies().axes[0]
    marks, line = axes.lines
    assert line.get_ydata() == pytest.approx(marks.get_ydata())
