"""A course as nbgrader knows it: its folders, its configuration, its gradebook, its lessons."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbgrader.api import MissingEntry
from nbgrader.apps import NbGrader
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import SaveCells
from nbgrader.utils import is_grade, is_locked, is_solution, is_task
from sqlalchemy import make_url
from traitlets.config import Config

from grokedu.grading.book.connection import WholeGradebook
from grokedu.grading.book.ledger import Ledger

CONFIG = "nbgrader_config.py"


@dataclass
class Course:
    """A folder that nbgrader works on. Close it, or use it in a ``with`` statement.

    Attributes:
        root: the folder.
        config: all that its ``nbgrader_config.py`` and the user's own say.
        coursedir: nbgrader's view of it: where things are, and the ``db_url``.
    """

    root: Path
    config: Config
    coursedir: CourseDirectory
    _open: dict[int, WholeGradebook] = field(default_factory=dict, repr=False)

    @property
    def gradebook(self) -> WholeGradebook:
        """The gradebook, opened at its first use; a forked process opens its own."""
        if os.getpid() not in self._open:
            self._open.clear()
            book = WholeGradebook(self.coursedir.db_url, self.coursedir.course_id)
            self._open[os.getpid()] = book
        return self._open[os.getpid()]

    @property
    def ledger(self) -> Ledger:
        """The record of results, beside the gradebook."""
        return Ledger(self.root / "gradebook" / "ledger")

    @cached_property
    def converter(self) -> Autograde:
        """nbgrader's own grading, for its settings."""
        return Autograde(coursedir=self.coursedir, config=self.config)

    def folder(self, step: str, student: str, lesson: str) -> Path:
        """Where nbgrader keeps what a student has at a step.

        The steps are ``submitted``, ``autograded``, ``feedback``, ``source`` and ``release``; for
        the last two the student is ".".
        """
        directory = getattr(self.coursedir, f"{step}_directory")
        return Path(os.path.normpath(self.coursedir.format_path(directory, student, lesson)))

    def close(self) -> None:
        """Let go of the database."""
        book = self._open.pop(os.getpid(), None)
        if book is not None:
            book.close()

    def __enter__(self) -> Course:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


def open_course(root: Path) -> Course:
    """Open the course in a folder, as nbgrader's own commands would that are run there.

    Raises:
        ValueError: there is no ``nbgrader_config.py``, or it cannot be read.
    """
    root = root.resolve()
    if not (root / CONFIG).is_file():
        raise ValueError(
            f"{root} holds no {CONFIG}; wanted a course's folder: run it there, or give --root"
        )
    app = CourseConfig(root, log_level="ERROR")
    try:
        app.initialize([], root=str(root))
        return course_of(app)
    except Exception as error:
        raise ValueError(f"{root / CONFIG} cannot be used: {error!r}") from error


def course_of(app: NbGrader) -> Course:
    """The course that a command of nbgrader's works on, with what its command line says.

    Raises:
        sqlalchemy.exc.ArgumentError: its ``db_url`` is invalid.
    """
    coursedir = app.coursedir
    url = make_url(coursedir.db_url)
    if url.get_backend_name() == "sqlite" and url.database:
        file = Path(coursedir.root, url.database)  # a relative one is relative to the course
        coursedir.db_url = url.set(database=str(file)).render_as_string(hide_password=False)
    return Course(Path(coursedir.root), app.config, coursedir)


class CourseConfig(NbGrader):
    """What an nbgrader command reads, of one folder, wherever it is called from."""

    load_cwd_config = False
    raise_config_file_errors = True

    def __init__(self, folder: Path, **settings: object) -> None:
        super().__init__(**settings)
        self.folder = folder

    def init_syspath(self) -> None:
        """Let the configuration import plugins that stand beside it, as nbgrader's commands do."""
        if str(self.folder) not in sys.path:
            sys.path.append(str(self.folder))

    def exit(self, exit_status: object = 0) -> None:
        """Raise what nbgrader would end the process for: it calls this where it handles that."""
        raise


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
    with book.exclusively():
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
