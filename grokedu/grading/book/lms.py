"""Scores as Canvas and Moodle import them, with or without a list of students that they exported.

Where there is no score (needs review, none handed in) the grade is left blank: neither takes a
blank for a 0. Canvas: "How do I import grades in the Gradebook?" in its instructor guide. Moodle:
the offline grading worksheet of an assignment, https://docs.moodle.org/en/Assignment_settings.
"""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from grokedu.grading.book.scores import Row
from grokedu.grading.result import Status

Table = list[list[str]]
CANVAS = ("Student", "ID", "SIS User ID", "SIS Login ID", "Section")
MOODLE = (
    "Identifier",
    "Full name",
    "Email address",
    "Status",
    "Grade",
    "Maximum grade",
    "Feedback comments",
)
MAX_ROSTER = 16_000_000


def canvas(rows: Sequence[Row], title: str, roster: Path | None = None) -> tuple[Table, list[str]]:
    """Canvas's gradebook with one assignment, and notes on whom it leaves out or blank.

    With its own export as the roster, names and order are Canvas's, and so is the heading of the
    assignment where it has one already, as ``Start here (4711)``: then no new one is made.

    Raises:
        ValueError: the roster is not a gradebook that Canvas exported.
    """
    if roster is None:
        worth = [_points(rows[0].max_score)] if rows else [""]
        table = [[*CANVAS, title], ["    Points Possible", "", "", "", "", *worth]]
        for row in rows:
            id, login = (row.student, "") if row.student.isdecimal() else ("", row.student)
            table.append([_name(row) or row.student, id, "", login, "", _points(row.score)])
        return table, _blanks(rows)
    header, *people = _read(roster, ("Student", "ID"), "a gradebook exported by Canvas")
    known = re.compile(re.escape(title) + r"( \(\d+\))?")
    heading = next((name for name in header if known.fullmatch(name)), title)
    columns = [header.index(name) for name in CANVAS if name in header]
    keys = [header.index(name) for name in CANVAS[1:4] if name in header]
    table = [[*(header[at] for at in columns), heading]]
    find = _Finder(rows)
    for person in people:
        found = find(*(person[at] for at in keys))
        score = _points(found.score) if found else ""
        if rows and person[header.index("Student")].strip() == "Points Possible":
            score = _points(rows[0].max_score)
        table.append([*(person[at] for at in columns), score])
    return table, find.left_out("Canvas") + _blanks(rows)


def moodle(rows: Sequence[Row], roster: Path | None = None) -> tuple[Table, list[str]]:
    """Moodle's grading worksheet, and notes on whom it leaves out or blank.

    With the worksheet that Moodle exported as the roster, its rows and columns are filled in.

    Raises:
        ValueError: the roster is not a grading worksheet.
    """
    if roster is None:
        table = [list(MOODLE)]
        for row in rows:
            table.append(
                [
                    f"Participant {row.student}",
                    _name(row),
                    row.email,
                    row.status,
                    _points(row.score),
                    _points(row.max_score),
                    comment(row),
                ]
            )
        return table, _blanks(rows)
    header, *people = _read(roster, ("Identifier", "Grade"), "a grading worksheet of Moodle's")
    keys = [at for at, name in enumerate(header) if name in _MOODLE_KEYS]
    most = header.index("Maximum grade") if "Maximum grade" in header else None
    notes: list[str] = []
    find = _Finder(rows)
    for person in people:
        found = find(*(_MOODLE_KEYS[header[at]](person[at]) for at in keys))
        if found is None:
            continue
        person[header.index("Grade")] = _points(found.score)
        if "Feedback comments" in header:
            person[header.index("Feedback comments")] = comment(found)
        if most is not None and not notes and _number(person[most]) != found.max_score:
            notes.append(
                f"Moodle's maximum grade is {person[most]} and the lesson's {found.max_score:g}: "
                "set it in the assignment, scores are not scaled"
            )
    return [header, *people], notes + find.left_out("Moodle") + _blanks(rows)


def comment(row: Row) -> str:
    """What a student reads beside a grade, as Moodle shows it: HTML.

    >>> comment(Row("ada", Status.NEEDS_REVIEW, ("It ended early.",), None, 0.0, 2.0, True))
    'A person will look at this. It ended early.'
    """
    words = {
        Status.NEEDS_REVIEW: ["A person will look at this.", *row.reasons],
        Status.TO_BE_READ: ["Parts of it are still to be read by a person."],
        Status.NONE_HANDED_IN: ["Nothing was handed in."],
    }.get(row.status, [])
    if row.late_penalty and row.score is not None:
        words.append(f"{row.late_penalty:g} points less, as it came late.")
    return html.escape(" ".join(" ".join(words).split()), quote=False)


class _Finder:
    """Finds a student by any of the names that a learning platform has for them."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.missing = {row.student: row for row in rows}
        self.known: dict[str, Row] = {}
        for row in rows:
            for name in (row.email, row.lms_user_id):
                if name:
                    self.known.setdefault(name, row)
        self.known |= self.missing

    def __call__(self, *names: str) -> Row | None:
        for name in map(str.strip, names):
            if name in self.known:
                self.missing.pop(self.known[name].student, None)
                return self.known[name]
        return None

    def left_out(self, platform: str) -> list[str]:
        """The students with anything to report whom the roster does not have."""
        return [
            f"{row.student} is not in {platform}'s list: left out ({row.status})"
            for row in self.missing.values()
            if row.status != Status.NONE_HANDED_IN
        ]


_MOODLE_KEYS: dict[str, Callable[[str], str]] = {
    "Identifier": lambda text: text.removeprefix("Participant "),
    "ID number": str,
    "Username": str,
    "Email address": str,
}


def _read(path: Path, wanted: Sequence[str], what: str) -> Table:
    """A table that a platform exported, with a separator of its own choice, all rows as long."""
    try:
        if path.stat().st_size > MAX_ROSTER:
            raise ValueError(f"it is larger than {MAX_ROSTER:,} bytes")
        text = path.read_bytes().decode("utf-8-sig")
        first = text.partition("\n")[0]
        separator = max(",;\t", key=first.count)
        found = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        table = [row for row in found if any(row)]
        if not table or not set(wanted) <= set(table[0]):
            raise ValueError(f"no columns {', '.join(wanted)}")
    except (ValueError, csv.Error) as error:
        raise ValueError(f"{path} is not {what}: {error}") from None
    width = len(table[0])
    return [[*row, *[""] * width][:width] for row in table]


def _blanks(rows: Sequence[Row]) -> list[str]:
    return [
        f"{row.student} needs review and has no grade: {' '.join(row.reasons)}"
        for row in rows
        if row.status == Status.NEEDS_REVIEW
    ]


def _points(score: float | None) -> str:
    return "" if score is None else f"{score:.10g}"


def _number(text: str) -> float | None:
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return None


def _name(row: Row) -> str:
    return f"{row.first_name} {row.last_name}".strip()
