"""What a cell showed when it ran: cleaned for a notebook, and as parts of a feedback page.

Kept are text, real PNG and JPEG images, and plain HTML; scripts, widgets, vector graphics and pages
in pages are not. Nothing a notebook holds makes these functions raise.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from nbformat import NotebookNode

from grokedu.grading.page.markdown import Reader, figure
from grokedu.grading.page.sanitise import (
    IMAGES,
    TAGS,
    clean_html,
    clean_images,
    is_quick_to_clean,
    plain,
    text_of,
    without_terminal_commands,
)

MOST_OUTPUTS = 50
LONGEST_OUTPUT = 20_000
_LEFT_OUT = "(the rest was left out)"
ALT = "Figure drawn by the cell above"
LINES = 30
# What a traceback says of the line it stands at: its number, then the line itself.
_FRAMES = (
    re.compile(r"^line (\d+): (.*)$", re.MULTILINE),
    re.compile(r"^-+> *(\d+) (.*)$", re.MULTILINE),
    re.compile(r"\bline (\d+)\n(.*)$", re.MULTILINE),
)


def clean_outputs(outputs: Any) -> list[dict[str, Any]]:
    """A code cell's outputs as any renderer may show them; at most 50.

    Args:
        outputs: what the notebook holds as the cell's outputs, of whatever shape.
    """
    cleaned: list[dict[str, Any]] = []
    for output in outputs if isinstance(outputs, list) else []:
        made = _clean_output(output) if isinstance(output, dict) else None
        if made is None:
            continue
        last = cleaned[-1] if cleaned else {}
        if made["output_type"] == "stream" and made["name"] == last.get("name"):
            if not last["text"].endswith(_LEFT_OUT):
                last["text"] = _cut(last["text"] + made["text"])
        elif len(cleaned) == MOST_OUTPUTS - 1:
            cleaned.append(_stream_of(f"(only the first {len(cleaned)} outputs are kept)\n"))
            break
        else:
            cleaned.append(made)
    return cleaned


def _clean_output(output: dict[str, Any]) -> dict[str, Any] | None:
    kind = output.get("output_type")
    if kind == "stream":
        name = "stderr" if output.get("name") == "stderr" else "stdout"
        return _stream_of(_plain(output.get("text")), name)
    if kind == "error":
        name, value = (_cut(_plain(output.get(key)), 2000) for key in ("ename", "evalue"))
        lines = output.get("traceback")
        if isinstance(lines, list):
            lines = "\n".join(line for line in lines if isinstance(line, str))
        text = _plain(lines)
        trace = _cut(text).split("\n") if text else []
        return {"output_type": kind, "ename": name, "evalue": value, "traceback": trace}
    if kind not in ("display_data", "execute_result"):
        return None
    made = {"output_type": kind, "metadata": {}, "data": _clean_data(output.get("data"))}
    if kind == "execute_result":
        count = output.get("execution_count")
        made["execution_count"] = count if type(count) is int and 0 <= count < 2**31 else None
    return made


def _clean_data(data: Any) -> dict[str, str]:
    if not isinstance(data, dict):
        data = {}
    kept = clean_images(data)
    source = text_of(data.get("text/html"))
    markup = clean_html(source, TAGS - {"img"}).strip() if is_quick_to_clean(source) else ""
    if markup:
        # MathJax is kept from it: its commands can make links and attributes of their own.
        kept["text/html"] = f'<div class="mathjax_ignore tex2jax_ignore">{markup}</div>'
    text = _plain(data.get("text/plain"))
    if not text or text.startswith("<IPython.core.display."):
        for kind in ("text/markdown", "text/latex"):
            text = _plain(data.get(kind)) or text
    if text:
        kept["text/plain"] = _cut(text)
    if not kept:
        kinds = ", ".join(_plain(kind)[:60] for kind in list(data)[:3]) or "an unknown kind"
        kept["text/plain"] = f"(an output of kind {kinds} was left out)"
    return kept


def _stream_of(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": _cut(text)}


def _plain(value: Any) -> str:
    """Text as a terminal would have left it, without colours."""
    # Far more than is shown is not looked at.
    text = without_terminal_commands(text_of(value)[: 20 * LONGEST_OUTPUT]).replace("\r\n", "\n")
    if "\r" in text:  # a progress bar writes its line anew each time
        text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))
    return plain(text, len(text))


def _cut(text: str, longest: int = LONGEST_OUTPUT) -> str:
    return text if len(text) <= longest else f"{text[:longest]}\n{_LEFT_OUT}"


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
        tone: the kind of outcome on a card, for its colour.
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


def output_parts(cell: NotebookNode, reader: Reader) -> list[Part]:
    """The outputs of a code cell; of an error what it says and the learner's own line."""
    found = list(_joined(outputs_of(cell)))
    parts = [_part(output, cell.source, reader) for output in found[:MOST_OUTPUTS]]
    if len(found) > MOST_OUTPUTS:
        parts.append(Part("note", f"{len(found) - MOST_OUTPUTS} more outputs are not shown."))
    return [part for part in parts if str(part.html).strip()]


def outputs_of(cell: NotebookNode) -> list[Mapping[str, Any]]:
    """The outputs of a cell that are valid."""
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
    for shape in IMAGES:
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
