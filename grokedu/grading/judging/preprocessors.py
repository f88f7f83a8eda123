"""What plain `nbgrader autograde` runs here: the same graft, sandbox and judge as `grokedu grade`.

Before it grades, `GraftAnswers` takes the place of nbgrader's steps that mend a notebook, and while
it does, `JudgeOutside` takes the place of the one that executes it.
"""

from __future__ import annotations

import functools
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbgrader.converters import Autograde
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    Execute,
    IgnorePattern,
    NbGraderPreprocessor,
    OverwriteCells,
)
from traitlets import Bool, Float, TraitError, Unicode
from traitlets.config import Config

from grokedu.grading.result import Status

if TYPE_CHECKING:  # every nbgrader command reads this, and few need torch
    from grokedu.grading.judging.assess import Grader


SETTINGS = ("cell_seconds", "check_seconds", "student_seconds", "seed_file", "sandbox")


class LessonStep(NbGraderPreprocessor):
    """A step that knows the lesson it is grading."""

    release = Unicode("course", help="The folder of the released lessons.").tag(config=True)
    seed_file = Unicode(
        "gradebook/seed", help="Where the grading seed is kept; made when it is not there."
    ).tag(config=True)
    find = Unicode(
        "grokedu.lessons.find", help="The function that finds a lesson by its name."
    ).tag(config=True)
    cell_seconds = Float(20.0, help="Seconds that one cell may take.").tag(config=True)
    check_seconds = Float(30.0, help="Seconds that all calls of one check may take.").tag(
        config=True
    )
    student_seconds = Float(180.0, help="Seconds that all of one submission may take.").tag(
        config=True
    )
    sandbox = Bool(True, help="Whether learners' code is held in a sandbox.").tag(config=True)

    def grader(self, lesson: str) -> Grader:
        """The lesson's grader, one for each process.

        Raises:
            SandboxError: there is no sandbox here.
        """
        seconds = (self.cell_seconds, self.check_seconds, self.student_seconds)
        return _grader(lesson, self.release, self.seed_file, self.find, seconds, self.sandbox)


@functools.cache
def _grader(
    lesson: str,
    release: str,
    seed_file: str,
    find: str,
    seconds: tuple[float, float, float],
    confined: bool,
) -> Grader:
    from grokedu.grading.judging.assess import Grader
    from grokedu.grading.judging.plan import grading_seed, make_plan
    from grokedu.grading.sandbox.sandbox import SandboxError, why_not

    if confined and (missing := why_not()):
        raise SandboxError(f"{missing}. To grade without one: c.LessonStep.sandbox = False")
    module, _, name = find.rpartition(".")
    cell_seconds, check_seconds, student_seconds = seconds
    plan = make_plan(
        lesson,
        getattr(import_module(module), name),
        Path(release, lesson, f"{lesson}.ipynb"),
        grading_seed(Path(seed_file)),
        confined=confined,
        cell_seconds=cell_seconds,
        check_seconds=check_seconds,
        student_seconds=student_seconds,
        course=Path(release).parent,
    )
    return Grader(plan)


class GraftAnswers(LessonStep):
    """Put a learner's answers into the release; nothing else of the file gets any further."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """The release with the answers of ``nb``."""
        from grokedu.grading.judging.annotations import grafted

        grader = self.grader(resources["nbgrader"]["assignment"])
        return grafted(grader.release, nb)[0], resources


class JudgeOutside(LessonStep):
    """Run the answers in a sandbox, judge them here, and put what was found into the outputs."""

    def preprocess(self, nb: Any, resources: Any) -> tuple[Any, Any]:
        """``nb`` with the points and the cards of its checks."""
        from grokedu.grading.judging.assess import judge_notebook

        about = resources["nbgrader"]
        judge_notebook(self.grader(about["assignment"]), nb, about["student"])
        nb.metadata["grokedu"] = {"status": Status.GRADED.value, "reasons": []}
        return nb, resources


def sanitize_preprocessors() -> list[type]:
    """nbgrader's steps before grading, with `GraftAnswers` for those that mend a notebook."""
    stock = Autograde.class_traits()["sanitize_preprocessors"].default()
    mending = (ClearOutput, DeduplicateIds, OverwriteCells, CheckCellMetadata)
    return [GraftAnswers, *(step for step in stock if step not in mending), OverwriteCells]


def autograde_preprocessors() -> list[type]:
    """nbgrader's steps of grading, with `JudgeOutside` for its `Execute`."""
    stock = Autograde.class_traits()["autograde_preprocessors"].default()
    steps = [JudgeOutside if step is Execute else step for step in stock]
    return [step for step in steps if step is not IgnorePattern]


def settings(config: Config) -> dict[str, Any]:
    """What a course's configuration says of grading, by the names in `SETTINGS`.

    It is read as nbgrader reads it for the steps of plain ``nbgrader autograde``: from
    ``c.LessonStep``. A relative ``seed_file`` is relative to the course's folder.

    Raises:
        ValueError: a value is not of the kind that is wanted.
    """
    try:
        step = LessonStep(config=config)
    except TraitError as error:
        raise ValueError(f"nbgrader_config.py, c.LessonStep: {error}") from None
    return {name: getattr(step, name) for name in SETTINGS}
