"""How one lesson is graded, as plain data that any process can be given."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from grokedu.classroom.checking.source import solution
from grokedu.classroom.lesson import Lesson
from grokedu.classroom.notebook import parse_notebook

SEED_VARIABLE = "GROKEDU_GRADING_SEED"
SEED_BITS, FEWEST_DIGITS, MOST_DIGITS = 128, 8, 100


@dataclass(frozen=True)
class Plan:
    """How one lesson is graded.

    Attributes:
        find: from the lesson's name to the `Lesson`; must be importable where grading happens.
        release: the notebook as it was released, as bytes.
        seed: the instructor's; no case and nothing in the sandbox reveals it.
        references: by exercise, for the stub: see `LessonStub`.
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
        for name in ("cell_seconds", "check_seconds", "student_seconds"):
            seconds = getattr(self, name)
            if not 0 < seconds < math.inf:
                raise ValueError(f"{name} is {seconds:g}; wanted a time above 0, such as 20")
        object.__setattr__(self, "digest", hashlib.sha256(self.release).hexdigest())


def make_plan(
    name: str,
    find: Callable[[str], Lesson],
    release: Path,
    seed: int,
    *,
    confined: bool = True,
    cell_seconds: float = 20.0,
    check_seconds: float = 30.0,
    student_seconds: float = 180.0,
    course: Path | None = None,
    published: str = "grokedu.",
) -> Plan:
    """The plan for a lesson of this name.

    References go into the sandbox only if the lesson's module is one that everybody has:
    ``published`` is what its name starts with. Those of an instructor's own lesson stay secret.

    Args:
        course: the course's folder. What is in it of students and of answers stays out of the
            sandbox, even if Python and its packages are let in from around it.

    Raises:
        ValueError: there is no release, or a number is out of range.
    """
    if not release.is_file():
        raise ValueError(f"{release} is not there; `grokedu build {name}` makes it")
    lesson = find(name)
    modules = {exercise.make_cases.__module__ for exercise in lesson.exercises.values()}
    open_to_all = all(module.startswith(published) for module in modules)
    return Plan(
        name,
        find,
        release.read_bytes(),
        seed,
        references(lesson) if open_to_all else (),
        confined,
        _hidden(course),
        cell_seconds,
        check_seconds,
        student_seconds,
    )


def _hidden(course: Path | None) -> tuple[str, ...]:
    """Paths that the sandbox must not show, outermost only: a mount hides what is below it."""
    private = os.environ.get("GROKEDU_LESSONS", "")
    paths = [Path(private)] if private else []
    if course is not None:
        paths += [course / name for name in ("gradebook", "solutions", "nbgrader_config.py")]
    found = {path.resolve() for path in paths if path.exists()}
    return tuple(sorted(str(path) for path in found if found.isdisjoint(path.parents)))


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
        ValueError: what was set or kept is not a whole number, or could be guessed.
    """
    given = os.environ.get(SEED_VARIABLE, "").strip()
    if given:
        if not _is_seed(given):
            raise ValueError(
                f"${SEED_VARIABLE} holds {given[:MOST_DIGITS]!r}; wanted a whole number of at "
                f"least {FEWEST_DIGITS} digits, which nobody guesses. To make one: "
                f'python -c "import secrets; print(secrets.randbits({SEED_BITS}))"'
            )
        return int(given)
    _make_seed(file)
    given = file.read_text(encoding="utf-8", errors="replace").strip()
    if not _is_seed(given):
        raise ValueError(
            f"{file} is {'damaged' if given else 'empty'}; wanted the grading seed, a whole "
            f"number of at least {FEWEST_DIGITS} digits. Put your copy of it back, or take the "
            "number from a record in gradebook/ledger; if nothing was graded yet, delete the "
            "file, and the next run makes another"
        )
    return int(given)


def _is_seed(text: str) -> bool:
    digits = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
    return digits and len(text.lstrip("0")) >= FEWEST_DIGITS


def _make_seed(file: Path) -> None:
    """Make a seed where there is none; of two processes that do, both get the first one's."""
    if os.path.lexists(file):
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    handle = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as stream:
            # With its highest bit, so that it is never short.
            stream.write(f"{secrets.randbits(SEED_BITS) | 1 << (SEED_BITS - 1)}\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            with contextlib.suppress(FileExistsError):
                os.link(part, file)
        except OSError:  # this disk has no hard links
            part.rename(file)
    finally:
        part.unlink(missing_ok=True)
