"""A verdict on an answer: a number for nbgrader, a card for a notebook, text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum
from html import escape
from typing import Any


class Outcome(str, Enum):
    """How an answer fared. It is a string, and JSON holds it as one.

    >>> Outcome("not attempted") is Outcome.NOT_ATTEMPTED, f"{Outcome.CORRECT}"
    (True, 'correct')
    """

    CORRECT = "correct"
    PARTLY = "partly"
    INCORRECT = "incorrect"
    NOT_ATTEMPTED = "not attempted"
    CRASHED = "crashed"
    TIMED_OUT = "timed out"
    REFERENCE_TAKEN = "reference taken"

    __str__ = str.__str__

    @property
    def sign(self) -> str:
        """The sign that is shown beside the word, so that nobody depends on the colour.

        >>> Outcome.CORRECT.sign
        '✓'
        """
        return _SIGNS[self]

    @property
    def colour(self) -> str:
        """The colour of the card's edge.

        Its contrast is at least 3:1 with the light and the dark theme of JupyterLab. Text needs
        4.5:1, so the sign has the colour of the text.

        >>> Outcome.CORRECT.colour
        '#0a8a60'
        """
        return _COLOURS[self]


_SIGNS = dict(zip(Outcome, "✓◐✗…!⏱↪", strict=True))
_COLOURS = dict(
    zip(
        Outcome,
        "#0a8a60 #a6761d #cc5a00 #757575 #cc5a00 #cc5a00 #3f7fb5".split(),
        strict=True,
    )
)

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
        outcome: given as an `Outcome` or as its text.
        groups: for each group of cases, the points earned and the points available.
        passed, total: the number of cases that passed, and of all cases.
        failure: the first case that failed; None if none did.
        also: the first failed case of each other group that lost its points, in a line each.
        misconception: the mistake that the answer seems to make; empty if none was recognised.
        advice: what to do next; may be empty.
        version: the version of the check.
    """

    exercise: str
    outcome: Outcome
    groups: Mapping[str, tuple[float, float]]
    passed: int = 0
    total: int = 0
    failure: Failure | None = None
    also: tuple[str, ...] = ()
    misconception: str = ""
    advice: str = ""
    version: int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "outcome", Outcome(self.outcome))

    def as_data(self) -> dict[str, Any]:
        """The findings as a dictionary that JSON can hold; `from_data` reads it."""
        return asdict(self) | {"outcome": self.outcome.value, "also": list(self.also)}

    @classmethod
    def from_data(cls, data: Any) -> Findings:
        """Findings from a dictionary that `as_data` made. It cannot be trusted.

        Raises:
            ValueError: the data is not the findings of a check.

        >>> found = Findings("forward", Outcome.PARTLY, {"small": (1.0, 1.0), "large": (0.0, 2.0)})
        >>> Findings.from_data(found.as_data()) == found
        True
        """
        try:
            groups = data["groups"].items()
            failure = data["failure"]
            return cls(
                str(data["exercise"]),
                Outcome(data["outcome"]),
                {str(name): (float(earned), float(of)) for name, (earned, of) in groups},
                int(data["passed"]),
                int(data["total"]),
                None if failure is None else Failure(**{k: str(v) for k, v in failure.items()}),
                tuple(map(str, data["also"])),
                str(data["misconception"]),
                str(data["advice"]),
                int(data["version"]),
            )
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
            raise ValueError("these are not the findings of a check") from None

    @property
    def points(self) -> float:
        """The points earned."""
        return sum(earned for earned, _ in self.groups.values())

    @property
    def max_points(self) -> float:
        """The points available."""
        return sum(weight for _, weight in self.groups.values())

    @property
    def headline(self) -> str:
        """The outcome, the points and the number of cases that passed, in one line."""
        score = f"{_number(self.points)} of {_number(self.max_points)} points"
        cases = f", {self.passed} of {self.total} cases passed" if self.total else ""
        return f"{self.outcome} — {score}{cases}"

    @property
    def details(self) -> list[tuple[str, str]]:
        """Everything else as pairs of a label and a text."""
        rows: list[tuple[str, str]] = []
        if self.failure:
            rows.append((f"First case that failed: {self.failure.case}", self.failure.found))
            if self.failure.inputs:
                rows.append(("Called with", self.failure.inputs))
            if self.failure.line:
                rows.append(("In your code", self.failure.line))
            if self.failure.printed:
                rows.append(("It printed", self.failure.printed))
        if self.also:
            rows.append(("Failed too", "\n".join(self.also)))
        if self.misconception:
            rows.append(("This looks like", self.misconception))
        if self.failure and len(self.groups) > 1:
            parts = [f"{g} {_number(e)}/{_number(w)}" for g, (e, w) in self.groups.items()]
            rows.append(("Points", ", ".join(parts)))
        if self.advice:
            rows.append(("Next", self.advice))
        return rows


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
    def outcome(self) -> Outcome:
        """How the answer fared."""
        return self.findings.outcome

    @property
    def correct(self) -> bool:
        """Whether every case passed."""
        return self.findings.outcome is Outcome.CORRECT

    def __repr__(self) -> str:
        return float.__repr__(self)

    def __str__(self) -> str:
        found = self.findings
        lines = [f"{found.outcome.sign} {found.exercise}: {found.headline}"]
        lines += [f"  {label}: {text}" for label, text in found.details]
        return "\n".join(lines)

    def __format__(self, spec: str) -> str:
        return float.__format__(self, spec) if spec else str(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(repr(self) if _in_kernel() else str(self))

    def _repr_html_(self) -> str:
        found = self.findings
        items = "".join(
            f'<dt style="{_LABEL}">{escape(label)}</dt>'
            f'<dd style="margin:0 0 0 1em;white-space:pre-wrap">{escape(text)}</dd>'
            for label, text in found.details
        )
        details = f'<dl style="margin:.3em 0 0">{items}</dl>' if items else ""
        return (
            f'<div role="group" aria-label="Check of {escape(found.exercise)}: '
            f'{escape(found.headline)}" style="border-left:.4em solid {found.outcome.colour};'
            f'padding:.4em .8em;margin:.3em 0;max-width:52em">'
            f'<p style="margin:0"><span aria-hidden="true" style="font-weight:700">'
            f"{found.outcome.sign}</span> <code>{escape(found.exercise)}</code> "
            f"<strong>{escape(found.headline)}</strong></p>{details}</div>"
        )


def _number(value: float) -> str:
    return f"{value:g}"


def _in_kernel() -> bool:
    """Whether this process is a Jupyter kernel, whose text/plain output nbgrader reads."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    # Colab has a shell of a class of its own, and a kernel behind it as Jupyter has.
    return getattr(get_ipython(), "kernel", None) is not None
