"""What a feedback page tells, read from a graded notebook: the points, and what was handed in.

Of the course's own cells only headings and outputs are told, and of the headings only those that
something else stands under. Check cells give their cards, never their source.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from nbformat import NotebookNode

from grokedu.classroom.cells import is_of_course, is_open
from grokedu.classroom.checking.verdict import OUTCOMES, sign_of
from grokedu.grading.judging.result import NEEDS_REVIEW
from grokedu.grading.page.markdown import Reader
from grokedu.grading.page.outputs import Part, output_parts, outputs_of, stopped
from grokedu.grading.page.sanitise import plain

OPEN, BY_HAND = "○", "●"
_CARD = re.compile(rf'aria-label="Check of [^"]*?: ({"|".join(OUTCOMES)}) — ')
_TONES = {"correct": "good", "partly": "half"} | dict.fromkeys(
    ("incorrect", "crashed", "timed out"), "bad"
)


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


class Story:
    """What the page tells.

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
        self._needs_review = said.get("status") == NEEDS_REVIEW
        self.rows: list[Row] = []
        self.parts: list[Part] = []
        self._reader = Reader()
        self._headings: list[tuple[int, Markup]] = []
        self._level = 1
        self._places: dict[str, str] = {}
        self._count = itertools.count(1)
        before = None
        for cell in notebook.cells:
            self._tell(cell, before)
            before = cell
        self.unread = sum(row.score is None for row in self.rows)
        self.pending = self._needs_review and (self.unread > 0 or not self.rows)

    def _tell(self, cell: NotebookNode, before: NotebookNode | None) -> None:
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
            outcome, sign = "not answered", sign_of("not attempted")
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
        card, found, value = _card(cell)
        if score is None:
            outcome, sign, card = self._not_yet("graded"), OPEN, ""
        elif by_hand:
            outcome, sign = "marked by a person", BY_HAND
        else:
            if value != score:  # the card is not what the gradebook went by
                found = "correct" if score >= of else "partly" if score > 0 else "incorrect"
                card = ""
            outcome, sign = found, sign_of(found)
        row = Row(name, anchor, score, of, outcome, sign)
        self.rows.append(row)
        shown = self._reader.markup(card) if card else None
        tone = _TONES.get(found, "plain") if shown else row.tone
        self._add(Part("card", shown or _headline(row), "", "" if above else anchor, tone=tone))
        if shown and by_hand:
            self._add(Part("note", f"A person looked at this and gave {row.points} points."))
        elif not shown:
            self._add(*stopped(cell))

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


def _card(cell: NotebookNode) -> tuple[str, str, float | None]:
    """The card that a check left, the outcome it tells and the points; empty where it left none."""
    for output in outputs_of(cell):
        data = _mapping(output.get("data"))
        html = plain(data.get("text/html"))
        if match := _CARD.search(html):
            try:
                return html, match[1], float(plain(data.get("text/plain"), 100))
            except ValueError:
                break
    return "", "", None


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
