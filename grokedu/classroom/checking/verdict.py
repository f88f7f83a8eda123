"""A verdict on an answer: a number for nbgrader, a card for a notebook, text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

OUTCOMES = (
    "correct",
    "partly",
    "incorrect",
    "not attempted",
    "crashed",
    "timed out",
    "reference taken",
)

# Each outcome has a sign, so that nobody depends on its colour. The colours of the card's edge have
# a contrast of at least 3:1 with the light and the dark theme of JupyterLab. Text needs 4.5:1, so
# the sign has the colour of the text.
_SIGNS = {
    "correct": ("✓", "#0a8a60"),
    "partly": ("◐", "#a6761d"),
    "incorrect": ("✗", "#cc5a00"),
    "not attempted": ("…", "#757575"),
    "crashed": ("!", "#cc5a00"),
    "timed out": ("⏱", "#cc5a00"),
    "reference taken": ("↪", "#3f7fb5"),
}

# JupyterLab floats a term in a narrow column beside its description, and a style cannot undo that.
# A term as wide as the card is shown above its description.
_LABEL = "width:100%;font-weight:600;margin:.35em 0 0"


@dataclass(frozen=True)
class Failure:
    """The first case that failed.

    Attributes:
        case: its name.
        inputs: the arguments, in a few words.
        found: what was wrong.
        line: the line of the learner's code that raised an error, if one did.
        printed: the start of what the answer printed.
    """

    case: str
    inputs: str
    found: str
    line: str = ""
    printed: str = ""


@dataclass(frozen=True)
class Findings:
    """Everything that a check found.

    Attributes:
        exercise: the exercise's id.
        outcome: one of `OUTCOMES`.
        groups: for each group of cases, the points earned and the points available.
        passed, total: the number of cases that passed, and of all cases.
        failure: the first case that failed; None if none did.
        also: the first failed case of each other group that lost its points, in a line each.
        misconception: the mistake that the answer seems to make; empty if none was recognised.
        advice: what to do next; may be empty.
        version: the version of the check.
    """

    exercise: str
    outcome: str
    groups: Mapping[str, tuple[float, float]]
    passed: int = 0
    total: int = 0
    failure: Failure | None = None
    also: tuple[str, ...] = ()
    misconception: str = ""
    advice: str = ""
    version: int = 1

    @property
    def points(self) -> float:
        """The points earned."""
        return sum(earned for earned, _ in self.groups.values())

    @property
    def max_points(self) -> float:
        """The points available."""
        return sum(weight for _, weight in self.groups.values())


def sign_of(outcome: str) -> str:
    """The sign that is shown beside an outcome.

    Args:
        outcome: one of `OUTCOMES`.

    >>> sign_of("correct")
    '✓'
    """
    return _SIGNS[outcome][0]


class Verdict(float):
    """The points that an answer earned, as a float that also holds what was found.

    Its ``repr`` is the plain number, because nbgrader reads the score of a test cell from it. A
    notebook shows it as a card, and ``print`` shows the same as text.

    >>> verdict = Verdict(Findings("double", "partly", {"small": (1, 1), "large": (0, 2)}))
    >>> verdict
    1.0
    >>> print(verdict)
    ◐ double: partly — 1 of 3 points
    """

    findings: Findings

    def __new__(cls, findings: Findings) -> Verdict:
        """A float of the points earned, with the findings attached."""
        verdict = super().__new__(cls, findings.points)
        verdict.findings = findings
        return verdict

    def __getnewargs__(self) -> tuple[Findings]:  # type: ignore[override]
        return (self.findings,)

    @property
    def outcome(self) -> str:
        """One of `OUTCOMES`."""
        return self.findings.outcome

    @property
    def correct(self) -> bool:
        """Whether every case passed."""
        return self.findings.outcome == "correct"

    def __repr__(self) -> str:
        return float.__repr__(self)

    def __str__(self) -> str:
        found = self.findings
        sign, _ = _SIGNS[found.outcome]
        lines = [f"{sign} {found.exercise}: {self._headline()}"]
        lines += [f"  {label}: {text}" for label, text in self._details()]
        return "\n".join(lines)

    def __format__(self, spec: str) -> str:
        return float.__format__(self, spec) if spec else str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self) if _in_kernel() else str(self))

    def _repr_html_(self) -> str:
        found = self.findings
        sign, colour = _SIGNS[found.outcome]
        items = "".join(
            f'<dt style="{_LABEL}">{escape(label)}</dt>'
            f'<dd style="margin:0 0 0 1em;white-space:pre-wrap">{escape(text)}</dd>'
            for label, text in self._details()
        )
        details = f'<dl style="margin:.3em 0 0">{items}</dl>' if items else ""
        return (
            f'<div role="group" aria-label="Check of {escape(found.exercise)}: '
            f'{escape(self._headline())}" style="border-left:.4em solid {colour};'
            f'padding:.4em .8em;margin:.3em 0;max-width:52em">'
            f'<p style="margin:0"><span aria-hidden="true" style="font-weight:700">'
            f"{sign}</span> <code>{escape(found.exercise)}</code> "
            f"<strong>{escape(self._headline())}</strong></p>{details}</div>"
        )

    def _headline(self) -> str:
        found = self.findings
        score = f"{_number(found.points)} of {_number(found.max_points)} points"
        cases = f", {found.passed} of {found.total} cases passed" if found.total else ""
        return f"{found.outcome} — {score}{cases}"

    def _details(self) -> list[tuple[str, str]]:
        found = self.findings
        rows: list[tuple[str, str]] = []
        if found.failure:
            rows.append((f"First case that failed: {found.failure.case}", found.failure.found))
            if found.failure.inputs:
                rows.append(("Called with", found.failure.inputs))
            if found.failure.line:
                rows.append(("In your code", found.failure.line))
            if found.failure.printed:
                rows.append(("It printed", found.failure.printed))
        if found.also:
            rows.append(("Failed too", "\n".join(found.also)))
        if found.misconception:
            rows.append(("This looks like", found.misconception))
        if found.failure and len(found.groups) > 1:
            parts = [f"{g} {_number(e)}/{_number(w)}" for g, (e, w) in found.groups.items()]
            rows.append(("Points", ", ".join(parts)))
        if found.advice:
            rows.append(("Next", found.advice))
        return rows


def _number(value: float) -> str:
    return f"{value:g}"


def _in_kernel() -> bool:
    """Whether this process is a Jupyter kernel, whose text/plain output nbgrader reads."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return type(get_ipython()).__name__ == "ZMQInteractiveShell"
