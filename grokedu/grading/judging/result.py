"""What was handed in and what came of grading it, as plain data that can be sent and kept."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass, field
from typing import Any

GRADED = "graded"
NEEDS_REVIEW = "needs-review"


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
        status: `GRADED`, or `NEEDS_REVIEW` when a person must decide; never a score of 0 instead.
        reasons: why it needs review, in a line each, to be shown to the student too.
        flags: what a person may want to look at though it was graded; for the instructor only.
        exercises: by id: ``outcome``, ``points``, ``of``, ``version`` and the ``misconception``.
        answers: the source of each answer, by exercise.
        notebook: the graded notebook as JSON text. Its ``metadata["grokedu"]`` has ``status`` and
            ``reasons``; its check cells carry the scores and cards as outputs.
        submission, release: SHA-256 of what was handed in and of the release it was graded by.
        seed: the instructor's grading seed; 0 is never one.
        sandbox: what held the learner's code: "bubblewrap" or "none".
        seconds: how long it took.
    """

    student: str
    lesson: str
    status: str
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
        return data | {"reasons": list(self.reasons), "flags": list(self.flags)}

    @classmethod
    def from_record(cls, data: dict[str, Any]) -> Result:
        """A result from its record; the notebook is left empty."""
        return cls(**data | {"reasons": tuple(data["reasons"]), "flags": tuple(data["flags"])})
