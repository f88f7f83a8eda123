"""Honest submissions of a lesson, as students write them, for the benchmarks of grading."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from grokedu.classroom.cells import is_left_out
from grokedu.classroom.checking.source import solution
from grokedu.lessons import find

ROOT = Path(__file__).parents[1]


def submissions(name: str, count: int, seed: int = 0) -> Iterator[NotebookNode]:
    """Notebooks without experiments; most answers right, some left open, some known mistakes.

    A mistake is written out by the course's own misconceptions, so every exercise sees several.
    """
    lesson = find(name)
    key, released = (
        nbformat.read(ROOT / folder / name / f"{name}.ipynb", as_version=4)
        for folder in ("solutions", "course")
    )
    right = {cell.id: cell.source for cell in key.cells}
    released.cells = [
        cell for cell in released.cells if cell.cell_type != "code" or not is_left_out(cell)
    ]
    draw = random.Random(seed)
    for _ in range(count):
        notebook = copy.deepcopy(released)
        for cell in notebook.cells:
            exercise = lesson.exercises.get(cell.id)
            kind = draw.choices(("right", "wrong", "open"), (8, 1, 1))[0]
            if exercise is not None and kind == "right":
                cell.source = right[cell.id]
            elif exercise is not None and kind == "wrong":
                mistake = draw.choice(exercise.misconceptions).answer
                cell.source = f"{solution(mistake)}\n\n{cell.id} = {mistake.__name__}"
        yield notebook
