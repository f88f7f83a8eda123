from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pytest
from matplotlib import image

from grokedu import figures
from grokedu.figures.style import Described

STEPS = np.array([1, 10, 100, 1000])
RUNS = np.outer(STEPS, [1.0, 2.0, 4.0])


def traced(log: str = "xy", count: int = 2) -> Described:
    panel = figures.Panel(
        STEPS, {"first": RUNS, "second": 1 / RUNS}, "optimizer step", "L2 norm", log,
        {"theory": STEPS / 2},
    )  # fmt: skip
    return figures.traces([panel] * count, title="a title")


def rescaled(scale: float = 2.0, shift: float = 0.0) -> Described:
    x = np.linspace(-1, 1, 9)
    scales = np.geomspace(0.1, 10, 21)
    weights = {"A": [[2.0, -4.0]], "b": [1.0, 0.0], "W": [[0.5], [-0.25]]}
    norms = np.hypot(scales, 1 / scales)
    return figures.rescaling(weights, x, x**2, x**2 + shift, scales, norms, scale, title="a title")


DRAWN = {
    "traces": traced,
    "one panel": lambda: traced(count=1),
    "three panels": lambda: traced(count=3),
    "linear traces": lambda: traced(""),
    "rescaling": rescaled,
    "rescaling at the end": lambda: rescaled(10.0, 0.5),
}


@pytest.mark.parametrize("name", list(DRAWN))
def test_every_figure_is_a_picture_with_units_and_an_alt_text(
    name: str, assert_nothing_is_cut_off: Callable[[Described], None]
) -> None:
    figure = DRAWN[name]()
    assert len(figure.alt) > 80
    assert all(axes.get_xlabel() for axes in figure.axes)
    assert_nothing_is_cut_off(figure)
    pixels = image.imread(io.BytesIO(figure.png(dpi=50)))
    assert pixels[..., :3].std() > 0.02


def test_traces_tell_the_medians_at_both_ends() -> None:
    said = traced().alt
    assert "2 panels, medians over 3 runs" in said
    assert "first: 2 at 1, 2e+03 at 1000" in said
    assert "second: 0.5 at 1, 0.0005 at 1000" in said
    assert "theory: 0.5 to 500" in said


def test_rescaling_tells_whether_the_function_moved_and_where_the_norm_is_least() -> None:
    assert "which does not change" in rescaled().alt
    assert "which changes by up to 0.5" in rescaled(shift=0.5).alt
    assert "2.06 at β = 2, least 1.41 at β = 1." in rescaled().alt
