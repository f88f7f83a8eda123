"""Every lesson from top to bottom: as released, as the answer key, and with references taken."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from grokedu.classroom.writing.execute import execute, scores
from grokedu.lessons import available, find

pytestmark = pytest.mark.notebooks
SMALL = {"GROKEDU_SCALE": "test"}
WALL_SECONDS = 90
MEMORY_MB = 1000
# The kernel's own peak. Its getrusage would also count the process it was forked from.
PEAK = 'print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")))'

every_lesson = pytest.mark.parametrize("name", available())


def read(folder: Path, name: str) -> NotebookNode:
    return nbformat.read(folder / name / f"{name}.ipynb", as_version=4)


def printed(cell: NotebookNode) -> str:
    return "".join(out.text for out in cell.outputs if out.output_type == "stream")


def cards(notebook: NotebookNode) -> dict[str, str]:
    """What the card of each check says, by grade id, without its tags."""
    found = {}
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and marks.get("grade"):
            html = [out.data["text/html"] for out in cell.outputs if "data" in out]
            found[marks["grade_id"]] = re.sub("<[^>]*>", " ", "".join(html))
    return found


def full_marks(name: str) -> dict[str, tuple[float, float]]:
    points = {each.id: each.max_points for each in find(name).exercises.values()}
    return {f"{id}-check": (most, most) for id, most in points.items()}


def no_marks(name: str) -> dict[str, tuple[float, float]]:
    return {id: (0.0, most) for id, (_, most) in full_marks(name).items()}


def guarded(notebook: NotebookNode) -> list[NotebookNode]:
    """The experiments that need exercises."""
    return [
        cell
        for cell in notebook.cells
        if cell.cell_type == "code" and re.search(r"check\.ready\(\s*\"", cell.source)
    ]


@every_lesson
def test_the_release_runs_and_nothing_counts_as_attempted(root: Path, name: str):
    notebook = execute(read(root / "course", name), env=SMALL)
    assert scores(notebook) == no_marks(name)
    for text in cards(notebook).values():
        assert "not attempted — 0 of " in text
    assert guarded(notebook)
    for cell in guarded(notebook):
        said = printed(cell)
        assert said.startswith("This experiment needs `"), cell.source
        assert said.count("\n") == 1, said
        assert all(out.output_type == "stream" for out in cell.outputs)


@every_lesson
def test_the_answer_key_scores_full_marks(root: Path, name: str):
    notebook = execute(read(root / "solutions", name), env=SMALL)
    assert scores(notebook) == full_marks(name)
    for text in cards(notebook).values():
        assert "correct — " in text
    for cell in guarded(notebook):
        assert cell.outputs
        assert "This experiment needs" not in printed(cell)


@every_lesson
def test_references_lead_to_the_end_for_no_points(root: Path, name: str):
    notebook = read(root / "course", name)
    answers = {cell.id: cell for cell in notebook.cells}
    for id in find(name).exercises:
        answers[id].source = f'{id} = check.reference("{id}")'
    execute(notebook, env=SMALL)
    assert scores(notebook) == no_marks(name)
    for text in cards(notebook).values():
        assert "reference taken — 0 of " in text
    for cell in guarded(notebook):
        assert "This experiment needs" not in printed(cell)


@pytest.mark.full
@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="needs Linux's /proc")
@every_lesson
def test_a_lesson_at_full_scale_keeps_its_time_and_memory(
    root: Path, name: str, capsys: pytest.CaptureFixture[str]
):
    notebook = read(root / "solutions", name)
    notebook.cells.append(nbformat.v4.new_code_cell(PEAK, id="peak"))
    started = time.monotonic()
    execute(notebook, env={"GROKEDU_SCALE": "full"})
    seconds = time.monotonic() - started
    peak = int(printed(notebook.cells[-1]).split()[1]) / 1000
    with capsys.disabled():
        print(f"\n{name}: {seconds:.0f} s, the kernel {peak:.0f} MB at its peak")
    assert scores(notebook) == full_marks(name)
    assert seconds < WALL_SECONDS
    assert peak < MEMORY_MB
