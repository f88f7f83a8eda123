"""Lesson 01 as grading leaves it: answers, the cards and points of their checks, comments."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import nbformat
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from grokedu.classroom.checking.verdict import Verdict
from grokedu.grading.judging.annotations import score
from grokedu.grading.page.feedback import page
from grokedu.lessons import find

ROOT = Path(__file__).resolve().parents[2]
NAME, TITLE = "01_grokking", "01 · Grokking"
LESSON = find("01")
WHY = "its cells were not run: the notebook ends in the middle (line 412)"

IGNORES_THE_PAIRS = '''\
def forward(params, pairs):
    """The logits of all pairs."""
    p = len(params["A"])
    a, b = params["A"].repeat_interleave(p, dim=0), params["B"].repeat(p, 1)
    return (a + b).square() @ params["W"]'''
RAISES = """\
def cross_entropy(logits, labels):
    return {}["missing"]"""
LOOKS_UP = "table = {}\nprint('looking')\ntable['the norm']"
NORM = """\
# What I saw

The norm went **up** from $12.6$ to $52.8$ and then *down* to $43.3$; in the other it only rose:

$$\\lVert w \\rVert = \\sqrt{\\sum_i w_i^2}$$

#### What it does not show

- that weight decay is the cause (see [the paper](https://arxiv.org/abs/2210.01117))
- a < b in every run
"""


def answer_key() -> NotebookNode:
    return nbformat.read(ROOT / "solutions" / NAME / f"{NAME}.ipynb", as_version=4)


def release() -> NotebookNode:
    return nbformat.read(ROOT / "course" / NAME / f"{NAME}.ipynb", as_version=4)


@functools.cache
def verdict(id: str, source: str) -> Verdict:
    """What the check says of an answer."""
    space: dict[str, Any] = {"torch": torch, "Tensor": torch.Tensor}
    exec("from collections.abc import Callable, Mapping, Sequence\n" + source, space)
    return LESSON.exercises[id](space[id])


def put_card(cell: NotebookNode, found: Verdict) -> None:
    """Leave a verdict in a check cell as the judge does, and its points as the gradebook does."""
    cell.outputs = [score(found)]
    cell.metadata.nbgrader["score"] = float(found)


def judged(notebook: NotebookNode) -> NotebookNode:
    sources = {cell.id: cell.source for cell in notebook.cells}
    for cell in notebook.cells:
        id = cell.id.removesuffix("-check")
        if id in LESSON.exercises and cell.id != id:
            put_card(cell, verdict(id, sources[id]))
    notebook.metadata["grokedu"] = {"status": "graded", "reasons": []}
    return notebook


def perfect() -> NotebookNode:
    """The answer key, its questions read by a person."""
    notebook = judged(answer_key())
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("solution") and marks.get("grade"):
            marks.update(score=float(marks["points"]), by_hand=True, comment="Just right.")
        elif marks.get("solution"):
            marks["comment"] = None
    return notebook


def half() -> NotebookNode:
    """Right, partly right, crashed and untouched answers; one question to be read, one open."""
    notebook = release()
    key = {cell.id: cell for cell in answer_key().cells}
    own = {"forward": IGNORES_THE_PAIRS, "cross_entropy": RAISES, "norm-reflect": NORM}
    for cell in notebook.cells:
        if cell.id in ("modular_addition", "train_test_split", "average_log_prob"):
            cell.source = key[cell.id].source
        cell.source = own.get(cell.id, cell.source)
        cell.metadata.get("nbgrader", {}).setdefault("comment", None)
    notebook = judged(notebook)
    marks(notebook, "forward")["comment"] = (
        "- 1/1 for **all pairs**\n- look at the *pairs* once more"
    )
    marks(notebook, "norm-reflect").update(score=None)
    marks(notebook, "censored-reflect").update(score=0.0, comment="No response.")
    place = next(at for at, cell in enumerate(notebook.cells) if cell.id == "grokking_delay")
    notebook.cells[place:place] = [
        new_markdown_cell("# My own notes\n\nThe delay is *long*.", id="notes"),
        new_code_cell(
            LOOKS_UP, id="own", outputs=[new_output("stream", text="looking\n"), error()]
        ),
        new_code_cell("rows", id="rows", outputs=[table()]),
    ]
    experiment = next(cell for cell in notebook.cells if cell.id == "f4eb18eac6dd")
    experiment.outputs = key["f4eb18eac6dd"].outputs
    return notebook


def needs_review() -> NotebookNode:
    """What could not be graded: the release, with the reason."""
    notebook = release()
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            cell.metadata.nbgrader["score"] = None
    notebook.metadata["grokedu"] = {"status": "needs-review", "reasons": [WHY]}
    return notebook


def marks(notebook: NotebookNode, id: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == id).metadata.nbgrader


def cell_of(notebook: NotebookNode, id: str) -> NotebookNode:
    return next(cell for cell in notebook.cells if cell.id == id)


def error(name: str = "KeyError", said: str = "'the norm'") -> NotebookNode:
    """An error as IPython reports it, through a frame of the package."""
    trace = [
        "\x1b[31m" + "-" * 75 + "\x1b[39m",
        "\x1b[31mKeyError\x1b[39m                Traceback (most recent call last)",
        "Cell In[9], line 3\n      1 table = {}\n      2 print('looking')\n"
        "\x1b[32m----> 3\x1b[39m table['the norm']\n",
        "File /opt/grokedu/classroom/lesson.py:160, in Lesson.predict(self)\n"
        "    159 claim = self._claim(id)\n--> 160 secret_line_of_the_package(claim)\n",
        f"{name}: {said}",
    ]
    return new_output("error", ename=name, evalue=said, traceback=trace)


def table() -> NotebookNode:
    rows = "".join(f"<tr><th>{row}</th>{'<td>0.12345678</td>' * 9}</tr>" for row in range(3))
    html = f"<div><style scoped>td {{color: red}}</style><table border='1'>{rows}</table></div>"
    return new_output("execute_result", data={"text/html": html, "text/plain": "a table"})


def of_student(notebook: NotebookNode, student: str = "student-03", **given: Any) -> str:
    """The page, with the sums the gradebook has."""
    every = [
        c.metadata.nbgrader for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade")
    ]
    score = sum(each.get("score") or 0.0 for each in every) - given.get("late_penalty", 0.0)
    most = float(sum(each["points"] for each in every))
    about = {"student": student, "lesson_title": TITLE, "score": score, "max_score": most}
    return page(notebook, **about | given)
