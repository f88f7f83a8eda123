"""Results go into nbgrader's own gradebook, and may go there again: nothing changes by it.

`publish` enters what grading one submission gave, in one transaction. What a person scored or wrote
stays theirs.
"""

from __future__ import annotations

import contextlib
import math
import os
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import BaseCell, Comment, Grade, GradeCell, Student, SubmittedNotebook
from nbgrader.preprocessors import AssignLatePenalties, NbGraderPreprocessor, SaveAutoGrades
from nbgrader.utils import determine_grade, is_solution, parse_utc
from sqlalchemy import select

from grokedu.classroom.files import write_whole
from grokedu.grading.book.course import Course
from grokedu.grading.book.ledger import check_student
from grokedu.grading.intake.reading import Refused, read_file
from grokedu.grading.result import Result, Status

# What `nbgrader release_feedback` knows a submission by, once it lies beside the feedback page.
SECRET = "submission_secret.txt"


def publish(course: Course, result: Result, timestamp: datetime | None = None) -> list[str]:
    """Enter a result: the graded notebook for nbgrader's formgrader, and grades and penalties.

    The notebook is written first, and all else in one transaction: whenever this is killed, doing
    it again completes it. Publishing the same again changes nothing.

    A check's cell gets its points, and is left to a person where there are none; a person gives
    all points of a submission that needs review. A manual score or comment is never changed; the
    score is put up for another look when its submission or the automatic score is a new one.

    Args:
        timestamp: when it was handed in; by default what ``timestamp.txt`` beside it says.

    Returns:
        What an instructor should know of it, in a line each.

    Raises:
        ValueError: the student's id is invalid, or the lesson was not entered.
        sqlalchemy.exc.SQLAlchemyError: the gradebook could not be written for about a minute.
    """
    check_student(result.student)
    notes: list[str] = []
    if timestamp is None:
        timestamp = _handed_in(course, result, notes)
    blank = result.status == Status.NEEDS_REVIEW or not result.notebook
    text = nbformat.writes(_blank(course, result)) if blank else result.notebook
    notebook = nbformat.reads(text, as_version=4)
    _write(course, result, text, timestamp)
    return notes + course.gradebook.change(lambda: _enter(course, result, notebook, timestamp))


def _enter(
    course: Course, result: Result, notebook: NotebookNode, timestamp: datetime | None
) -> list[str]:
    book = course.gradebook
    book.update_or_create_student(result.student)
    # Whoever else publishes this student waits here; SQLite has one writer at any time.
    book.db.query(Student).filter(Student.id == result.student).with_for_update().one()
    when = {} if timestamp is None else {"timestamp": timestamp}
    with book.db.no_autoflush:  # nbgrader fills in a submission before it adds it to the session
        book.update_or_create_submission(result.lesson, result.student, **when)
    entry = book.find_submission_notebook(result.lesson, result.lesson, result.student)
    grades = JudgedGrades(course, result, CellsOfSubmission(book.db, entry))
    grades.preprocess(notebook, {})
    book.db.flush()
    return grades.notes + penalise_one(course, entry)


class CellsOfSubmission:
    """Grades and comments of one submitted notebook, read at once, by the name of their cell.

    It stands in for nbgrader's gradebook in a step that asks for one cell after the other.
    """

    def __init__(self, db: Any, notebook: SubmittedNotebook) -> None:
        def of(kind: Any) -> dict[str, Any]:
            rows = select(BaseCell.name, kind).join(BaseCell, BaseCell.id == kind.cell_id)
            found = db.execute(rows.where(kind.notebook_id == notebook.id))
            return dict(map(tuple, found))

        self.grades, self.comments = of(Grade), of(Comment)
        most = select(GradeCell.name, GradeCell.max_score)
        most = most.where(GradeCell.notebook_id == notebook.notebook_id)
        self.max_scores = dict(map(tuple, db.execute(most)))
        self.db = SimpleNamespace(commit=lambda: None)

    def find_comment(self, name: str, *_where: str) -> Comment:
        """The comment on an answer."""
        return self.comments[name]


