"""Grading again after a check was mended: what would change is shown before it does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from grokedu.grading.run import ALL_GRADED
from tests.grading.commands.courses import grades, hand_in, make_course, nbgrader, start_here
from tests.grading.commands.test_grade import LESSON, records, run

pytestmark = pytest.mark.grading
# An instructor decides that one vector is all that is asked for.
MENDED = """
from dataclasses import replace

from grokedu.lessons.l00_start_here import lesson

exercise = lesson.exercises["weight_norm"]
before = exercise.make_cases


def cases(seed, level):
    for case in before(seed, level):
        if case.group == "one vector":
            for group in exercise.points:
                yield replace(case, group=group)


if exercise.version == 1:
    exercise.cases(cases)
    exercise.version = 2
"""


@pytest.fixture(scope="module")
def course(tmp_path_factory) -> Path:
    course = make_course(tmp_path_factory.mktemp("course"))
    kinds = start_here()
    hand_in(course, LESSON, {name: kinds[name] for name in ("perfect", "half", "empty")})
    status, said = run(course, "00")
    assert status == ALL_GRADED, said
    return course


@pytest.fixture
def mended(course, tmp_path, monkeypatch):
    """The environment in which the check has been mended."""
    (tmp_path / "l00_start_here.py").write_text(MENDED)
    monkeypatch.setenv("GROKEDU_LESSONS", str(tmp_path))


def scores(course: Path) -> dict[str, float]:
    return {student: float(row["score"]) for student, row in grades(course, LESSON).items()}


def test_without_a_change_nothing_changes(course):
    before = records(course)
    status, said = run(course, "00", "--regrade")
    assert (status, "0 of 3 students change." in said) == (0, True)
    assert records(course) == before


def test_a_mended_check_is_shown_then_entered_and_can_be_traced(course, mended):
    before = records(course)
    assert os.environ["GROKEDU_LESSONS"]
    _, said = run(course, "00")
    assert "Graded by an earlier release or check: 3" in said
    status, said = run(course, "00", "--regrade")
    assert status == 0
    assert "half: weight_norm: 1 of 2 -> 2 of 2" in said
    assert "1 of 3 students change." in said
    assert "Nothing was changed." in said
    assert records(course) == before
    assert scores(course) == {"perfect": 2, "half": 1, "empty": 0}

    status, said = run(course, "00", "--regrade", "--student", "empty", "--apply")
    assert (status, "0 of 1 students change." in said) == (0, True)
    status, said = run(course, "00", "--regrade", "--exercise", "weight_norm", "--apply")
    assert (status, "Entered: 3" in said) == (0, True)
    assert scores(course) == {"perfect": 2, "half": 2, "empty": 0}
    after = records(course)["half"]
    assert after["exercises"]["weight_norm"]["version"] == 2
    assert [each["points"] for each in after["history"]] == [{"weight_norm": 1.0}]
    nbgrader(course, "generate_feedback", LESSON, "--force")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--regrade", "--exercise", "forward"), "no exercise forward; there are: weight_norm"),
        (("--regrade", "--student", "nobody"), "nothing of 00_start_here by nobody was graded"),
        (("--apply",), "--apply and --exercise were given without --regrade"),
    ],
)
def test_what_cannot_be_graded_again_is_said(course, arguments, said):
    status, told = run(course, "00", *arguments)
    assert status == 1
    assert said in told
