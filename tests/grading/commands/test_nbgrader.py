"""nbgrader's own commands, from release to grades and feedback, as an instructor types them."""

from __future__ import annotations

from pathlib import Path

import pytest

from grokedu.lessons import find
from tests.grading.commands.courses import (
    grades,
    grokking,
    hand_in,
    make_course,
    nbgrader,
    page,
    start_here,
)

pytestmark = pytest.mark.grading


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_course(tmp_path_factory.mktemp("course"))


@pytest.mark.parametrize(("prefix", "make"), [("00", start_here), ("01", grokking)])
def test_submissions_go_from_release_to_grade_and_feedback(course: Path, prefix: str, make):
    lesson = find(prefix)
    release = course / "course" / lesson.name / f"{lesson.name}.ipynb"
    built = release.read_bytes()
    nbgrader(course, "generate_assignment", lesson.name, "--force")
    assert release.read_bytes() == built
    assert [path.name for path in release.parent.iterdir()] == [release.name]

    students = make()
    hand_in(course, lesson.name, students)
    nbgrader(course, "autograde", lesson.name)
    nbgrader(course, "generate_feedback", lesson.name)

    most = lesson.max_points + sum(each.points for each in lesson.reflections.values())
    rows = grades(course, lesson.name)
    scores = {student: float(rows[student]["score"]) for student in students}
    assert scores == {student: handed_in.score for student, handed_in in students.items()}
    assert scores["perfect"] == lesson.max_points
    assert scores["empty"] == 0
    for student, handed_in in students.items():
        assert float(rows[student]["max_score"]) == most
        words = page(course, lesson.name, student)
        assert f"{handed_in.score:g} of {most:g} points" in words
        for said in handed_in.says:
            assert said in words, f"{student}: {said}"