class JudgedGrades(SaveAutoGrades):
    """nbgrader's step that saves grades and comments, with the judge's points for the checks."""

    def __init__(self, course: Course, result: Result, gradebook: CellsOfSubmission) -> None:
        super().__init__(config=course.config, enabled=True)
        self.gradebook, self.result = gradebook, result
        self.notebook_id = self.assignment_id = result.lesson
        self.student_id = result.student
        self.notes: list[str] = []
        try:
            earlier = course.ledger.read(result.lesson, result.student)
        except ValueError:
            earlier = None
        self.is_new = earlier is None or earlier.submission != result.submission

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Save the grades of a notebook in the transaction that is open."""
        return NbGraderPreprocessor.preprocess(self, nb, resources)

    def _add_score(self, cell: NotebookNode, resources: Any) -> None:
        id = cell.metadata["nbgrader"]["grade_id"]
        grade = self.gradebook.grades.get(id)
        if grade is None:
            self.notes.append(f"{id} is not in the gradebook: its points were not entered")
            return
        score = self._score(cell, id)
        is_settled = (
            grade.manual_score is not None
            and not grade.needs_manual_grade
            and not self.is_new
            and grade.auto_score == score
        )
        grade.auto_score = score
        by_person = grade.manual_score is not None or score is None
        grade.needs_manual_grade = by_person and not is_settled

    def _score(self, cell: NotebookNode, id: str) -> float | None:
        if self.result.status == Status.NEEDS_REVIEW:
            return None
        if is_solution(cell):
            score: float | None = determine_grade(cell, self.log)[0]
            return score
        found = self.result.exercises.get(id.removesuffix("-check"))
        if found is None or not math.isfinite(found["points"]):
            self.notes.append(f"{id} has no result: a person gives its points")
            return None
        most = self.gradebook.max_scores[id]
        if found["of"] != most:
            self.notes.append(
                f"{id} is worth {most:g} in the gradebook but {found['of']:g} where it was graded"
            )
        return float(min(max(found["points"], 0.0), most))

    def _add_comment(self, cell: NotebookNode, resources: Any) -> None:
        id = cell.metadata["nbgrader"]["grade_id"]
        if id not in self.gradebook.comments:
            return
        super()._add_comment(cell, resources)
        if self.result.status == Status.NEEDS_REVIEW:  # an answer nobody read is not "No response."
            self.gradebook.comments[id].auto_comment = None


def _handed_in(course: Course, result: Result, notes: list[str]) -> datetime | None:
    """When it was handed in, as nbgrader reads it; only an ordinary file is read."""
    path = course.folder("submitted", result.student, result.lesson) / "timestamp.txt"
    if not os.path.lexists(path):
        return None
    try:
        text = read_file(path, most=200).decode("utf-8", "replace").strip()
    except Refused:
        notes.append("timestamp.txt cannot be read: whether it was late is not known")
        return None
    if not text:
        return None
    try:
        when: datetime = parse_utc(text)
    except (ValueError, OverflowError, TypeError, AttributeError):
        notes.append("timestamp.txt holds no time: whether it was late is not known")
        return None
    return when


def _write(course: Course, result: Result, text: str, timestamp: datetime | None) -> None:
    """Write what nbgrader's formgrader and its own autograde look for."""
    folder = course.folder("autograded", result.student, result.lesson)
    folder.mkdir(parents=True, exist_ok=True)
    mode = int(str(course.converter.permissions), 8)
    whole = text.encode("utf-8", "replace").decode("utf-8")
    write_whole(folder / f"{result.lesson}.ipynb", whole, mode, durable=True)
    if timestamp is not None:
        moment = parse_utc(timestamp).replace(tzinfo=timezone.utc)
        write_whole(
            folder / "timestamp.txt", f"{moment:%Y-%m-%d %H:%M:%S.%f %Z}\n", mode, durable=True
        )
    handed_in = course.folder("submitted", result.student, result.lesson)
    with contextlib.suppress(Refused):  # only the exchange puts one there
        secret = read_file(handed_in / SECRET, most=1000).decode("utf-8", "replace")
        write_whole(folder / SECRET, secret, mode, durable=True)
    course.converter.set_permissions(result.lesson, result.student)


def _blank(course: Course, result: Result) -> NotebookNode:
    """The release, for a person to score in, where nothing of a submission could be read."""
    path = course.folder("release", ".", result.lesson) / f"{result.lesson}.ipynb"
    notebook = nbformat.read(Path(path), as_version=4)
    notebook.metadata["grokedu"] = {"status": result.status, "reasons": list(result.reasons)}
    lines = ["**A person must look at this submission; it could not be graded.**", ""]
    lines += [f"- {_inert(reason)}" for reason in result.reasons]
    cell = nbformat.v4.new_markdown_cell("\n".join(lines), id="needs-review")
    notebook.cells.insert(0, cell)
    return notebook


def _inert(text: str) -> str:
    """Text that no renderer of Markdown takes for markup: a reason may name a student's file."""
    return "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in text)


def penalise(course: Course, lesson: str) -> list[str]:
    """Set all penalties for being late by the scores, due date and extensions as they now are.

    nbgrader sets them when it grades: rubric points and extensions given later need this.

    Returns:
        What went wrong with any, in a line each.

    Raises:
        sqlalchemy.exc.SQLAlchemyError: the gradebook could not be written for about a minute.
    """
    book = course.gradebook

    def set_all() -> list[str]:
        entries = book.notebook_submissions(lesson, lesson)
        return [note for each in entries for note in penalise_one(course, each)]

    return book.change(set_all)


def penalise_one(course: Course, notebook: SubmittedNotebook) -> list[str]:
    """Set the penalty for being late, as `AssignLatePenalties` does, by its configured plugin.

    Returns:
        What went wrong, in a line.
    """
    submission = notebook.assignment
    penalty, notes = None, []
    # An extension where nothing is due makes nbgrader's own count of seconds fail.
    if submission.assignment.duedate is not None and submission.total_seconds_late > 0:
        step = AssignLatePenalties(config=course.config)
        step.init_plugin()
        who, late = submission.student_id, submission.total_seconds_late
        try:
            penalty = step.plugin_inst.late_submission_penalty(who, notebook.score, late)
        except Exception as error:  # a plugin is the instructor's own
            notes = [f"no late penalty: {type(step.plugin_inst).__name__} raised {error!r}"]
        if penalty is not None:
            penalty = step._check_late_penalty(notebook, penalty)
    notebook.late_submission_penalty = penalty
    return notes
