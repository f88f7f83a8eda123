"""Read a lesson's script: its prose and experiments, in cells that may have a role and an id.

The script is a jupytext percent script. A cell's marker holds a role and an id and nothing else, as
in ``# %% experiment="watch-it-grok"`` or ``# %% [markdown] reflect="norm"``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROLES = ("setup", "answer", "test", "experiment", "predict", "explorer", "reflect")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,50}")


class ScriptError(ValueError):
    """A script that cannot be built. The message names the file and what is wrong."""


@dataclass(frozen=True)
class ScriptCell:
    """One cell of a script.

    Attributes:
        kind: "code" or "markdown".
        source: its text.
        role: one of `ROLES`; empty for plain prose.
        id: the id of what the role refers to; empty for plain prose.
    """

    kind: str
    source: str
    role: str = ""
    id: str = ""


def read_script(path: Path) -> list[ScriptCell]:
    """Read the cells of a script.

    Raises:
        OSError: the file cannot be read.
        ScriptError: a marker is unknown or has no id, a code cell has no role, or two cells have
            the same role and id.
    """
    import jupytext

    notebook = jupytext.reads(path.read_text(encoding="utf-8"), fmt="py:percent")
    cells: list[ScriptCell] = []
    for cell in notebook.cells:
        marks = dict(cell.metadata)
        marks.pop("lines_to_next_cell", None)  # jupytext's note on blank lines
        title = marks.pop("title", "")
        if title or len(marks) > 1 or not set(marks) <= set(ROLES):
            given = " ".join([title, *(f"{key}={value!r}" for key, value in marks.items())])
            raise ScriptError(
                f"{path.name}: unknown marker {given.strip()!r}; wanted one of "
                f'{", ".join(ROLES)} with an id, as in # %% experiment="watch"'
            )
        role, id = next(iter(marks.items()), ("", ""))
        if role and not (isinstance(id, str) and _ID.fullmatch(id)):
            raise ScriptError(f"{path.name}: {role}={id!r} is not an id (letters, digits, - and _)")
        _check_role(path, cell.cell_type, cell.source, role)
        cells.append(ScriptCell(cell.cell_type, cell.source, role, id))
    _no_duplicates(path, cells)
    return cells


def _check_role(path: Path, kind: str, source: str, role: str) -> None:
    start = source.strip().split("\n")[0][:60]
    if kind == "code" and (not role or role == "reflect"):
        raise ScriptError(f"{path.name}: the code cell {start!r} has no role for code")
    if kind not in ("code", "markdown"):
        raise ScriptError(f"{path.name}: a {kind} cell; wanted code or markdown")
    if kind == "markdown" and role not in ("", "reflect"):
        raise ScriptError(f"{path.name}: the text cell {start!r} cannot be a {role!r} cell")
    if role in ("answer", "test") and source.strip():
        raise ScriptError(f"{path.name}: the {role} cell {start!r} is filled in by the build")


def _no_duplicates(path: Path, cells: list[ScriptCell]) -> None:
    seen: set[tuple[str, str]] = set()
    for cell in cells:
        if cell.role and (cell.role, cell.id) in seen:
            raise ScriptError(f"{path.name}: two cells are marked {cell.role}={cell.id!r}")
        seen.add((cell.role, cell.id))
