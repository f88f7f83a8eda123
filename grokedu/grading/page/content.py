"""What a feedback page shows, read from a graded notebook: the points, and what was handed in.

Of the course's own cells only headings and outputs are shown, and of the headings only those that
something else stands under. Check cells give their cards, never their source.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from nbformat import NotebookNode

from grokedu.classroom.cells import is_of_course, is_open
from grokedu.classroom.checking.verdict import Findings, Outcome
from grokedu.grading.judging.annotations import findings_in
from grokedu.grading.page.markdown import Reader
from grokedu.grading.page.outputs import Part, output_parts, outputs_of, stopped
from grokedu.grading.page.sanitise import plain
from grokedu.grading.result import Status

OPEN, BY_HAND = "○", "●"
_TONES: dict[str, str] = {
    Outcome.CORRECT: "good",
    Outcome.PARTLY: "half",
    Outcome.INCORRECT: "bad",
    Outcome.CRASHED: "bad",
    Outcome.TIMED_OUT: "bad",
}


@dataclass(frozen=True)
class Row:
    """One exercise or question in the table of points.

    Attributes:
        anchor: the id of its place on the page.
        score: the points it has; None when nobody has given any yet.
        of: the points there are.
    """

    name: str
    anchor: str
    score: float | None
    of: float
    outcome: str
    sign: str

    @property
    def points(self) -> str:
        """Such as "2 of 3"."""
        return f"{'–' if self.score is None else number(self.score)} of {number(self.of)}"

    @property
    def tone(self) -> str:
        """What kind of outcome it is, for its colour."""
        return _TONES.get(self.outcome, "plain")


class Content:
    """What the page shows.

    Attributes:
        rows: the table of points.
        parts: the notebook, in order.
        reasons: why a person must look at it.
        pending: whether a person must, and has not given all points yet.
        unread: how many rows have no points yet.
    """

    def __init__(self, notebook: NotebookNode) -> None:
        said = _mapping(notebook.metadata.get("grokedu"))
        reasons = said.get("reasons")
        self.reasons = [plain(each, 1000) for each in reasons] if isinstance(reasons, list) else []
        self._needs_review = said.get("status") == Status.NEEDS_REVIEW
        self.rows: list[Row] = []
        self.parts: list[Part] = []
        self._reader = Reader()
        self._headings: list[tuple[int, Markup]] = []
        self._level = 1
        self._places: dict[str, str] = {}
        self._unanswered: set[str] = set()
        self._count = itertools.count(1)
        before = None
        for cell in notebook.cells:
            self._read_cell(cell, before)
            before = cell
        self.unread = sum(row.score is None for row in self.rows)
        self.pending = self._needs_review and (self.unread > 0 or not self.rows)

    def _read_cell(self, cell: NotebookNode, before: NotebookNode | None) -> None:
        marks = _mapping(cell.metadata.get("nbgrader"))
        if marks.get("solution") is True:
            self._answer(cell, marks, before)
        elif marks.get("grade") is True:
            self._check(cell, marks)
        elif not is_of_course(cell):
            # The gradebook puts a note of its own where there is no notebook; the banner says it.
            note = self._needs_review and cell.get("id") == "needs-review"
            if cell.source.strip() and not note:
                self._add(self._handed_in(cell, "Your cell"), *output_parts(cell, self._reader))
        elif cell.cell_type == "markdown":
            for level, html in self._reader.headings(cell.source):
                self._headings = [each for each in self._headings if each[0] < level]
                self._headings.append((level, html))
        else:
            self._add(*output_parts(cell, self._reader))

    def _answer(
        self, cell: NotebookNode, marks: Mapping[str, Any], before: NotebookNode | None
    ) -> None:
        name = _text(marks, "grade_id")
        question, unanswered = marks.get("grade") is True, _unanswered(cell)
        silent = unanswered and self._needs_review  # what was handed in may not be in here at all
        anchor = self._place(name) if question or not silent else ""
        if unanswered:
            self._unanswered.add(name)
        if question:
            row = self._read_by_a_person(name, anchor, marks, unanswered)
            self._show_headings()
            html = Markup("Your answer: {}").format(row.name)
            self._add(Part("heading", html, "", anchor, self._reader.heading(self._level + 1)))
            if before is not None and before.cell_type == "markdown" and is_of_course(before):
                self._add(Part("rubric", self._reader.prose(before.source)))
            anchor = ""
        if not unanswered:
            self._add(self._handed_in(cell, "" if question else "Your answer", anchor))
            self._add(*output_parts(cell, self._reader))
        elif not silent:
            self._add(Part("note", "Your answer: nothing was written here.", anchor=anchor))
        if question:
            self._add(Part("card", _headline(row), tone=row.tone))
        comment = _text(marks, "comment").strip()
        if comment and comment != "No response.":  # as nbgrader says of an untouched cell
            self._add(Part("comment", self._reader.prose(comment)))

    def _read_by_a_person(
        self, name: str, anchor: str, marks: Mapping[str, Any], unanswered: bool
    ) -> Row:
        score, of = _number(marks, "score"), _number(marks, "points") or 0.0
        if score is None:
            outcome, sign = self._not_yet("read"), OPEN
        elif unanswered and marks.get("by_hand") is not True:
            outcome, sign = "not answered", Outcome.NOT_ATTEMPTED.sign
        else:
            outcome, sign = "read by a person", BY_HAND
        self.rows.append(Row(name.removesuffix("-reflect"), anchor, score, of, outcome, sign))
        return self.rows[-1]

    def _check(self, cell: NotebookNode, marks: Mapping[str, Any]) -> None:
        name = _text(marks, "grade_id").removesuffix("-check")
        above = self._places.pop(name, "")
        anchor = above or self._place(name)
        score, of = _number(marks, "score"), _number(marks, "points") or 0.0
        by_hand = marks.get("by_hand") is True
        card: Markup | None
        points: float | None
        findings = findings_in(outputs_of(cell))
        if findings is not None:
            found, points, card = findings.outcome, findings.points, _card(findings)
        else:
            points, card = self._earlier_card(cell)
            found = _by_points(points or 0.0, of)
            if name in self._unanswered:
                found = Outcome.NOT_ATTEMPTED
        if score is None:
            outcome, sign, card = self._not_yet("graded"), OPEN, None
        elif by_hand:
            outcome, sign = "marked by a person", BY_HAND
        else:
            if points != score:  # the card is not what the gradebook went by
                found, card = _by_points(score, of), None
            outcome, sign = found.value, found.sign
        row = Row(name, anchor, score, of, outcome, sign)
        self.rows.append(row)
        tone = _TONES.get(found, "plain") if card else row.tone
        self._add(Part("card", card or _headline(row), "", "" if above else anchor, tone=tone))
        if card and by_hand:
            self._add(Part("note", f"A person looked at this and gave {row.points} points."))
        elif not card:
            self._add(*stopped(cell))

    def _earlier_card(self, cell: NotebookNode) -> tuple[float | None, Markup | None]:
        """The points and the card in a notebook graded before checks left their findings as data.

        Its outcome is known by the points only.
        """
        for output in outputs_of(cell):
            data = _mapping(output.get("data"))
            if "text/html" in data:
                try:
                    points = float(plain(data.get("text/plain"), 100))
                except ValueError:
                    continue
                return points, self._reader.markup(data["text/html"]) or None
        return None, None

    def _handed_in(self, cell: NotebookNode, label: str, anchor: str = "") -> Part:
        if cell.cell_type == "code":
            return Part("code", self._reader.code(cell.source), label, anchor)
        self._show_headings()
        html = self._reader.prose(cell.source, cell.get("attachments"))
        return Part("prose", html, label, anchor)

    def _add(self, *parts: Part) -> None:
        if parts:
            self._show_headings()
            self.parts += parts

    def _show_headings(self) -> None:
        for level, html in self._headings:
            if level > 1:  # the one of level 1 is the page's own
                self._level = self._reader.heading(level)
                self.parts.append(Part("heading", html, level=self._level))
        self._headings = []

    def _place(self, name: str) -> str:
        self._places[name] = f"place-{next(self._count)}"
        return self._places[name]

    def _not_yet(self, done: str) -> str:
        return "not yet graded" if self._needs_review else f"not yet {done}"


def number(value: float) -> str:
    """A number of points as people write it.

    >>> number(2.0), number(2 / 3)
    ('2', '0.67')
    """
    return f"{round(value, 2):g}"


def _headline(row: Row) -> Markup:
    """A card's first line, for where there is no card."""
    html = '<p><span aria-hidden="true">{}</span> <code>{}</code> <strong>{}{}</strong></p>'
    points = "" if row.score is None else f" — {row.points} points"
    return Markup(html).format(row.sign, row.name, row.outcome, points)


def _card(findings: Findings) -> Markup:
    """The card of a check, for the page."""
    rows = Markup("").join(
        Markup("<dt>{}</dt><dd>{}</dd>").format(plain(label), plain(text))
        for label, text in findings.details
    )
    details = Markup("<dl>{}</dl>").format(rows) if rows else Markup("")
    html = (
        '<div role="group" aria-label="Check of {0}: {1}"><p><span aria-hidden="true">{2}</span> '
        "<code>{0}</code> <strong>{1}</strong></p>{3}</div>"
    )
    name, headline = plain(findings.exercise, 200), plain(findings.headline, 200)
    return Markup(html).format(name, headline, findings.outcome.sign, details)


def _by_points(score: float, of: float) -> Outcome:
    """The outcome of which no more is known than the points."""
    if score >= of:
        return Outcome.CORRECT
    return Outcome.PARTLY if score > 0 else Outcome.INCORRECT


def _unanswered(cell: NotebookNode) -> bool:
    try:
        return is_open(cell)
    except RecursionError:
        return False


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(marks: Mapping[str, Any], name: str) -> str:
    return plain(marks.get(name))


def _number(marks: Mapping[str, Any], name: str) -> float | None:
    value = marks.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)
