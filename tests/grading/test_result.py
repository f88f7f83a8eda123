from __future__ import annotations

from dataclasses import replace

import pytest

from grokedu.grading.judging.plan import make_plan
from grokedu.grading.result import Result, Status, is_outdated, line, printable, summary
from grokedu.lessons import find

DONE = {"weight_norm": {"outcome": "partly", "points": 1.0, "of": 2.0, "version": 1}}


@pytest.fixture
def plan(root):
    return make_plan(
        "00_start_here", find, root / "course" / "00_start_here" / "00_start_here.ipynb", 1
    )


@pytest.fixture
def graded(plan):
    return Result(
        "ada",
        plan.lesson,
        Status.GRADED,
        exercises=DONE,
        release=plan.digest,
        seed=1,
        sandbox="bubblewrap",
    )


def test_the_table_has_every_student_and_no_score_for_what_needs_review(plan, graded):
    unread = replace(
        graded, student="ben", status=Status.NEEDS_REVIEW, reasons=("the file is empty",)
    )
    open_air = replace(graded, student="cy", sandbox="none", flags=("look",))
    text = summary([graded, unread, open_air], plan, {"ada", "cy"}, graded_before=2)
    rows = [line.split() for line in text.splitlines()]
    assert rows[2] == ["ada", "1", "of", "2", "graded"]
    assert rows[3] == ["ben", "–", "needs-review", "the", "file", "is", "empty"]
    assert rows[4] == ["cy", "1", "of", "2", "graded,", "no", "sandbox", "look"]
    assert "2 graded, 1 to review." in text
    assert "Graded before, and as they were: 2" in text
    assert "--regrade" not in text
    by_hand = summary([unread], plan, {"ben"}, 0).splitlines()[2]
    assert by_hand.split() == ["ben", "–", "graded", "by", "hand", "the", "file", "is", "empty"]


@pytest.mark.parametrize(
    "old",
    [
        {"release": "x"},
        {"seed": 2},
        {"exercises": {"weight_norm": {**DONE["weight_norm"], "version": 0}}},
    ],
)
def test_a_result_of_an_earlier_release_seed_or_check_is_pointed_out(plan, graded, old):
    assert not is_outdated(graded, plan)
    before = replace(graded, **old)
    assert is_outdated(before, plan)
    assert "Graded by an earlier release or check: 1" in summary([before], plan, {"ada"}, 0)


def test_nothing_that_steers_a_terminal_is_printed(plan, graded):
    assert printable("a\x1b[31mb\u202e") == "a\ufffd[31mb\ufffd"
    steering = replace(graded, student="\x1b[2J", flags=("a\x1b[31m\nben: 99 of 99",))
    for said in (line(steering), summary([steering], plan, set(), 0)):
        assert "\x1b" not in said
        assert "\nben" not in said
