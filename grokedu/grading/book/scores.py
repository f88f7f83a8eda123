"""Where each student stands in a lesson: by the gradebook's scores and the ledger's reasons."""

from __future__ import annotations

import glob
import re
from dataclasses import dataclass
from datetime import datetime

from nbgrader.api import Assignment, Grade, GradeCell, SubmittedAssignment, SubmittedNotebook
from sqlalchemy import and_, case, func, select

from grokedu.grading.book.course import Course
from grokedu.grading.book.ledger import Ledger, Records
from grokedu.grading.result import Result, Status

NOT_GRADED = "It was handed in and is not graded yet."
NOT_ENTERED = "It was graded and its result is not in the gradebook."


@dataclass(frozen=True)
class Row:
    """One student in one lesson.

    Attributes:
        status: needs review until a person has scored every cell; to be read while rubric points
            are missing; graded; or none handed in.
        reasons: why it needs review.
        raw_score: before the penalty for being late; None where it has no meaning.
    """

    student: str
    status: Status
    reasons: tuple[str, ...]
    raw_score: float | None
    late_penalty: float
    max_score: float
    needs_manual: bool
    timestamp: datetime | None = None
    duedate: datetime | None = None
    first_name: str = ""
    last_name: str = ""
    email: str = ""
    lms_user_id: str = ""

    @property
    def score(self) -> float | None:
        """What counts, as nbgrader counts it; None where nobody gave any points."""
        return None if self.raw_score is None else max(0.0, self.raw_score - self.late_penalty)


def scores(course: Course, lesson: str) -> list[Row]:
    """Every student of the course, by id, and how they stand in a lesson.

    Students are those of the gradebook, of the ledger and of the submissions that wait.

    Raises:
        ValueError: the lesson is not in the gradebook.
    """
    records = course.ledger.all(lesson)
    return course.gradebook.look(lambda: _rows(course, lesson, records))


def not_as_recorded(course: Course, lesson: str) -> set[str]:
    """The students whose result in the ledger is not what the gradebook shows."""
    records = course.ledger.all(lesson).results
    query = (
        select(
            SubmittedAssignment.student_id, GradeCell.name, Grade.auto_score, GradeCell.max_score
        )
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .join(GradeCell, Grade.cell_id == GradeCell.id)
        .join(Assignment, SubmittedAssignment.assignment_id == Assignment.id)
        .where(Assignment.name == lesson)
    )
    shown: dict[str, dict[str, tuple[float | None, float]]] = {}
    for student, cell, score, most in course.gradebook.look(
        lambda: course.gradebook.db.execute(query).all()
    ):
        shown.setdefault(student, {})[cell] = (score, float(most))
    return {
        student for student, result in records.items() if not _shows(shown.get(student, {}), result)
    }


def _shows(cells: dict[str, tuple[float | None, float]], result: Result) -> bool:
    """Whether the gradebook's automatic scores of a student are those of a result."""
    if not cells:
        return False
    for id, each in result.exercises.items():
        score, most = cells.get(f"{id}-check", (None, 0.0))
        wanted = None if result.status == Status.NEEDS_REVIEW else min(each["points"], most)
        if f"{id}-check" in cells and score != wanted:
            return False
    return True


def _rows(course: Course, lesson: str, records: Records) -> list[Row]:
    assignment = course.gradebook.find_assignment(lesson)
    entries = _entries(course, assignment)
    people = {each.id: each for each in course.gradebook.students}
    waiting = _handed_in(course, lesson)
    rows = []
    for student in sorted({*people, *records.results, *waiting}):
        entry, person = entries.get(student, _NO_ENTRY), people.get(student)
        status, reasons = _status(course, lesson, student, entry, records, student in waiting)
        counts = status in (Status.GRADED, Status.TO_BE_READ)
        rows.append(
            Row(
                student=student,
                status=status,
                reasons=reasons,
                raw_score=entry.score if counts else None,
                late_penalty=entry.penalty if counts else 0.0,
                max_score=float(assignment.max_score),
                needs_manual=entry.unread > 0,
                timestamp=entry.timestamp,
                duedate=assignment.duedate,
                first_name=(person and person.first_name) or "",
                last_name=(person and person.last_name) or "",
                email=(person and person.email) or "",
                lms_user_id=(person and person.lms_user_id) or "",
            )
        )
    return rows


