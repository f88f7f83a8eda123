"""Small notebooks laid out as the build lays out a lesson."""

from __future__ import annotations

from typing import Any

from nbformat import NotebookNode, from_dict

from grokedu.classroom.cells import content_id

STUB = (
    'def {name}(x):\n    """{doc}"""\n    # write your code here\n    raise NotImplementedError()'
)


def cell(kind: str, source: str, id: str, **metadata: Any) -> NotebookNode:
    made: dict[str, Any] = {"cell_type": kind, "id": id, "metadata": metadata, "source": source}
    if kind == "code":
        made |= {"outputs": [], "execution_count": None}
    return from_dict(made)


def prose(text: str) -> NotebookNode:
    return cell("markdown", text, content_id("markdown", text))


def own(source: str, id: str = "0a1b2c3d", kind: str = "code") -> NotebookNode:
    """A cell that the learner added."""
    return cell(kind, source, id)


def answer(name: str, doc: str = "Do it.") -> NotebookNode:
    nbgrader = {"grade": False, "solution": True, "locked": False, "grade_id": name}
    return cell(
        "code",
        STUB.format(name=name, doc=doc),
        name,
        nbgrader=nbgrader | {"schema_version": 3, "task": False, "cell_type": "code"},
    )


def check(name: str, points: int = 2) -> NotebookNode:
    nbgrader = {"grade": True, "solution": False, "locked": True, "grade_id": f"{name}-check"}
    return cell(
        "code",
        f"check.{name}({name})",
        f"{name}-check",
        nbgrader=nbgrader | {"points": points, "schema_version": 3, "task": False},
    )


def reflect(name: str, points: int = 3) -> NotebookNode:
    nbgrader = {"grade": True, "solution": True, "locked": False, "grade_id": f"{name}-reflect"}
    return cell(
        "markdown",
        "YOUR ANSWER HERE",
        f"{name}-reflect",
        nbgrader=nbgrader | {"points": points, "schema_version": 3, "task": False},
    )


def predict(name: str) -> NotebookNode:
    source = f'check.predict("{name}", ...)'
    return cell("code", source, content_id("code", source))


def notebook(*cells: NotebookNode) -> NotebookNode:
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    return from_dict(
        {
            "cells": list(cells),
            "metadata": {"kernelspec": kernel},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
    )


def small_lesson() -> NotebookNode:
    return notebook(
        prose("# A lesson"),
        answer("double"),
        check("double"),
        predict("norm"),
        prose("In between."),
        answer("halve"),
        check("halve"),
        reflect("why"),
    )
