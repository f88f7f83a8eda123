from __future__ import annotations

from collections.abc import Callable

import pytest

from grokedu.figures.style import Described


@pytest.fixture
def assert_nothing_is_cut_off() -> Callable[[Described], None]:
    """Fails where a label or a legend reaches over the picture's edge."""

    def check(figure: Described) -> None:
        box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
        assert min(box.x0, box.y0) >= 0, f"cut off at the left or below: {box}"
        assert box.x1 <= width, f"cut off at the right: {box}"
        assert box.y1 <= height, f"cut off above: {box}"

    return check
