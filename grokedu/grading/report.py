"""What grading says on a terminal: a line a student, and a table at the end."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from textwrap import shorten

from grokedu.grading.judging.plan import Plan
from grokedu.grading.judging.result import GRADED, Result

_SHOWN = 100  # characters of a reason


def line(result: Result) -> str:
    """One student in a line.

    >>> from grokedu.grading.judging.result import NEEDS_REVIEW
    >>> print(line(Result("ada", "01", NEEDS_REVIEW, ("the file is empty",))))
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
        settled: the students who need no review, or none any more since a person gave points.
    """
    rows = [("student", "points", "status", "look at")]
    for result in results:
        said = shorten("; ".join((*result.reasons, *result.flags)), _SHOWN, placeholder=" …")
        points = f"{result.points:g} of {result.max_points:g}" if result.status == GRADED else "–"
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
    by_hand = result.status != GRADED and result.student in settled
    status = "graded by hand" if by_hand else result.status
    return status if result.sandbox != "none" else f"{status}, no sandbox"


def is_outdated(result: Result, plan: Plan) -> bool:
    """Whether a result came from another release, seed, or version of a check."""
    exercises = plan.find(plan.lesson).exercises
    versions = {id: exercise.version for id, exercise in exercises.items()}
    had = {id: each["version"] for id, each in result.exercises.items()}
    return (result.release, result.seed, had) != (plan.digest, plan.seed, versions)


def printable(text: str) -> str:
    """A text without anything that would steer a terminal.

    >>> printable("ada\\x1b[2J")
    'ada�[2J'
    """
    return "".join(c if c.isprintable() else "\ufffd" for c in text)


def _score(result: Result) -> str:
    if result.status != GRADED:
        return result.status
    return f"{result.points:g} of {result.max_points:g}"
