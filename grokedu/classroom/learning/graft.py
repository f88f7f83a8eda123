"""Copy a learner's answers and own cells into a newer release of a lesson.

The prose, checks and metadata of the release stay as they are. What the learner wrote in the cells
meant for it (answers, reflections, predictions) replaces the release's empty cells, and the cells
that the learner added are inserted where they stood. An old cell is matched to a cell of the
release by nbgrader's grade id; failing that by its cell id, the id that Colab keeps in the
metadata, its source, the claim it predicts, or the function it defines, in this order.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from nbformat import NotebookNode, from_dict

from grokedu.classroom.cells import (
    cell_id,
    colab_id,
    comparable,
    comparable_source,
    defined_name,
    grade_id,
    is_for_learner,
    is_of_course,
    is_open,
    label,
    predicted_claim,
)

LEFT_OVER = (
    "## Answers from an earlier version\n\n"
    "These answers have no place in the newest version of this lesson. They are kept here."
)
Key = Callable[[NotebookNode], "str | None"]
# By what an old cell and a cell of the release are matched, the most reliable key first.
_KEYS: tuple[tuple[Key, Key], ...] = (
    (grade_id, grade_id),
    (cell_id, cell_id),
    (colab_id, cell_id),
    (comparable_source, comparable_source),
    (predicted_claim, predicted_claim),
    (defined_name, lambda cell: defined_name(cell) if is_for_learner(cell) else None),
)


@dataclass
class Report:
    """What a graft did. The lists hold names of cells.

    Attributes:
        kept: cells with an answer.
        open: cells still without one.
        left_over: answers that no cell of the release is meant for.
        set_back: cells of the course that the learner changed and that are as released again.
        own_cells: the number of cells that the learner added.

    >>> str(Report(kept=["forward"], own_cells=2))
    'answers kept: forward; still open: none; your own cells kept: 2'
    """

    kept: list[str] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)
    set_back: list[str] = field(default_factory=list)
    own_cells: int = 0

    def __str__(self) -> str:
        """The report in one line."""
        parts = [f"answers kept: {_names(self.kept)}", f"still open: {_names(self.open)}"]
        if self.own_cells:
            parts.append(f"your own cells kept: {self.own_cells}")
        if self.left_over:
            parts.append(f"put at the end, as the lesson dropped them: {_names(self.left_over)}")
        if self.set_back:
            parts.append(f"cells of the course put back: {_names(self.set_back)}")
        return "; ".join(parts)


def graft(
    release: NotebookNode, old: NotebookNode, outputs: bool = False
) -> tuple[NotebookNode, Report]:
    """Return the release with a learner's answers and own cells in it, and a report.

    Neither argument is changed, and no metadata of the old notebook is kept. A code cell of the
    course that the learner changed is as released, followed by the learner's version. Grafting
    again changes nothing.

    Args:
        release: the newest release of the lesson (nbformat 4).
        old: the learner's copy of it or of an earlier release (nbformat 4).
        outputs: whether to keep the outputs of old cells. They may hold anything.
    """
    report = Report()
    answers, own, left_over, found = _sort_out(release.cells, old.cells, report)
    taken = {cell.id for cell in release.cells if "id" in cell}
    cells = [_own_cell(cell, taken, outputs) for cell in own.get(-1, [])]
    for place, released in enumerate(release.cells):
        cells.append(_with_answer(released, answers.get(place)))
        if outputs and released.cell_type == "code" and place in found:
            cells[-1].outputs = deepcopy(found[place].get("outputs", []))
        cells += [_own_cell(cell, taken, outputs) for cell in own.get(place, [])]
        if is_for_learner(released):
            (report.kept if place in answers else report.open).append(label(released))
    report.own_cells = sum(map(len, own.values()))
    report.left_over = [label(cell) for cell in left_over]
    if left_over:
        heading = from_dict({"cell_type": "markdown", "metadata": {}, "source": LEFT_OVER})
        cells += [_own_cell(cell, taken, outputs) for cell in (heading, *left_over)]
    notebook = deepcopy(release)
    notebook.cells = cells
    return notebook, report


def _sort_out(
    released: list[NotebookNode], cells: list[NotebookNode], report: Report
) -> tuple[
    dict[int, NotebookNode],
    dict[int, list[NotebookNode]],
    list[NotebookNode],
    dict[int, NotebookNode],
]:
    """Sort the old cells by their place, which is an index into the release's cells.

    Returns:
        The answers by place, the learner's own cells by the place they follow, the answers without
        a place, and all matched cells by place.
    """
    places = _places(released, cells)
    answers: dict[int, NotebookNode] = {}
    own: dict[int, list[NotebookNode]] = {}
    left_over: list[NotebookNode] = []
    anchor = -1
    for position, cell in enumerate(cells):
        if position in places:
            anchor = places[position]
            if not is_for_learner(released[anchor]):
                if comparable(cell.source) != comparable(released[anchor].source):
                    report.set_back.append(label(released[anchor]))
                    if _was_changed(cell):
                        own.setdefault(anchor, []).append(cell)
            elif not is_open(cell, released[anchor]):
                earlier = answers.get(anchor)
                if earlier and comparable(earlier.source) != comparable(cell.source):
                    own.setdefault(anchor - 1, []).append(earlier)
                answers[anchor] = cell
        elif is_for_learner(cell):
            if not is_open(cell):
                left_over.append(cell)
        elif not is_of_course(cell) and cell.source.strip():
            own.setdefault(anchor, []).append(cell)
    found = {place: cells[position] for position, place in places.items()}
    return answers, own, left_over, {**found, **answers}


def _was_changed(cell: NotebookNode) -> bool:
    """Whether this is a code cell of the course that a learner changed, and it is not graded."""
    code = cell.cell_type == "code" and bool(cell.source.strip())
    return code and grade_id(cell) is None and not is_of_course(cell)


def _places(released: list[NotebookNode], cells: list[NotebookNode]) -> dict[int, int]:
    """The place of each old cell that is matched, by the old cell's position.

    Several old cells may share a place by their grade id, since learners copy and paste cells. A
    less reliable key gives a place to one old cell at most, and only if it is still empty.
    """
    places: dict[int, int] = {}
    for old_key, release_key in _KEYS:
        filled = set(places.values())
        wanted: dict[tuple[str, str], int] = {}
        for place, cell in enumerate(released):
            mark = release_key(cell)
            if mark and place not in filled:
                wanted.setdefault((cell.cell_type, mark), place)
        found: dict[int, list[int]] = {}
        for position, cell in enumerate(cells):
            mark = old_key(cell)
            if mark and position not in places and (cell.cell_type, mark) in wanted:
                found.setdefault(wanted[cell.cell_type, mark], []).append(position)
        for place, positions in found.items():
            if old_key is not grade_id:
                written = [at for at in positions if not is_open(cells[at], released[place])]
                positions = (written or positions)[-1:]
            places.update(dict.fromkeys(positions, place))
    return places


def _with_answer(released: NotebookNode, answer: NotebookNode | None) -> NotebookNode:
    cell = deepcopy(released)
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    if answer is not None:
        cell.source = answer.source
        if cell.cell_type == "markdown" and "attachments" in answer:
            cell.attachments = deepcopy(answer.attachments)
    return cell


def _own_cell(cell: NotebookNode, taken: set[str], outputs: bool) -> NotebookNode:
    """A cell that the learner added: its source without metadata, with an unused id."""
    bare: dict[str, Any] = {"cell_type": cell.cell_type, "metadata": {}, "source": cell.source}
    if cell.cell_type == "code":
        kept = deepcopy(cell.get("outputs", [])) if outputs else []
        bare |= {"outputs": kept, "execution_count": None}
    elif "attachments" in cell:
        bare["attachments"] = deepcopy(cell.attachments)
    bare["id"] = next(name for name in _possible_ids(cell) if name not in taken)
    taken.add(bare["id"])
    return from_dict(bare)


def _possible_ids(cell: NotebookNode) -> Iterator[str]:
    own = cell_id(cell)
    if own and re.fullmatch(r"[A-Za-z0-9_-]{1,64}", own):
        yield own
    digest = hashlib.sha256(cell.source.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    yield f"own-{digest}"
    number = 2
    while True:
        yield f"own-{digest}-{number}"
        number += 1


def _names(cells: list[str]) -> str:
    return ", ".join(cells) or "none"
