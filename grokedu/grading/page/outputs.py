"""What a cell showed when it ran, as parts of a feedback page."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from nbformat import NotebookNode

from grokedu.grading.page.untrusted import FIGURES, Reader, figure, plain

ALT = "Figure drawn by the cell above"
MOST = 50
LINES = 30
# What a traceback says of the line it stands at: its number, then the line itself.
_FRAMES = (
    re.compile(r"^line (\d+): (.*)$", re.MULTILINE),
    re.compile(r"^-+> *(\d+) (.*)$", re.MULTILINE),
    re.compile(r"\bline (\d+)\n(.*)$", re.MULTILINE),
)


@dataclass(frozen=True)
class Part:
    """A piece of a feedback page.

    Attributes:
        kind: how it is laid out: "heading", "code", "prose", "card", "comment", "rubric", "note",
            "text", "error", "figure" or "table".
        html: what it says, fit to stand in a page; plain text is escaped there.
        label: what it is, above it.
        anchor: the id of its place on the page.
        level: of a heading.
        tone: what kind of outcome a card tells, for its colour.
    """

    kind: str
    html: Markup | str
    label: str = ""
    anchor: str = ""
    level: int = 0
    tone: str = ""

    @property
    def lines(self) -> int:
        """How many lines its text takes, where one has a hundred characters."""
        lines = re.sub(r"<[^>]*>", "", str(self.html)).split("\n")
        return sum(1 + len(line) // 100 for line in lines)

    @property
    def long(self) -> bool:
        """Whether it is folded away."""
        return self.kind in ("code", "text") and self.lines > LINES


def outputs(cell: NotebookNode, reader: Reader) -> list[Part]:
    """The outputs of a code cell; of an error what it says and the learner's own line."""
    found = list(_joined(outputs_of(cell)))
    parts = [_part(output, cell.source, reader) for output in found[:MOST]]
    if len(found) > MOST:
        parts.append(Part("note", f"{len(found) - MOST} more outputs are not shown."))
    return [part for part in parts if str(part.html).strip()]


def outputs_of(cell: NotebookNode) -> list[Mapping[str, Any]]:
    """The outputs of a cell that are any."""
    found = cell.get("outputs")
    return [o for o in found if isinstance(o, Mapping)] if isinstance(found, list) else []


def stopped(cell: NotebookNode) -> list[Part]:
    """The error that ended a check cell, without a line of it."""
    errors = (each for each in outputs_of(cell) if each.get("output_type") == "error")
    return [_error(each, "") for each in errors][:1]


def _joined(found: list[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Outputs, with the pieces of one stream in one."""
    for (kind, name), pieces in itertools.groupby(found, _stream):
        if kind == "stream":
            text = "".join(plain(piece.get("text")) for piece in pieces)
            yield {"output_type": kind, "name": name, "text": text}
        else:
            yield from pieces


def _stream(output: Mapping[str, Any]) -> tuple[str, str]:
    return plain(output.get("output_type"), 100), plain(output.get("name"), 100)


def _part(output: Mapping[str, Any], source: str, reader: Reader) -> Part:
    kind = output.get("output_type")
    if kind == "stream":
        label = "Warnings" if output.get("name") == "stderr" else "Output"
        return Part("text", plain(output.get("text")).strip("\n"), label)
    if kind == "error":
        return _error(output, source)
    data = output.get("data")
    data = data if isinstance(data, Mapping) else {}
    about = output.get("metadata")
    for shape in FIGURES:
        image = figure(shape, data.get(shape), _alt(about, shape))
        if image is not None:
            return Part("figure", image)
    if "text/html" in data and (table := reader.markup(data["text/html"])):
        return Part("table", table, "Output")
    if text := plain(data.get("text/plain")):
        return Part("text", text, "Output")
    kinds = ", ".join(sorted(map(plain, data))) or plain(kind)
    return Part("note", f"An output of kind {kinds} is not shown.")


def _alt(about: Any, shape: str) -> str:
    """What the figure itself says it shows, or where it comes from."""
    said = about.get(shape) if isinstance(about, Mapping) else None
    alt = said.get("alt") if isinstance(said, Mapping) else None
    return plain(alt).strip() or ALT


def _error(output: Mapping[str, Any], source: str) -> Part:
    said = f"{plain(output.get('ename'), 200)}: {plain(output.get('evalue'), 2000)}".strip(": ")
    line = _own_line(plain(output.get("traceback")), source)
    return Part("error", said + (f"\n{line}" if line else ""), "Stopped with an error")


def _own_line(traceback: str, source: str) -> str:
    """The last line of the learner's cell that a traceback names; a line of nobody else's."""
    lines = source.split("\n")
    for pattern in _FRAMES:
        for number, text in reversed(pattern.findall(traceback)):
            place = int(number) if len(number) < 6 else 0
            own = lines[place - 1].strip() if 0 < place <= len(lines) else ""
            if own and own == text.strip():
                return f"in line {place}: {plain(own, 200)}"
    return ""
