"""Reading a notebook's file with errors that name it, and writing one whole."""

from __future__ import annotations

import json
import reprlib
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from grokedu.classroom.files import write_whole

_CELL_TYPES = ("code", "markdown", "raw")
# Plotting libraries' outputs go to about 30. Copying a notebook recurses, several calls a level.
_DEEPEST = 100
_LONGEST_NUMBER = 4000


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook of format 4, lenient about what does not matter: a BOM, its minor version.

    Raises:
        ValueError: the file is no notebook, is cut short, or is of another format.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a notebook: its text is not UTF-8") from None
    return parse_notebook(text, str(path))


def parse_notebook(text: str, where: str) -> NotebookNode:
    """A notebook of format 4 from the text of its file.

    Args:
        where: what to call the file in an error.

    Raises:
        ValueError: the text is no notebook, is cut short, or is of another format.
    """
    return sound_notebook(parse_content(text, where), where)


def parse_content(text: str, where: str) -> dict[str, Any]:
    """The content of a notebook's file as JSON says it, of whatever format.

    Raises:
        ValueError: it is no JSON, says no format, or is built to exhaust its reader.
    """
    try:
        content = json.loads(text, parse_int=_whole_number)
        too_deep = _deeper_than(content, _DEEPEST)
    except json.JSONDecodeError as error:
        said = f"line {error.lineno}: {error.msg}"
        raise ValueError(f"{where} is not a notebook, or was cut short ({said})") from None
    except RecursionError:
        too_deep = True
    except OverflowError:
        raise ValueError(f"{where} is not a notebook: a number in it is too long") from None
    if too_deep:
        raise ValueError(f"{where} is not a notebook: it is nested too deeply")
    if not isinstance(content, dict) or "nbformat" not in content:
        raise ValueError(f"{where} is not a notebook: it has no nbformat")
    return content


def sound_notebook(content: dict[str, Any], where: str) -> NotebookNode:
    """A notebook of format 4 from its content, with metadata where they are missing or odd.

    Raises:
        ValueError: it is of another format, or its cells are none.
    """
    if content["nbformat"] != 4:
        raise ValueError(
            f"{where} is a notebook of format {reprlib.repr(content['nbformat'])}; wanted 4. "
            "Open it in JupyterLab and save it, and it is."
        )
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise ValueError(f"{where} is not a notebook: it has no list of cells")
    metadata = content.get("metadata")
    return nbformat.from_dict(
        {
            "cells": [_sound(cell, f"{where}, cell {n}") for n, cell in enumerate(cells, 1)],
            "metadata": metadata if isinstance(metadata, dict) else {},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def write_notebook(path: Path, notebook: NotebookNode) -> None:
    """Write a notebook as Jupyter lays it out, whole or not at all."""
    write_whole(path, nbformat.writes(notebook).rstrip("\n") + "\n")


def _sound(cell: Any, where: str) -> dict[str, Any]:
    if not isinstance(cell, dict) or cell.get("cell_type") not in _CELL_TYPES:
        raise ValueError(f"{where}: not a cell; its type must be one of {', '.join(_CELL_TYPES)}")
    source = cell.get("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise ValueError(f"{where}: its source is not text")
    metadata = cell.get("metadata")
    return cell | {"source": source, "metadata": metadata if isinstance(metadata, dict) else {}}


def _whole_number(digits: str) -> int:
    if len(digits) > _LONGEST_NUMBER:  # reading one takes the square of its length
        raise OverflowError
    return int(digits)


def _deeper_than(content: Any, levels: int) -> bool:
    """Whether lists and dictionaries lie within each other more than so many levels deep."""
    level = [content] if isinstance(content, (dict, list)) else []
    for _ in range(levels + 1):
        inner: list[Any] = []
        for each in level:
            inner += each.values() if isinstance(each, dict) else each
        level = [each for each in inner if isinstance(each, (dict, list))]
        if not level:
            return False
    return True
