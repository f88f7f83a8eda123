"""Which of a learner's own cells are left out of grading: none that could matter."""

from __future__ import annotations

import pytest

from grokedu.grading.judging.required_cells import not_required

ANSWER = "def f(x):\n    return helped(x) * table[0]"


def skipped(*own: str, answer: str = ANSWER) -> list[str]:
    """The cells of the learner's own that are left out."""
    found = not_required([*own, answer], range(len(own)))
    return [source for place, source in enumerate(own) if place in found]


@pytest.mark.parametrize(
    "source",
    [
        "losses = [f(x) for x in range(3)]\nplt.plot(losses)\nplt.show()",
        "for x in range(3):\n    print(f(x))",
        "rows = []\nfor x in range(9):\n    rows.append(f(x))\nrows",
        "fig, axes = plt.subplots()\naxes.plot([1, 2])",
        "with torch.no_grad():\n    loss = f(1)\ncheck.f(f)",
        "1 + 1",
    ],
)
def test_a_cell_that_only_looks_is_left_out(source: str) -> None:
    assert skipped(source) == [source]


@pytest.mark.parametrize(
    "source",
    [
        "import torch",
        "def helped(x): return x",
        "class A: pass",
        "helped = abs",
        "table = [1]",
        "for table in ([1], [2]): pass",
        "if True:\n    helped = abs",
        "torch.manual_seed(0)",
        "_ = torch.manual_seed(0)",
        "torch.set_default_dtype(torch.float64)",
        "torch.backends.flag = True",
        "settings['a'] = 1",
        "n += 1",
        "del n",
        "fill(1)",
        "[fill(x) for x in range(3)]",
        "globals()['helped'] = abs",
        "made = exec('helped = abs')",
        "[helped := abs]",
        "!pip install einops\nx = 1",
        "%time 1",
        "def broken(:",
        "first = table.pop()",
        "again = table\nagain.append(1)",
        "(lambda: table)().append(1)",
    ],
)
def test_a_cell_that_may_matter_is_run(source: str) -> None:
    assert skipped("table = [1]", source) == []


def test_what_a_needed_cell_reads_is_needed() -> None:
    own = ("size = 3", "width = size + 1", "other = f(2)", "table = [width]")
    assert skipped(*own) == ["other = f(2)"]


def test_what_a_cell_that_is_run_anyway_reads_is_needed() -> None:
    assert skipped("seed = 3", "torch.manual_seed(seed)") == []
    assert skipped("seed = 3", "%run script.py $seed") == []


def test_a_value_read_before_it_is_bound_again_is_needed() -> None:
    assert skipped("n = 1", "n = n + 1", "table = [n]") == []


def test_only_cells_of_their_own_are_left_out() -> None:
    assert not_required(["x = 1", "y = 2"], {1}) == {1}


def test_a_source_too_deep_to_read_is_run() -> None:
    assert skipped("x = " + "-" * 100_000 + "1", "x = " + "(" * 500 + ")" * 500) == []
