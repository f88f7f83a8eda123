from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from matplotlib import image

from grokedu import figures
from grokedu.claims import hessian_comparison
from grokedu.figures.llc_grokking import MEASURES
from grokedu.figures.style import Described


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
    figure = figures.llc_grokking(found, title="a title")
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
