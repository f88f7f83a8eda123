"""A lesson in nbgrader's gradebook, just as ``nbgrader generate_assignment`` enters it."""

from __future__ import annotations

import json
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import MissingEntry
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import SaveCells
from nbgrader.utils import is_grade, is_locked, is_solution, is_task

from grokedu.grading.book.course import Course


def enter_lesson(course: Course, lesson: str) -> None:
    """Make sure a lesson stands in the gradebook as its source has it.

    The release is not written, and what the gradebook has beside the cells, as the due date, stays.
    Where all is there already nothing is done.

    Raises:
        ValueError: there is no such lesson, or it got or lost graded cells after submissions were
            entered, which nbgrader's gradebook cannot take.
    """
    path = course.folder("source", ".", lesson) / f"{lesson}.ipynb"
    kinds = GenerateAssignment(coursedir=course.coursedir, config=course.config).preprocessors
    before = kinds[: kinds.index(SaveCells)]
    if not path.is_file():  # a release is what those steps make of a source
        path, before = course.folder("release", ".", lesson) / path.name, []
    if not path.is_file():
        raise ValueError(f"{course.root} has no lesson {lesson!r}: there is no {path}")
    notebook = nbformat.read(path, as_version=4)
    names = {"student": ".", "assignment": lesson, "notebook": lesson}
    resources: dict[str, Any] = {"unique_key": lesson}
    resources["nbgrader"] = names | {"db_url": course.gradebook.patient_url}
    for kind in before:
        notebook, resources = kind(config=course.config, enabled=True)(notebook, resources)

    book = course.gradebook
    with book.alone():
        if book.look(lambda: _entered(course, lesson)) == _wanted(notebook):
            return
        book.change(lambda: book.update_or_create_assignment(lesson))
        try:
            SaveCells(config=course.config, enabled=True)(notebook, resources)
        except RuntimeError as error:
            raise ValueError(
                f"{path} and the gradebook have other graded cells, and there are submissions "
                f"already ({error}); release the changed lesson under another name"
            ) from error


Entries = set[tuple[Any, ...]]


def _wanted(notebook: NotebookNode) -> Entries:
    """What `SaveCells` enters of a notebook."""
    found: Entries = {("kernelspec", json.dumps(notebook.metadata.get("kernelspec", {})))}
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        name, kind = marks.get("grade_id"), cell.cell_type
        if is_grade(cell):
            found.add(("grade", name, kind, float(marks["points"])))
        if is_solution(cell):
            found.add(("solution", name))
        if is_task(cell):
            found.add(("task", name, kind, float(marks["points"])))
        if is_grade(cell) or is_solution(cell) or is_task(cell) or is_locked(cell):
            source = cell.source, marks.get("checksum")
            found.add(("source", name, kind, is_locked(cell), *source))
    return found


def _entered(course: Course, lesson: str) -> Entries:
    try:
        notebook = course.gradebook.find_notebook(lesson, lesson)
    except MissingEntry:
        return set()
    found: Entries = {("kernelspec", notebook.kernelspec)}
    found |= {("grade", c.name, c.cell_type, c.max_score) for c in notebook.grade_cells}
    found |= {("solution", c.name) for c in notebook.solution_cells}
    found |= {("task", c.name, c.cell_type, c.max_score) for c in notebook.task_cells}
    return found | {
        ("source", c.name, c.cell_type, c.locked, c.source, c.checksum)
        for c in notebook.source_cells
    }
