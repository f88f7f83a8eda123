"""Reading a file that a student handed in, and the notebook in it: mended where that is safe."""

from __future__ import annotations

import logging
import os
import re
import reprlib
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from grokedu.classroom.notebook import parse_content, sound_notebook

MOST_BYTES = 16 * 2**20


class Refused(ValueError):
    """A file that is not read; the message is a line that says why, for its student."""


def open_folder(name: str | Path, within: int | None = None) -> int:
    """A descriptor of a folder that is not reached by a link.

    Raises:
        Refused: it is a link, is not a folder, or cannot be opened.
        FileNotFoundError: it is not there.
    """
    _regular(name, within, stat.S_ISDIR, "a folder")
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(name, flags, dir_fd=within)
    except OSError as error:
        raise Refused(f"its folder cannot be opened: {_why(error)}") from None


def read_file(name: str | Path, within: int | None = None, most: int = MOST_BYTES) -> bytes:
    """The bytes of an ordinary file: no link of any kind, no device, no pipe, not too long.

    Args:
        within: descriptor of the folder that ``name`` is in.

    Raises:
        Refused: it is anything else, or cannot be read.
    """
    try:
        _regular(name, within, stat.S_ISREG, "an ordinary file")
        # Looked at once more after opening: between the two it may have been replaced.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
        handle = os.open(name, flags, dir_fd=within)
    except OSError as error:
        raise Refused(f"the file cannot be read: {_why(error)}") from None
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise Refused("it is not an ordinary file")
        if found.st_nlink > 1:
            raise Refused("the file is a hard link to another file: hand in a copy")
        if found.st_size > most:
            raise Refused(too_long(most))
        try:
            content = stream.read(most + 1)
        except OSError as error:
            raise Refused(f"the file cannot be read: {_why(error)}") from None
    if len(content) > most:
        raise Refused(too_long(most))
    return content


def too_long(most: int = MOST_BYTES) -> str:
    """What a student reads about a file that is too long."""
    return (
        f"the file is longer than {most // 2**20} MB: clear the outputs "
        "(Edit > Clear Outputs of All Cells), save, and hand it in again"
    )


def _regular(
    name: str | Path, within: int | None, wanted: Callable[[int], bool], kind: str
) -> None:
    found = os.stat(name, dir_fd=within, follow_symlinks=False)
    if stat.S_ISLNK(found.st_mode):
        raise Refused(f"it is a link, not {kind}: hand in the file itself")
    if not wanted(found.st_mode):
        raise Refused(f"it is not {kind}")


def _why(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()


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
