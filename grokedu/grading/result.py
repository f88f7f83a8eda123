"""What was handed in, what came of grading it, and how a terminal shows that; all plain data."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from enum import Enum
from textwrap import shorten
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # every nbgrader command reads this, and few need torch
    from grokedu.grading.judging.plan import Plan

_SHOWN = 100  # characters of a reason


class Status(str, Enum):
    """Where a student stands in a lesson; in JSON, and beside a string, it is its own text.

    >>> Status("needs-review") is Status.NEEDS_REVIEW, f"{Status.GRADED}"
    (True, 'graded')
    """

    GRADED = "graded"
    NEEDS_REVIEW = "needs-review"
    TO_BE_READ = "to be read"
    NONE_HANDED_IN = "none handed in"

    __str__ = str.__str__


@dataclass(frozen=True)
class Submission:
    """One student's notebook for one lesson, as bytes that nothing has read yet.

    Attributes:
        content: the file; None when it could not be taken in, and then ``problem`` says why.
        notes: what was odd about how it came in, in a line each, for the instructor.
    """

    student: str
    content: bytes | None
    problem: str = ""
    notes: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """SHA-256 of the content; of the problem when there is none."""
        content = self.problem.encode() if self.content is None else self.content
        return hashlib.sha256(content).hexdigest()


@dataclass(frozen=True)
class Result:
    """What grading one submission gave.

    Attributes:
        status: graded, or needs review when a person must decide; it never becomes a 0.
        reasons: why it needs review, in a line each, to be shown to the student too.
        flags: what a person may want to look at though it was graded; for the instructor only.
        exercises: by id: ``outcome``, ``points``, ``of``, ``version`` and the ``misconception``.
        answers: the source of each answer, by exercise.
        notebook: the graded notebook as JSON text. Its ``metadata["grokedu"]`` has ``status`` and
            ``reasons``; its check cells carry the scores and cards as outputs.
        submission, release: SHA-256 of what was handed in and of the release it was graded by.
        seed: the instructor's grading seed, above 0.
        sandbox: what held the learner's code: "bubblewrap" or "none".
        seconds: how long it took.
    """

    student: str
    lesson: str
    status: Status
    reasons: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    exercises: dict[str, dict[str, Any]] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    notebook: str = ""
    submission: str = ""
    release: str = ""
    seed: int = 0
    sandbox: str = ""
    seconds: float = 0.0

    @property
    def points(self) -> float:
        """Points of all exercises together; 0 when it needs review, and then means nothing."""
        return float(sum(each["points"] for each in self.exercises.values()))

    @property
    def max_points(self) -> float:
        """Points there are to earn in the exercises."""
        return float(sum(each["of"] for each in self.exercises.values()))

    def record(self) -> dict[str, Any]:
        """Everything but the notebook, as JSON can hold it."""
        data = asdict(self)
        del data["notebook"]
        lists = {"reasons": list(self.reasons), "flags": list(self.flags)}
        return data | lists | {"status": self.status.value}

    @classmethod
    def from_record(cls, data: dict[str, Any]) -> Result:
        """A result from its record; the notebook is left empty."""
        tuples = {"reasons": tuple(data["reasons"]), "flags": tuple(data["flags"])}
        return cls(**data | tuples | {"status": Status(data["status"])})


def line(result: Result) -> str:
    """One student in a line.

    >>> print(line(Result("ada", "01", Status.NEEDS_REVIEW, ("the file is empty",))))
    ada: needs-review: the file is empty
    """
    said = [*result.reasons, *result.flags]
    note = f": {'; '.join(said)}" if said else ""
    return printable(f"{result.student}: {_score(result)}{note}")


def summary(
    results: Sequence[Result], plan: Plan, settled: Collection[str], graded_before: int
) -> str:
    """The table of all students, and what an instructor should look at.

    Args:
        settled: the students who need no review, or no longer need it because a person gave points.
    """
    rows = [("student", "points", "status", "look at")]
    for result in results:
        said = shorten("; ".join((*result.reasons, *result.flags)), _SHOWN, placeholder=" …")
        graded = result.status == Status.GRADED
        points = f"{result.points:g} of {result.max_points:g}" if graded else "–"
        row = (result.student, points, _status(result, settled), said)
        rows.append(tuple(map(printable, row)))  # type: ignore[arg-type]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, (*widths, 0), strict=True)).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * min(100, max(map(len, lines))))
    review = sum(result.student not in settled for result in results)
    lines.append(f"\n{len(results) - review} graded, {review} to review.")
    if review:
        lines.append("What to do with each reason: docs/instructors.md, Needs review.")
    if graded_before:
        lines.append(f"Graded before, and as they were: {graded_before}.")
    if old := sum(is_outdated(result, plan) for result in results):
        lines.append(
            f"Graded by an earlier release or check: {old}. What would change now: --regrade"
        )
    return "\n".join(lines)


def _status(result: Result, settled: Collection[str]) -> str:
    by_hand = result.status != Status.GRADED and result.student in settled
    status = "graded by hand" if by_hand else result.status
    return status if result.sandbox != "none" else f"{status}, no sandbox"


def is_outdated(result: Result, plan: Plan) -> bool:
    """Whether a result came from another release, seed, or version of a check."""
    exercises = plan.find(plan.lesson).exercises
    versions = {id: exercise.version for id, exercise in exercises.items()}
    had = {id: each["version"] for id, each in result.exercises.items()}
    return (result.release, result.seed, had) != (plan.digest, plan.seed, versions)


def printable(text: str) -> str:
    """A text without anything that would control a terminal.

    >>> printable("ada\\x1b[2J")
    'ada�[2J'
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _score(result: Result) -> str:
    if result.status != Status.GRADED:
        return result.status
    return f"{result.points:g} of {result.max_points:g}"
