"""What a notebook's cell is: whose it is, what it is called, whether anything was written in it.

The build gives graded cells nbgrader's metadata and every other cell an id made from its content. A
notebook that comes back may have lost either.
"""

from __future__ import annotations

import ast
import hashlib
import re
from typing import Any

from nbformat import NotebookNode

_DEFINES = re.compile(r"^(?:async\s+)?(?:def|class)\s+(\w+)", re.MULTILINE)
_READY = ast.dump(ast.parse("check.ready", mode="eval").body)
_PREDICTS = re.compile(
    r"^check\.predict\(\s*[\"']([\w-]+)[\"']\s*(,\s*\.\.\.\s*)?\)?", re.MULTILINE
)


def content_id(cell_type: str, source: str) -> str:
    """The id of a course cell that is not graded.

    >>> content_id("markdown", "# Grokking")
    '1f604631eea2'
    """
    return hashlib.sha256(f"{cell_type}\n{source}".encode("utf-8", "surrogatepass")).hexdigest()[
        :12
    ]


def is_for_learner(cell: NotebookNode) -> bool:
    """Whether the cell is one for the learner to write in."""
    return _nbgrader(cell).get("solution") is True or predicted_claim(cell) is not None


def is_of_course(cell: NotebookNode) -> bool:
    """Whether the cell came with the lesson, and was not changed if it is not a graded one."""
    made = content_id(cell.cell_type, cell.source)
    given = cell_id(cell) or colab_id(cell) or ""
    return bool(_nbgrader(cell)) or given.partition("-")[0] == made


def is_open(cell: NotebookNode, released: NotebookNode | None = None) -> bool:
    """Whether nothing was written in a cell for the learner.

    It is open when it reads as it was released: as ``released`` does, as nbgrader's checksum
    says, as a prediction with its dots, or as functions that only raise NotImplementedError.
    """
    if not cell.source.strip():
        return True
    if released is not None and comparable(cell.source) == comparable(released.source):
        return True
    prediction = _predicts(cell)
    if prediction is not None:
        return prediction[2] is not None
    checksum = _nbgrader(cell).get("checksum")
    if isinstance(checksum, str) and checksum == _nbgraders_checksum(cell):
        return True
    return cell.cell_type == "code" and _is_stub(cell.source, released.source if released else "")


def is_left_out(cell: NotebookNode) -> bool:
    """Whether a code cell does nothing for scores: an experiment, or a prediction.

    An experiment is one ``if check.ready(...):`` with nothing beside it.
    """
    if predicted_claim(cell) is not None:
        return True
    try:
        body = ast.parse(cell.source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    if len(body) != 1 or not isinstance(body[0], ast.If) or body[0].orelse:
        return False
    test = body[0].test
    return isinstance(test, ast.Call) and ast.dump(test.func) == _READY


def grade_id(cell: NotebookNode) -> str | None:
    """The id under which nbgrader knows the cell."""
    return _text(_nbgrader(cell).get("grade_id"))


def cell_id(cell: NotebookNode) -> str | None:
    """The cell's own id."""
    return _text(cell.get("id"))


def colab_id(cell: NotebookNode) -> str | None:
    """The cell's own id where Colab keeps it."""
    return _text(cell.metadata.get("id"))


def comparable_source(cell: NotebookNode) -> str | None:
    """The cell's source for comparing; None when it is blank."""
    return comparable(cell.source) or None


def defined_name(cell: NotebookNode) -> str | None:
    """The first function or class that a code cell defines."""
    found = _DEFINES.search(cell.source) if cell.cell_type == "code" else None
    return found.group(1) if found else None


def predicted_claim(cell: NotebookNode) -> str | None:
    """The id of the claim that a code cell predicts."""
    found = _predicts(cell)
    return found[1] if found else None


def label(cell: NotebookNode) -> str:
    """A name for people: grade id, claim, what it defines, or its first words."""
    first = cell.source.strip().partition("\n")[0][:40]
    return grade_id(cell) or predicted_claim(cell) or defined_name(cell) or first


def comparable(source: str) -> str:
    r"""A source as it is compared: without blanks at line ends and lines around it.

    >>> comparable("\nx = 1  \n")
    'x = 1'
    """
    return "\n".join(line.rstrip() for line in source.strip().splitlines())


def _nbgrader(cell: NotebookNode) -> dict[str, Any]:
    """What nbgrader noted in a cell's metadata; empty when there is nothing sound."""
    said = cell.metadata.get("nbgrader")
    return said if isinstance(said, dict) else {}


def _predicts(cell: NotebookNode) -> re.Match[str] | None:
    return _PREDICTS.search(cell.source) if cell.cell_type == "code" else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _nbgraders_checksum(cell: NotebookNode) -> str | None:
    """What `nbgrader.utils.compute_checksum` gives; it was noted when the cell was released."""
    said = _nbgrader(cell)
    grade, solution = bool(said.get("grade")), bool(said.get("solution"))
    locked = not solution and (grade or bool(said.get("locked")))
    parts = [cell.source, cell.cell_type, str(grade), str(solution), str(locked)]
    parts.append(str(said.get("grade_id")))
    if grade:
        try:
            parts.append(str(float(said["points"])))
        except (KeyError, TypeError, ValueError):
            return None
    text = "".join(parts).encode("utf-8", "surrogatepass")
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def _is_stub(source: str, released: str) -> bool:
    """Whether each function only raises NotImplementedError, with no comment but the course's."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    notes = _comments(source) - _comments(released) - {"# write your code here", "# YOUR CODE HERE"}
    return bool(functions) and not notes and all(map(_only_raises, functions))


def _only_raises(function: ast.FunctionDef) -> bool:
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    raised = body[0].exc if len(body) == 1 and isinstance(body[0], ast.Raise) else None
    raised = raised.func if isinstance(raised, ast.Call) else raised
    return isinstance(raised, ast.Name) and raised.id == "NotImplementedError"


def _comments(source: str) -> set[str]:
    return {line.strip() for line in source.splitlines() if line.strip().startswith("#")}
