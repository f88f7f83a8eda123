from __future__ import annotations

from collections.abc import Callable

import numpy as np

from grokedu import figures
from grokedu.figures.style import Described


def test_icl_stages_says_what_it_draws(
    assert_nothing_is_cut_off: Callable[[Described], None],
) -> None:
    steps = [100, 1000, 10_000]
    kinds = ("as trained", "polished")
    loss = {name: np.array([[4.0, 4.2], [2, 2], [1.5, 1.5]]) for name in kinds}
    llc = {name: np.array([[5.0, 7.0], [20, 22], [9, 11]]) for name in kinds}
    norm = {name: np.array([[12.0, 12.0], [20, 20], [31, 31]]) for name in kinds}
    drawn = figures.icl_stages(steps, loss, llc, norm, ridge=1.25, nbeta=60.0, title="In context")
    assert "medians over 2 runs, at 100, 1000, 10000" in drawn.alt
    assert "LLC (nβ = 60), polished: 6, 21, 10." in drawn.alt
    assert "Ridge regression has a loss of 1.25." in drawn.alt
    first, second, third = drawn.axes
    assert [len(axes.lines) for axes in (first, second, third)] == [3, 2, 2]
    assert second.get_ylabel() == "LLC (nβ = 60)"
    assert_nothing_is_cut_off(drawn)
