from __future__ import annotations

from datetime import datetime

import pytest

from grokedu.grading.book.course import Course, open_course
from grokedu.grading.book.gradebook import publish
from grokedu.grading.book.scores import NOT_ENTERED, NOT_GRADED, scores
from grokedu.grading.result import Result, Status
from tests.grading.coursefolder import (
    GROKKING,
    START,
    hand_in,
    result,
    score_by_hand,
)


def grade(course: Course, given: Result) -> None:
    publish(course, given)
    course.ledger.write(given)


def expect_from(course: Course, student: str) -> None:
    """A submission in the gradebook before there is one, as an extension needs it."""
    with course.gradebook.db.no_autoflush:
        course.gradebook.change(
            lambda: course.gradebook.update_or_create_submission(START, student)
        )


def status(course: Course, student: str, lesson: str = START) -> tuple[str, tuple[str, ...]]:
    found = {row.student: row for row in scores(course, lesson)}[student]
    return found.status, found.reasons


def test_a_score_has_its_penalty_taken_off_and_its_student_described(course: Course):
    book = course.gradebook
    due = datetime(2026, 12, 1)
    book.change(lambda: book.update_or_create_assignment(START, duedate=due))
    who = {"first_name": "A", "last_name": "L", "email": "ada@example.org", "lms_user_id": "17"}
    book.change(lambda: book.update_or_create_student("ada", **who))
    grade(course, result("ada"))

    def come_late() -> None:
        book.find_submission_notebook(START, START, "ada").late_submission_penalty = 0.5

    book.change(come_late)
    (row,) = scores(course, START)
    assert (row.raw_score, row.late_penalty, row.score, row.max_score) == (2.0, 0.5, 1.5, 2.0)
    assert (row.first_name, row.last_name, row.email, row.lms_user_id) == tuple(who.values())
    assert (row.status, row.duedate, row.needs_manual) == ("graded", due, False)


def test_needs_review_until_a_person_has_scored_every_cell(course: Course):
    given = result("ada", GROKKING, 0.0, status=Status.NEEDS_REVIEW, reasons=("It ended early.",))
    grade(course, given)
    assert status(course, "ada", GROKKING) == (Status.NEEDS_REVIEW, ("It ended early.",))
    assert [row.score for row in scores(course, GROKKING)] == [None]
    cells = [*(f"{id}_check" for id in given.exercises), "norm_reflect", "censored_reflect"]
    score_by_hand(course, "ada", GROKKING, **dict.fromkeys(cells[:-1], 1.0))
    assert status(course, "ada", GROKKING)[0] == Status.NEEDS_REVIEW
    score_by_hand(course, "ada", GROKKING, **dict.fromkeys(cells, 1.0))
    (row,) = scores(course, GROKKING)
    assert (row.status, row.reasons, row.score) == ("graded", (), float(len(cells)))


def test_to_be_read_while_rubric_points_are_missing(course: Course):
    grade(course, result("ada", GROKKING))
    (row,) = scores(course, GROKKING)
    assert (row.status, row.score, row.needs_manual) == ("to be read", 30.0, True)
    score_by_hand(course, "ada", GROKKING, norm_reflect=3, censored_reflect=1)
    (row,) = scores(course, GROKKING)
    assert (row.status, row.score, row.max_score) == ("graded", 34.0, 35.0)


def test_none_handed_in_is_no_zero_though_there_is_an_extension(course: Course):
    grade(course, result("ada"))
    book = course.gradebook
    book.change(lambda: book.update_or_create_student("ben"))
    book.change(lambda: book.update_or_create_student("cem"))
    expect_from(course, "cem")
    book.change(lambda: book.grant_extension(START, "cem", days=1))
    rows = {row.student: row for row in scores(course, START)}
    assert {name: (row.status, row.score) for name, row in rows.items()} == {
        "ada": ("graded", 2.0),
        "ben": ("none handed in", None),
        "cem": ("none handed in", None),
    }


def test_what_waits_to_be_graded_is_not_none(course: Course):
    hand_in(course, "ada")
    book = course.gradebook
    book.change(lambda: book.update_or_create_student("ben"))
    expect_from(course, "ben")
    hand_in(course, "ben")
    hand_in(course, "cem", GROKKING)
    (course.root / "gradebook" / "submitted" / "notes.txt").write_text("not a student")
    assert {row.student: (row.status, row.reasons) for row in scores(course, START)} == {
        "ada": (Status.NEEDS_REVIEW, (NOT_GRADED,)),
        "ben": (Status.NEEDS_REVIEW, (NOT_GRADED,)),
    }


def test_a_result_that_is_not_in_the_gradebook_is_missed(course: Course):
    course.ledger.write(result("ada"))
    assert status(course, "ada") == (Status.NEEDS_REVIEW, (NOT_ENTERED,))


def test_a_damaged_record_needs_review(course: Course):
    given = result("ada")
    grade(course, given)
    file = course.ledger.file(START, "ada")
    file.write_text("{")
    assert status(course, "ada")[0] == Status.NEEDS_REVIEW
    assert file.name in status(course, "ada")[1][0]


def test_what_nbgrader_graded_by_itself_counts(course: Course):
    publish(course, result("ada"))
    publish(course, result("ada", GROKKING, exercises={}))
    assert status(course, "ada") == ("graded", ())
    assert status(course, "ada", GROKKING) == ("to be read", ())


def test_reading_holds_up_no_writer(course: Course):
    grade(course, result("ada"))
    scores(course, START)
    with open_course(course.root) as other:
        publish(other, result("ben"))
    assert [row.student for row in scores(course, START)] == ["ada", "ben"]


def test_an_unknown_lesson_is_named(course: Course):
    with pytest.raises(ValueError, match="99_nothing"):
        scores(course, "99_nothing")
