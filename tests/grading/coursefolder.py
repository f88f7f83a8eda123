"""A course's folder as an instructor has it, results made up, and the whole of a gradebook."""

from __future__ import annotations

import functools
import json
import shutil
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_output

from grokedu.grading.book.course import Course, enter_lesson, open_course
from grokedu.grading.result import Result, Status

ROOT = Path(__file__).resolve().parents[2]
CHECK = "weight_norm-check"  # of an exercise of GROKKING
START, GROKKING = "00_start_here", "01_grokking"


def course_folder(folder: Path, config: str = "") -> Path:
    """A copy of what an instructor has, with both lessons in the gradebook."""
    _copy(folder)
    with (folder / "nbgrader_config.py").open("a") as stream:
        stream.write(config)
    (folder / "gradebook").mkdir()
    (folder / "gradebook" / "gradebook.db").write_bytes(_gradebook())
    return folder


def empty_course_folder(folder: Path) -> Path:
    """The same without a gradebook."""
    _copy(folder)
    return folder


def result(student: str, lesson: str = START, share: float = 1.0, **changes: Any) -> Result:
    """A result in which every check gave a share of its points."""
    path = ROOT / "course" / lesson / f"{lesson}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    exercises = {}
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution"):
            cell.source += "\n# an answer"
        elif marks.get("grade"):
            points = marks["points"] * share
            cell.outputs = [new_output("execute_result", {"text/plain": str(points)})]
            exercises[marks["grade_id"].removesuffix("-check")] = {
                "outcome": "correct" if share == 1 else "partly",
                "points": points,
                "of": float(marks["points"]),
                "version": 1,
                "misconception": "",
            }
    values = {
        "status": Status.GRADED,
        "exercises": exercises,
        "notebook": nbformat.writes(notebook),
        "submission": "a" * 64,
        "release": "b" * 64,
        "seed": 7,
        "sandbox": "bubblewrap",
    }
    return Result(student=student, lesson=lesson, **values | changes)


def hand_in(course: Course, student: str, lesson: str = START, timestamp: str = "") -> Path:
    """Put a submission where nbgrader collects it."""
    folder = course.folder("submitted", student, lesson)
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "course" / lesson / f"{lesson}.ipynb", folder)
    if timestamp:
        (folder / "timestamp.txt").write_text(timestamp)
    return folder


def everything(course: Course) -> dict[str, list[Any]]:
    """All tables of a gradebook of SQLite's."""
    file = str(course.gradebook.url.database)
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        return {
            name: sorted(connection.execute(f'SELECT * FROM "{name}"').fetchall(), key=repr)
            for (name,) in names.fetchall()
        }


def grades(course: Course, student: str, lesson: str = START) -> dict[str, tuple[Any, Any, bool]]:
    """By cell: automatic score, manual score, whether a person must look."""
    book = course.gradebook

    def read() -> dict[str, tuple[Any, Any, bool]]:
        found = book.find_submission_notebook(lesson, lesson, student).grades
        return {g.name: (g.auto_score, g.manual_score, g.needs_manual_grade) for g in found}

    return book.look(read)


def score_by_hand(course: Course, student: str, lesson: str = START, **scores: float) -> None:
    """Give points and a comment as the formgrader does; ``_`` in names stands for ``-``."""
    book = course.gradebook

    def give() -> None:
        notebook = book.find_submission_notebook(lesson, lesson, student)
        for grade in notebook.grades:
            if grade.name.replace("-", "_") in scores:
                grade.manual_score = scores[grade.name.replace("-", "_")]
                grade.needs_manual_grade = False
        for comment in notebook.comments:
            comment.manual_comment = "well put"

    book.change(give)


def _copy(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("solutions", "course"):
        for lesson in (START, GROKKING):
            shutil.copytree(ROOT / name / lesson, folder / name / lesson)
    shutil.copy(ROOT / "nbgrader_config.py", folder)


@functools.cache
def _gradebook() -> bytes:
    """Made once: nbgrader takes seconds for a new one."""
    with tempfile.TemporaryDirectory() as name:
        with open_course(empty_course_folder(Path(name, "course"))) as course:
            for lesson in (START, GROKKING):
                enter_lesson(course, lesson)
            file = Path(str(course.gradebook.url.database))
        return file.read_bytes()


def change_release(folder: Path, lesson: str, change: Any) -> None:
    """Edit the notebook that a lesson is entered and graded by, in its source and its release."""
    for step in ("solutions", "course"):
        path = folder / step / lesson / f"{lesson}.ipynb"
        notebook = json.loads(path.read_text(encoding="utf-8"))
        change(notebook)
        path.write_text(json.dumps(notebook), encoding="utf-8")
