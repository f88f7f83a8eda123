"""A student's feedback: one page that stands on its own, made from the graded notebook.

``nbgrader generate_feedback`` makes it by `FeedbackExporter`, and `write` makes the very same for
one student. Nothing in the notebook is trusted: see `grokedu.grading.page.sanitise`.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import jinja2
from nbconvert.exporters.exporter import Exporter
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import GetGrades, NbGraderPreprocessor
from traitlets import List, Unicode

from grokedu.classroom.cells import is_of_course
from grokedu.classroom.files import write_whole
from grokedu.grading.book.connection import WholeGradebook
from grokedu.grading.book.course import Course
from grokedu.grading.book.gradebook import SECRET, CellsOfSubmission
from grokedu.grading.page.content import Content, number
from grokedu.grading.page.markdown import Reader
from grokedu.grading.page.sanitise import plain


def page(
    notebook: NotebookNode,
    *,
    student: str,
    lesson_title: str,
    score: float,
    max_score: float,
    late_penalty: float = 0.0,
) -> str:
    """The feedback page, as HTML.

    Args:
        notebook: graded, with points and comments in it as `Grades` puts them there. Where its
            ``metadata["grokedu"]["status"]`` is "needs-review" and a cell still has no points, the
            page says that a person will look at it, and shows no score.
        score: points of the whole notebook, after the late penalty.
        max_score: points there are.
        late_penalty: points taken off for lateness.
    """
    return _template().render(
        content=Content(notebook),
        student=plain(student, 200),
        title=plain(lesson_title, 200),
        score=number(score),
        max_score=number(max_score),
        late_penalty=number(late_penalty) if late_penalty else "",
    )


class Grades(GetGrades):
    """nbgrader's `GetGrades`, which also distinguishes points that nobody has given yet from a 0.

    In the metadata of a graded cell, ``score`` is None until it has points, and ``by_hand`` says
    whether a person gave them.

    Args:
        book: an open gradebook; by default the one of the resources' ``db_url`` is opened.
    """

    def __init__(self, book: WholeGradebook | None = None, **settings: Any) -> None:
        super().__init__(**settings)
        self.book = book

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Put points and comments into the cells, and the sums into the resources.

        Raises:
            nbgrader.api.MissingEntry: the gradebook has no such submission.
        """
        if self.book is not None:
            book = self.book
            return book.look(lambda: self._filled(book, nb, resources))
        with Gradebook(resources["nbgrader"]["db_url"]) as opened:
            return self._filled(opened, nb, resources)

    def _filled(
        self, book: Gradebook, nb: NotebookNode, resources: Any
    ) -> tuple[NotebookNode, Any]:
        about = resources["nbgrader"]
        entry = book.find_submission_notebook(
            about["notebook"], about["assignment"], about["student"]
        )
        self.cells = CellsOfSubmission(book.db, entry)
        nb, resources = NbGraderPreprocessor.preprocess(self, nb, resources)
        late = entry.late_submission_penalty or 0.0
        about.update(score=entry.score - late, max_score=entry.max_score, late_penalty=late)
        return nb, resources

    def _get_comment(self, cell: NotebookNode, resources: Any) -> None:
        marks = cell.metadata.nbgrader
        comment = self.cells.comments.get(marks["grade_id"])
        marks["comment"] = comment.comment if comment else None

    def _get_score(self, cell: NotebookNode, resources: Any) -> None:
        marks = cell.metadata.nbgrader
        grade = self.cells.grades.get(marks["grade_id"])
        marks["points"] = self.cells.max_scores.get(marks["grade_id"], 0.0)
        marks["score"], marks["by_hand"] = None, False
        if grade is not None and (grade.manual_score, grade.auto_score) != (None, None):
            marks["score"], marks["by_hand"] = grade.score, grade.manual_score is not None


class FeedbackExporter(Exporter):
    """What ``nbgrader generate_feedback`` makes a page with, after `Grades` put the points in."""

    file_extension = Unicode(".html").tag(config=True)
    default_preprocessors: Any = List([]).tag(config=True)
    output_mimetype = "text/html"

    def from_notebook_node(  # type: ignore[override]
        self, nb: NotebookNode, resources: Any = None, **kw: Any
    ) -> tuple[str, Any]:
        """The page, with the points that the preprocessors found.

        Raises:
            ValueError: no preprocessor looked up the points.
        """
        nb, resources = self._preprocess(nb, self._init_resources(resources))
        found = resources.get("nbgrader", {})
        if "score" not in found:
            raise ValueError(
                "a feedback page needs points from the gradebook; make it with "
                "`nbgrader generate_feedback LESSON`"
            )
        html = page(
            nb,
            student=found["student"],
            lesson_title=_title(nb) or found.get("title") or found["assignment"],
            score=found["score"],
            max_score=found["max_score"],
            late_penalty=found["late_penalty"],
        )
        return html, resources

    def _validate_preprocessor(self, nbc: NotebookNode, preprocessor: Any) -> None:
        """Let every notebook pass: the page reads each thing for itself, and none must lack one."""


def write(course: Course, student: str, lesson: str, title: str = "") -> Path:
    """Write one student's page where ``nbgrader generate_feedback`` would, and return its place.

    Args:
        lesson: its name, such as "01_grokking".
        title: what to call a lesson whose notebook starts with no heading.

    Raises:
        ValueError: nothing of this student is graded for this lesson.
    """
    graded = course.folder("autograded", student, lesson)
    notebook = graded / f"{lesson}.ipynb"
    wanted = f"nothing is graded for {lesson} by student {student!r}"
    if not notebook.is_file():
        raise ValueError(
            f"{wanted}: there is no {notebook}; grade it with `grokedu grade {lesson}`"
        )
    exporter = FeedbackExporter(config=course.config)
    exporter.register_preprocessor(Grades(course.gradebook, config=course.config))
    about = {"notebook": lesson, "assignment": lesson, "student": student, "title": title}
    try:
        html, _ = exporter.from_filename(str(notebook), resources={"nbgrader": about})
    except MissingEntry as error:
        raise ValueError(f"{wanted}: {error}") from None
    place = course.folder("feedback", student, lesson)
    place.mkdir(parents=True, exist_ok=True)
    file = place / f"{lesson}.html"
    write_whole(file, str(html), 0o664 if course.coursedir.groupshared else 0o644)
    # From the first, nbgrader knows whether a page is older than what was graded.
    for name in ("timestamp.txt", SECRET):
        if (graded / name).is_file():
            write_whole(place / name, (graded / name).read_text(encoding="utf-8"))
    return file


def _title(notebook: NotebookNode) -> str:
    """The heading of level 1 that the lesson starts with; empty when there is none."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and is_of_course(cell):
            found = Reader().headings(cell.source)
            return next((str(html.striptags()) for level, html in found if level == 1), "")
    return ""


@functools.cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("feedback.html")
