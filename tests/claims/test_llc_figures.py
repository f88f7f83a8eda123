"""Figures of the claims about the learning coefficient: what is drawn is what was given."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib import image
from matplotlib.lines import Line2D

from grokedu.claims import free_energy, hessian_comparison
from grokedu.claims.icl_stages import figure as icl_stages
from grokedu.claims.llc_against_norm import figure as llc_against_norm
from grokedu.claims.llc_exact import figure as llc_exact
from grokedu.claims.llc_grokking import figure as llc_grokking
from grokedu.claims.llc_grokking.experiment import MEASURES
from grokedu.figures.style import Described


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
    return llc_against_norm.figure(equal, orbits, trained, title="a title")


def energies() -> Described:
    n = np.geomspace(1e2, 1e6, 5)
    row = {"case": "regular", "llc": 1.0, "multiplicity": 1, "slope": 1.0}
    norm = free_energy.norm_terms(n)
    return free_energy.figure(n, [row | {"with_log_log": np.log(n)}], norm, title="a title")


DRAWN: dict[str, Callable[[], Described]] = {
    "exact": lambda: llc_exact.figure(cases(), starts(), title="a title"),
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


def places(line: Line2D) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in np.asarray(line.get_xydata())]


def test_an_estimate_with_a_warning_is_an_open_marker_at_its_error() -> None:
    axes = llc_exact.figure(cases(), starts()).axes[0]
    marks = [line for line in axes.lines if line.get_marker() == "o"]
    assert [places(line)[0][0] for line in marks] == [1.0, -3.0] * 2
    assert [line.get_markerfacecolor() == "none" for line in marks] == [False, True] * 2


def test_lines_of_slope_lambda_go_through_the_last_point() -> None:
    axes = energies().axes[0]
    marks, line = axes.lines
    assert line.get_ydata() == pytest.approx(marks.get_ydata())


def along() -> dict[str, Any]:
    """Three runs of four checkpoints at two gammas."""
    ones = np.ones(3)
    falling = np.array([50.0, 100, 60, 20])[:, None] * ones
    found: dict[str, Any] = {name: np.array([4.0, 5, 2, 0.1])[:, None] * ones for name in MEASURES}
    return found | {
        "steps": np.array([10, 100, 400, 900]),
        "gammas": np.array([10.0, 1000.0]),
        "nbeta": 100.0,
        "llc": np.stack([falling, falling / 100]),
        "error": np.full((2, 4, 3), 0.01),
        "fitted": 50 * ones,
        "grokked": np.array([300.0, 400.0, np.nan]),
        "warnings": {"10": {}, "1000": {}},
    }


@pytest.mark.parametrize("losses", [["mse"], ["cross_entropy", "mse"]])
def test_small_multiples_say_what_they_show(
    losses: list[str], assert_nothing_is_cut_off: Callable[[Described], None]
) -> None:
    found = {loss: along() for loss in losses}
    figure = llc_grokking.figure(found, title="a title")
    assert f"{6 * len(losses)} panels" in figure.alt
    assert "λ̂ at γ = 10 50, highest 100 at step 100, last 20" in figure.alt
    assert "test loss 4 to 0.1" in figure.alt
    assert "nan" not in figure.alt
    assert all(axes.get_xlabel() and axes.get_ylabel() for axes in figure.axes)
    assert_nothing_is_cut_off(figure)
    assert image.imread(io.BytesIO(figure.png(dpi=50)))[..., :3].std() > 0.02


def test_the_estimate_over_the_trace_is_drawn(
    assert_nothing_is_cut_off: Callable[[Described], None],
) -> None:
    draw = hessian_comparison.outcome({"mse": along()}).draw
    assert draw is not None
    figure = draw()
    assert "γ = 10: 2.5 at 10" in figure.alt  # 50 over 100 * 4 / 20
    assert_nothing_is_cut_off(figure)


def test_icl_stages_says_what_it_draws(
    assert_nothing_is_cut_off: Callable[[Described], None],
) -> None:
    steps = [100, 1000, 10_000]
    kinds = ("as trained", "polished")
    loss = {name: np.array([[4.0, 4.2], [2, 2], [1.5, 1.5]]) for name in kinds}
    llc = {name: np.array([[5.0, 7.0], [20, 22], [9, 11]]) for name in kinds}
    norm = {name: np.array([[12.0, 12.0], [20, 20], [31, 31]]) for name in kinds}
    drawn = icl_stages.figure(steps, loss, llc, norm, ridge=1.25, nbeta=60.0, title="In context")
    assert "medians over 2 runs, at 100, 1000, 10000" in drawn.alt
    assert "LLC (nβ = 60), polished: 6, 21, 10." in drawn.alt
    assert "Ridge regression has a loss of 1.25." in drawn.alt
    first, second, third = drawn.axes
    assert [len(axes.lines) for axes in (first, second, third)] == [3, 2, 2]
    assert second.get_ylabel() == "LLC (nβ = 60)"
    assert_nothing_is_cut_off(drawn)
