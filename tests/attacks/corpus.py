"""Submissions that try something, as data: what each does, and what an honest judge gives."""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from grokedu.grading.result import Result
from grokedu.grading.sandbox.bubblewrap import writable

ROOT = Path(__file__).resolve().parents[2]
TOY, GROKKING = "00_start_here", "01_grokking"
KINDS = ("files", "notebook", "process", "wire", "values", "judge", "reader", "others", "sandbox")
# Stands in a source for the folder with the canaries, whose name is known when a run begins.
WORLD = "@WORLD@"

RIGHT = """\
def weight_norm(weights):
    return weights.square().sum().sqrt()
"""
HALF = """\
def weight_norm(weights):
    return weights.square().sum(dim=-1).sqrt()
"""
WRONG = """\
def weight_norm(weights):
    return weights.sum()
"""
REVIEW = "needs-review"


@dataclass(frozen=True)
class Attack:
    """One submission.

    Attributes:
        tries: what it tries, in a line.
        content: the bytes of its notebook; ``WORLD`` in them is filled in.
        earns: points of the exercises that do not earn all of them; `REVIEW` when nobody can tell.
        lay: how it is laid into the folder of submissions, given its student's id, where that is
            more than writing the bytes to their place.
        also: looks at the result once more.
        quick: whether it runs in `make test` too.
        student: the id it is handed in under, where that is part of it.
    """

    name: str
    tries: str
    content: bytes
    earns: Mapping[str, float] | str = field(default_factory=dict)
    lesson: str = TOY
    lay: Callable[[Path, str, bytes], None] | None = None
    also: Callable[[Result], None] | None = None
    quick: bool = False
    student: str = ""

    def hand_in(self, submitted: Path, student: str, world: Path) -> None:
        """Lay it into the folder of submissions.

        Where the package itself lies in ``/tmp``, sessions write to another folder, and so do they.
        """
        content = self.content.replace(b"/tmp", writable().encode())
        content = content.replace(WORLD.encode(), str(world).encode())
        (self.lay or lay)(submitted, student, content)


def lay(submitted: Path, student: str, content: bytes, lesson: str = TOY) -> None:
    """Write a notebook where nbgrader looks for it."""
    folder = submitted / student / lesson
    folder.mkdir(parents=True)
    (folder / f"{lesson}.ipynb").write_bytes(content)


@cache
def _file(folder: str, lesson: str) -> str:
    return Path(ROOT, folder, lesson, f"{lesson}.ipynb").read_text(encoding="utf-8")


def release(lesson: str = TOY) -> NotebookNode:
    """The lesson as learners get it."""
    return nbformat.reads(_file("course", lesson), 4)


def solved(answers: Mapping[str, str] | None = None, lesson: str = TOY) -> NotebookNode:
    """The lesson with right answers, but for those given."""
    notebook = release(lesson)
    key = {cell.id: cell.source for cell in nbformat.reads(_file("solutions", lesson), 4).cells}
    key |= {"weight_norm": RIGHT} | (answers or {})
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "code":
            cell.source = key[cell.id]
    return notebook


def written(notebook: NotebookNode) -> bytes:
    """A notebook as the bytes of a file."""
    return json.dumps(notebook).encode()


def find(notebook: NotebookNode, id: str) -> NotebookNode:
    """The cell of an id."""
    return next(cell for cell in notebook.cells if cell.id == id)


def parsed(text: str, prelude: str = "", **every: Any) -> list[Attack]:
    """Attacks written one below the other, each under a line ``# %% NAME: KIND, MORE``.

    The kind is "answer" (to the exercise; it earns nothing), "cell by a right answer" (which earns
    all the same) or "cell by a wrong answer" (which earns nothing all the same). More may be
    "earns N", "review" and "quick". The line below tells what is tried. The prelude stands before
    every source.
    """
    attacks = []
    for part in re.split(r"^# %% ", text, flags=re.MULTILINE)[1:]:
        head, tries, source = part.split("\n", 2)
        source = prelude + source.strip() + "\n"
        name, _, rest = head.partition(": ")
        kind, *more = rest.split(", ")
        beside = {"cell by a right answer": RIGHT, "cell by a wrong answer": WRONG}.get(kind)
        notebook = solved({"weight_norm": beside or source})
        if beside:
            place = notebook.cells.index(find(notebook, "weight_norm"))
            notebook.cells.insert(place, new_code_cell(source, id="own-cell"))
        points = 2.0 if beside == RIGHT else 0.0
        earns: Mapping[str, float] | str = REVIEW if "review" in more else {"weight_norm": points}
        for word in more:
            if word.startswith("earns "):
                earns = {"weight_norm": float(word[6:])}
        attacks.append(
            Attack(name, tries[2:], written(notebook), earns, quick="quick" in more, **every)
        )
    return attacks


def changed(
    name: str, tries: str, change: Callable[[NotebookNode], None], earns: Any = 0.0, **more: Any
) -> Attack:
    """An attack by what is done to a notebook with a wrong answer."""
    notebook = solved({"weight_norm": more.pop("answer", WRONG)})
    change(notebook)
    return Attack(name, tries, written(notebook), _earns(earns), **more)


def raw(name: str, tries: str, content: bytes, earns: Any = REVIEW, **more: Any) -> Attack:
    """An attack by the bytes of the file."""
    return Attack(name, tries, content, _earns(earns), **more)


def grokking(name: str, tries: str, answers: Mapping[str, str], earns: Any, **more: Any) -> Attack:
    """An attack by some answers of a lesson with several exercises; the others are right."""
    content = written(solved(answers, GROKKING))
    return Attack(
        name, tries, content, earns, GROKKING, lambda *a: lay(*a, lesson=GROKKING), **more
    )


def _earns(given: Any) -> Mapping[str, float] | str:
    return {"weight_norm": given} if isinstance(given, float) else given


def everything() -> list[Attack]:
    """All attacks of all kinds."""
    modules = [importlib.import_module(f"tests.attacks.on_{kind}") for kind in KINDS]
    return [attack for module in modules for attack in module.ATTACKS]


def read(text: str) -> NotebookNode:
    """A graded notebook, which must be a sound one."""
    notebook = nbformat.reads(text, 4)
    nbformat.validate(notebook)
    return notebook