@dataclass(frozen=True)
class _Entry:
    """What the gradebook has of a submission: its score, and how many of its cells are how far."""

    timestamp: datetime | None
    score: float
    penalty: float
    cells: int
    unread: int
    by_person: int
    untouched: int


_NO_ENTRY = _Entry(None, 0.0, 0.0, 0, 0, 0, 0)


def _entries(course: Course, assignment: Assignment) -> dict[str, _Entry]:
    db = course.gradebook.db
    unscored = Grade.manual_score.is_(None)
    by_person = and_(~unscored, ~Grade.needs_manual_grade)
    untouched = and_(unscored, Grade.auto_score.is_(None))
    counts = [func.sum(case((sort, 1), else_=0)) for sort in (by_person, untouched)]
    cells = (
        select(
            SubmittedAssignment.student_id,
            SubmittedAssignment.timestamp,
            func.coalesce(func.sum(Grade.score), 0.0),
            func.count(Grade.id),
            func.sum(case((Grade.needs_manual_grade, 1), else_=0)),
            *counts,
        )
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .join(Grade, Grade.notebook_id == SubmittedNotebook.id)
        .where(SubmittedAssignment.assignment_id == assignment.id)
        .group_by(SubmittedAssignment.student_id, SubmittedAssignment.timestamp)
    )
    penalties = (
        select(SubmittedAssignment.student_id, func.sum(SubmittedNotebook.late_submission_penalty))
        .join(SubmittedNotebook, SubmittedNotebook.assignment_id == SubmittedAssignment.id)
        .where(SubmittedAssignment.assignment_id == assignment.id)
        .group_by(SubmittedAssignment.student_id)
    )
    late = {student: float(penalty or 0.0) for student, penalty in db.execute(penalties)}
    return {
        student: _Entry(when, float(score), late[student], *map(int, numbers))
        for student, when, score, *numbers in db.execute(cells)
    }


def _status(
    course: Course, lesson: str, student: str, entry: _Entry, records: Records, waits: bool
) -> tuple[Status, tuple[str, ...]]:
    """How far a student's submission is, and why it needs review where it does."""
    result = records.results.get(student)
    damage = _damage(course.ledger, lesson, student, records)
    if entry.cells and entry.by_person == entry.cells:
        return Status.GRADED, ()
    if result is not None and result.status == Status.NEEDS_REVIEW:
        return Status.NEEDS_REVIEW, result.reasons
    if damage:
        return Status.NEEDS_REVIEW, (damage,)
    if result is not None and entry.cells == 0:
        return Status.NEEDS_REVIEW, (NOT_ENTERED,)
    if result is None and entry.untouched == entry.cells:
        autograded = course.folder("autograded", student, lesson)
        if not autograded.is_dir():
            return (Status.NEEDS_REVIEW, (NOT_GRADED,)) if waits else (Status.NONE_HANDED_IN, ())
    return (Status.TO_BE_READ if entry.unread else Status.GRADED), ()


def _damage(ledger: Ledger, lesson: str, student: str, records: Records) -> str:
    if not records.damaged:
        return ""
    try:
        return records.damaged.get(ledger.file(lesson, student), "")
    except ValueError:  # not an id of anyone the ledger can know
        return ""


def _handed_in(course: Course, lesson: str) -> set[str]:
    """The students who have a submission of the lesson, by nbgrader's own layout of folders."""
    names = course.coursedir
    pattern = names.format_path(
        names.submitted_directory, "(?P<student>[^/]+)", re.escape(lesson), escape=True
    )
    found = glob.glob(str(course.folder("submitted", "*", glob.escape(lesson))))
    return {match["student"] for path in found if (match := re.fullmatch(pattern, path))}
