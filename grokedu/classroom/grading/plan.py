"""How one lesson is graded, as plain data that any process can be given."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from grokedu.classroom.lesson import Lesson
from grokedu.classroom.notebook import parse_notebook
from grokedu.classroom.source import solution

SEED_VARIABLE = "GROKEDU_GRADING_SEED"


@dataclass(frozen=True)
class Plan:
    """How one lesson is graded.

    Attributes:
        find: from the lesson's name to the `Lesson`; must be importable where grading happens.
        release: the notebook as it was released, as bytes.
        seed: the instructor's; no case, and nothing in the sandbox, gives it away.
        references: by exercise, for the stand-in: see `LessonStandIn`.
        confined: whether the learner's code is held in a sandbox.
        hidden: files and folders that stay out of it.
        cell_seconds, check_seconds, student_seconds: what a cell, all calls of a check, and all of
            a submission may take.
    """

    lesson: str
    find: Callable[[str], Lesson]
    release: bytes
    seed: int
    references: tuple[tuple[str, str], ...] = ()
    confined: bool = True
    hidden: tuple[str, ...] = ()
    cell_seconds: float = 20.0
    check_seconds: float = 30.0
    student_seconds: float = 180.0
    digest: str = field(init=False, default="")

    def __post_init__(self) -> None:
        if self.seed <= 0:
            raise ValueError(f"a grading seed of {self.seed}; wanted a whole number above 0")
        object.__setattr__(self, "digest", hashlib.sha256(self.release).hexdigest())


def make_plan(
    name: str,
    find: Callable[[str], Lesson],
    release: Path,
    seed: int,
    *,
    confined: bool = True,
    cell_seconds: float = 20.0,
    published: str = "grokedu.",
) -> Plan:
    """The plan for a lesson of this name.

    References are told to the sandbox only if the lesson's module is one that everybody has:
    ``published`` is what its name starts with. Those of an instructor's own lesson stay secret.

    Raises:
        ValueError: there is no release.
    """
    if not release.is_file():
        raise ValueError(f"{release} is not there; `grokedu build {name}` makes it")
    lesson = find(name)
    modules = {exercise.make_cases.__module__ for exercise in lesson.exercises.values()}
    open_to_all = all(module.startswith(published) for module in modules)
    private = os.environ.get("GROKEDU_LESSONS", "")
    return Plan(
        name,
        find,
        release.read_bytes(),
        seed,
        references(lesson) if open_to_all else (),
        confined,
        (str(Path(private).resolve()),) if private else (),
        cell_seconds,
    )


def references(lesson: Lesson) -> tuple[tuple[str, str], ...]:
    """Where each exercise's reference is imported from, or its source when that is the lesson."""
    found = []
    for id, exercise in lesson.exercises.items():
        module = exercise.reference.__module__
        path = f"{module}:{exercise.reference.__qualname__}"
        in_lesson = ".lessons." in module
        found.append((id, solution(exercise.reference) if in_lesson else path))
    return tuple(found)


def answers_given(plan: Plan) -> dict[str, str]:
    """The answer cells as they were released, by exercise."""
    notebook = parse_notebook(plan.release.decode("utf-8"), "the release")
    exercises = plan.find(plan.lesson).exercises
    return {cell.id: cell.source for cell in notebook.cells if cell.id in exercises}


def grading_seed(file: Path) -> int:
    """The instructor's seed: ``$GROKEDU_GRADING_SEED``, or one in a file that only its owner reads.

    Raises:
        ValueError: what was set or kept is not a whole number above 0.
    """
    given = os.environ.get(SEED_VARIABLE, "").strip()
    where = f"${SEED_VARIABLE}"
    if not given:
        where = str(file)
        _make_seed(file)
        given = file.read_text(encoding="ascii").strip()
    if not given.isdecimal() or int(given) == 0:
        raise ValueError(f"{where} holds {given!r}; wanted a whole number, such as 20260101")
    return int(given)


def _make_seed(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    with os.fdopen(handle, "w", encoding="ascii") as stream:
        stream.write(f"{1 + secrets.randbelow(2**53)}\n")
