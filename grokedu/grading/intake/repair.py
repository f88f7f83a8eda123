"""A notebook from the bytes that were handed in: mended where that is safe, or a clear refusal."""

from __future__ import annotations

import logging
import re
import reprlib
from typing import Any

import nbformat
from nbformat import NotebookNode

from grokedu.classroom.notebook import parse_content, sound_notebook
from grokedu.grading.intake.files import MOST_BYTES, too_long

MOST_CELLS = 5_000
LONGEST_SOURCE = 2**20
_WHERE = "the file"
_FETCH = "download it from where you worked on it (File > Download) and hand in that file"
# By what a file begins with (its kind, and what to do instead).
_OTHER_KINDS = (
    (rb"PK\x03\x04", "a zip archive", "unpack it and hand in the .ipynb file in it"),
    (rb"%PDF-", "a PDF", _FETCH),
    (rb"\x1f\x8b", "a compressed file", "unpack it and hand in the .ipynb file in it"),
    (rb"\x89PNG|\xff\xd8\xff", "a picture", _FETCH),
    (rb"\s*<(?:!doctype|html|head|body|\?xml|!--)", "an HTML page", _FETCH),
)
_MARKS = (  # UTF-32's mark begins as UTF-16's does
    (b"\xff\xfe\x00\x00", "utf-32", "UTF-32"),
    (b"\x00\x00\xfe\xff", "utf-32", "UTF-32"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)
_HALF = re.compile("[\ud800-\udfff]")
_ESCAPED_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def repair(content: bytes) -> tuple[NotebookNode, tuple[str, ...]]:
    """The notebook that a file holds, and what was mended in it, a line each.

    Read are UTF-8, UTF-16 with its mark, and Windows' letters where it is neither; any minor
    version of format 4, and the older formats, brought up to it.

    Raises:
        ValueError: the file cannot be graded; the message is one line for the student, with what
            to do about it.
    """
    if not content.strip():
        raise ValueError(f"{_WHERE} is empty: save the notebook in Jupyter and hand it in again")
    if len(content) > MOST_BYTES:
        raise ValueError(too_long())
    for beginning, kind, advice in _OTHER_KINDS:
        if re.match(beginning, content.removeprefix(b"\xef\xbb\xbf"), re.IGNORECASE):
            raise ValueError(f"this is {kind}, not the notebook: {advice}")
    text, notes = _decode(content)
    try:
        data = parse_content(text, _WHERE)
    except ValueError as error:
        raise ValueError(f"{error}: {_FETCH}") from None
    if _ESCAPED_HALF.search(text):
        data, mended = _whole_letters(data)
        if mended:
            notes.append("letters that are no Unicode were replaced")
    data = _format_4(data, notes)
    notebook = sound_notebook(data, _WHERE)
    _check_size(notebook)
    return notebook, tuple(notes)


def _decode(content: bytes) -> tuple[str, list[str]]:
    for mark, encoding, name in _MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding), [f"was {name}, not UTF-8"]
            except UnicodeDecodeError:
                raise ValueError(f"{_WHERE} is damaged {name} text: {_FETCH}") from None
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        try:
            text = content.decode("cp1252")
        except UnicodeDecodeError:
            text = content.decode("latin-1")
        return text, ["was not UTF-8: letters such as é were guessed"]
    if text.startswith("\ufeff"):
        return text[1:], ["began with a byte-order mark"]
    return text, []


def _format_4(data: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    version = data["nbformat"]
    if version == 4:
        return data
    if isinstance(version, int) and version > 4:
        raise ValueError(
            f"{_WHERE} is of notebook format {reprlib.repr(version)}, newer than is read here: "
            "a person will look at it, or save it in JupyterLab 4 and hand it in again"
        )
    if not isinstance(version, int) or version < 1:
        raise ValueError(f"{_WHERE} does not say which notebook format it is of: {_FETCH}")
    quiet = logging.getLogger("traitlets")
    before = quiet.level
    quiet.setLevel(logging.CRITICAL)
    try:
        newer = nbformat.convert(nbformat.from_dict(data), 4)
    except Exception:  # converting trusts the old notebook in every particular
        raise ValueError(
            f"{_WHERE} is of the old notebook format {version} and cannot be brought up to date: "
            "open it in JupyterLab, save it and hand it in again"
        ) from None
    finally:
        quiet.setLevel(before)
    notes.append(f"was of the old notebook format {version}: brought up to date")
    return newer


def _whole_letters(value: Any) -> tuple[Any, bool]:
    """The same data with halves of UTF-16 letters replaced, and whether there were any."""
    if isinstance(value, str):
        text = _HALF.sub("\ufffd", value)
        return text, text != value
    if isinstance(value, list):
        pairs = [_whole_letters(each) for each in value]
        return [each for each, _ in pairs], any(mended for _, mended in pairs)
    if isinstance(value, dict):
        keys = [_whole_letters(key) for key in value]
        values = [_whole_letters(each) for each in value.values()]
        whole = {key: each for (key, _), (each, _) in zip(keys, values, strict=True)}
        return whole, any(mended for _, mended in keys + values)
    return value, False


def _check_size(notebook: NotebookNode) -> None:
    if len(notebook.cells) > MOST_CELLS:
        raise ValueError(
            f"{_WHERE} has {len(notebook.cells)} cells; at most {MOST_CELLS} are read: "
            "delete those that are not yours and hand it in again"
        )
    for number, cell in enumerate(notebook.cells, 1):
        if len(cell.source) > LONGEST_SOURCE:
            raise ValueError(
                f"cell {number} of {_WHERE} is longer than 1 MB: shorten it and hand it in again"
            )
