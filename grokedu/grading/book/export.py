"""Scores out of the gradebook: as CSV with their status, for Canvas, for Moodle, by nbgrader."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.plugins import ExportPlugin

from grokedu.classroom.files import write_whole
from grokedu.grading.book.course import Course, course_of
from grokedu.grading.book.lms import canvas, moodle
from grokedu.grading.book.scores import Row, scores

KINDS = ("csv", "canvas", "moodle")
# nbgrader's own columns, then ours.
COLUMNS = (
    "assignment",
    "duedate",
    "timestamp",
    "student_id",
    "last_name",
    "first_name",
    "email",
    "raw_score",
    "late_submission_penalty",
    "score",
    "max_score",
    "status",
    "reasons",
)


def export(
    course: Course,
    lesson: str,
    kind: str,
    to: Path,
    roster: Path | None = None,
    title: str | None = None,
) -> list[str]:
    """Write a lesson's scores to a file; what has no score is blank, never 0.

    Args:
        kind: ``csv``, with the status and all nbgrader knows; ``canvas``; ``moodle``.
        roster: what Canvas or Moodle exported: its rows are filled in.
        title: what Canvas calls the lesson; by default its name.

    Returns:
        Whom it leaves out or blank, and why, in a line each.

    Raises:
        ValueError: there is no such kind or lesson, or the roster is not what it should be.
    """
    if kind not in KINDS:
        raise ValueError(f"no export of kind {kind!r}; wanted one of {', '.join(KINDS)}")
    if kind == "csv" and roster is not None:
        raise ValueError(
            "--roster goes with --for canvas or --for moodle; csv has every student of the course"
        )
    if not to.parent.is_dir():
        raise ValueError(f"{to} cannot be written: there is no folder {to.parent}; make it first")
    rows = scores(course, lesson)
    notes: list[str] = []
    if kind == "canvas":
        table, notes = canvas(rows, title or lesson, roster)
    elif kind == "moodle":
        table, notes = moodle(rows, roster)
    else:
        table = [list(COLUMNS), *_lines(lesson, rows)]
    write_table(to, table)
    return notes


class StatusCsvExportPlugin(ExportPlugin):
    """What ``nbgrader export`` writes, with a status, and blank where there is no score."""

    def export(self, gradebook: Gradebook) -> None:
        """Write the scores of all lessons, or of those that the command names."""
        lessons, students = (
            {str(each) for each in asked} for asked in (self.assignment, self.student)
        )
        table = [list(COLUMNS)]
        with course_of(self.parent) as course:
            for lesson in [each.name for each in gradebook.assignments]:
                if not lessons or lesson in lessons:
                    rows = scores(course, lesson)
                    kept = [row for row in rows if not students or row.student in students]
                    table += _lines(lesson, kept)
        to = Path(self.to or "grades.csv")
        self.log.info("Exporting grades to %s", to)
        write_table(to, table)


def write_table(to: Path, table: Iterable[Sequence[str]]) -> None:
    """Write a CSV file that only its owner can read and whose text no spreadsheet calculates."""
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\r\n").writerows([map(inert, row) for row in table])
    text = stream.getvalue().encode("utf-8", "replace").decode("utf-8")
    write_whole(to, text, 0o600, durable=True)


def inert(text: str) -> str:
    """A cell that a spreadsheet shows as it is: what could be a formula gets a ``'`` before it.

    See https://owasp.org/www-community/attacks/CSV_Injection; numbers are left alone.

    >>> inert("=1+1"), inert("-2.5"), inert("ada")
    ("'=1+1", '-2.5', 'ada')
    """
    is_number = re.fullmatch(r"[-+]?\d+([.,]\d+)?", text, re.ASCII)
    # The last four are the first four at full width, which Excel takes for them.
    risky = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
    is_risky = text.lstrip(" ").startswith(risky)
    return f"'{text}" if is_risky and not is_number else text


def _lines(lesson: str, rows: Sequence[Row]) -> list[list[str]]:
    table = []
    for row in rows:
        values = [
            lesson,
            row.duedate,
            row.timestamp,
            row.student,
            row.last_name,
            row.first_name,
            row.email,
            row.raw_score,
            row.late_penalty if row.score is not None else None,
            row.score,
            row.max_score,
            row.status,
            " ".join(" ".join(row.reasons).split()),
        ]
        table.append(["" if value is None else str(value) for value in values])
    return table
