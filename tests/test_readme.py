"""What the README shows is what happens."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"nan|\d+\.?\d*", text)]


def test_the_five_lines_print_and_draw_what_is_shown() -> None:
    code, shown = re.search(r"```python\n(.*?)```\n\n```\n(.*?)```", README, re.S).groups()
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    got, want = printed.getvalue(), shown
    assert got.splitlines()[0] == want.splitlines()[0]
    # Another processor rounds otherwise, which can move a step by a record or two (6 % each).
    steps, expected = (numbers(text.partition("generalised at")[2]) for text in (got, want))
    np.testing.assert_allclose(steps, expected, rtol=0.2)
    assert [text.get_text() for text in plt.gca().get_legend().get_texts()] == ["0.1", "0.3", "1.0"]
    plt.close("all")


def test_the_learning_coefficient_is_estimated_as_shown() -> None:
    code, shown = re.findall(r"```python\n(.*?)```\n\n```\n(.*?)```", README, re.S)[1]
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(code, {})
    got, want = ([*numbers(text)] for text in (printed.getvalue(), shown))
    value, error, exact = 2, 3, -1  # after gamma and nbeta
    assert want[exact] == got[exact]
    assert abs(want[value] - want[exact]) < 2 * want[error]
    assert abs(got[value] - got[exact]) < 4 * got[error]


def test_every_command_shown_is_there() -> None:
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([a-z-]+)", README):
        assert f"\n{target}:" in makefile


def test_the_badges_are_built_from_the_one_setting() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8")
    repository = re.search(r'^repository = "(.*)"', text, re.M)[1]
    branch = re.search(r'^branch = "(.*)"', text, re.M)[1]
    lesson = "course/00_start_here/00_start_here.ipynb"
    assert f"/github/{repository}/blob/{branch}/{lesson}" in README
    assert f"gh/{repository}/{branch}?urlpath=lab/tree/{lesson}" in README
    assert f"git clone https://github.com/{repository}" in README
