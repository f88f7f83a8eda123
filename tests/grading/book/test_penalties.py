from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from grokedu.grading.book.course import Course, open_course
from grokedu.grading.book.gradebook import penalise, publish
from grokedu.grading.result import Status
from tests.grading.coursefolder import (
    CHECK,
    START,
    course_folder,
    grades,
    hand_in,
    result,
    score_by_hand,
)


def penalty(course: Course, student: str, lesson: str = START) -> float | None:
    book = course.gradebook
    return book.look(
        lambda: book.find_submission_notebook(lesson, lesson, student).late_submission_penalty
    )


LATE = """
from nbgrader.plugins import LateSubmissionPlugin
class Hourly(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        if student_id == "raises":
            raise RuntimeError("no such table of days")
        return 0.25 * total_seconds_late / 3600
c.AssignLatePenalties.plugin_class = Hourly
"""


@pytest.fixture
def late_course(tmp_path: Path) -> Iterator[Course]:
    with open_course(course_folder(tmp_path / "late", config=LATE)) as course:
        book = course.gradebook
        due = datetime(2026, 12, 1, 12)
        book.change(lambda: book.update_or_create_assignment(START, duedate=due))
        yield course


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2026-12-01 12:00:00 UTC", None),
        ("2026-12-01 14:00:00 UTC", 0.5),
        ("2026-12-01 15:00:00.000000 Europe/Berlin", 0.5),
        ("2026-12-01T16:00:00+02:00", 0.5),
        ("2026-12-05 12:00:00 UTC", 2.0),
    ],
)
def test_late_penalties_are_the_configured_plugins(
    late_course: Course, timestamp: str, expected: float | None
):
    hand_in(late_course, "ada", timestamp=timestamp)
    publish(late_course, result("ada"))
    assert penalty(late_course, "ada") == expected
    autograded = late_course.folder("autograded", "ada", START)
    submitted = late_course.folder("submitted", "ada", START)
    times = [late_course.coursedir.get_existing_timestamp(str(f)) for f in (autograded, submitted)]
    assert times[0] == times[1]


def test_an_extension_counts_at_the_next_publishing(late_course: Course):
    hand_in(late_course, "ada", timestamp="2026-12-01 14:00:00 UTC")
    publish(late_course, result("ada"))
    book = late_course.gradebook
    book.change(lambda: book.grant_extension(START, "ada", hours=1))
    publish(late_course, result("ada"))
    assert penalty(late_course, "ada") == 0.25


def test_penalties_follow_what_a_person_gave_later(late_course: Course):
    hand_in(late_course, "ada", timestamp="2026-12-01 14:00:00 UTC")
    hand_in(late_course, "ben", timestamp="2026-12-01 13:00:00 UTC")
    publish(late_course, result("ada", status=Status.NEEDS_REVIEW, reasons=("it ended early",)))
    publish(late_course, result("ben"))
    assert (penalty(late_course, "ada"), penalty(late_course, "ben")) == (0.0, 0.25)
    score_by_hand(late_course, "ada", weight_norm_check=1.5)
    book = late_course.gradebook
    book.change(lambda: book.grant_extension(START, "ben", hours=1))
    assert penalise(late_course, START) == []
    assert (penalty(late_course, "ada"), penalty(late_course, "ben")) == (0.5, None)


def test_an_extension_where_nothing_is_due_is_none(course: Course):
    moment = datetime(2026, 12, 1)
    publish(course, result("ada"), timestamp=moment)
    book = course.gradebook
    book.change(lambda: book.grant_extension(START, "ada", days=1))
    assert publish(course, result("ada"), timestamp=moment + timedelta(days=9)) == []
    assert penalty(course, "ada") is None


def test_a_plugin_that_raises_is_a_note(late_course: Course):
    hand_in(late_course, "raises", timestamp="2026-12-02 12:00:00 UTC")
    notes = publish(late_course, result("raises"))
    assert "no such table of days" in notes[0]
    assert grades(late_course, "raises") == {CHECK: (2.0, None, False)}


def make_timestamp(path: Path, kind: str) -> None:
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a link":
        path.symlink_to("/etc/hostname")
    elif kind == "a folder":
        path.mkdir()
    else:
        path.write_bytes({"binary": b"\xff\x00\xfe", "words": b"yesterday", "empty": b" \n"}[kind])


@pytest.mark.parametrize("kind", ["a pipe", "a link", "a folder", "binary", "words", "empty"])
def test_a_timestamp_that_is_none_stops_nothing(course: Course, kind: str):
    folder = hand_in(course, "ada")
    make_timestamp(folder / "timestamp.txt", kind)
    notes = publish(course, result("ada"))
    assert [("timestamp.txt" in note) for note in notes] == ([] if kind == "empty" else [True])
    assert grades(course, "ada") == {CHECK: (2.0, None, False)}
