"""Reading a notebook's file with errors that name it, and writing one whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from grokedu.classroom.progress import write_whole

_CELL_TYPES = ("code", "markdown", "raw")


def read_notebook(path: Path) -> NotebookNode:
    """Read a notebook of format 4, lenient about what does not matter: a BOM, its minor version.

    Raises:
        ValueError: the file is no notebook, is cut short, or is of another format.
    """
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a notebook: its text is not UTF-8") from None
    except json.JSONDecodeError as error:
        said = f"line {error.lineno}: {error.msg}"
        raise ValueError(f"{path} is not a notebook, or was cut short ({said})") from None
    except RecursionError:
        raise ValueError(f"{path} is not a notebook: it is nested too deeply") from None
    if not isinstance(content, dict) or "nbformat" not in content:
        raise ValueError(f"{path} is not a notebook: it has no nbformat")
    if content["nbformat"] != 4:
        raise ValueError(
            f"{path} is a notebook of format {content['nbformat']!r}; wanted 4. "
            "Open it in JupyterLab and save it, and it is."
        )
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise ValueError(f"{path} is not a notebook: it has no list of cells")
    metadata = content.get("metadata")
    return nbformat.from_dict(
        {
            "cells": [_sound(cell, f"{path}, cell {n}") for n, cell in enumerate(cells, 1)],
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
