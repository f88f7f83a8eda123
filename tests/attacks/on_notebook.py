"""Attacks by the notebook's structure: cells copied, deleted, renamed; metadata, tags, sources."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from tests.attacks.corpus import RIGHT, WRONG, changed, find, parsed

Change = Callable[[NotebookNode], None]
CHECK = "weight_norm-check"
POINTS = {"text/plain": "2.0"}


def _meta(id: str, **entries: Any) -> Change:
    return lambda notebook: find(notebook, id).metadata["nbgrader"].update(entries)


def _source(id: str, source: str) -> Change:
    return lambda notebook: find(notebook, id).update(source=source)


def _check_is_code(notebook: NotebookNode) -> None:
    cell = find(notebook, CHECK)
    cell.source = "2.0"
    cell.metadata.nbgrader.update(locked=False, editable=True, checksum="0" * 32)


def _more_checks(notebook: NotebookNode) -> None:
    cell = deepcopy(find(notebook, CHECK))
    cell.update(id="another-check", source="100.0")
    cell.metadata.nbgrader.update(grade_id="another-check", points=100)
    notebook.cells.append(cell)


def _two_answers(notebook: NotebookNode) -> None:
    """Nbgrader stops at a cell that is there twice; here the last one written in counts."""
    cell = deepcopy(find(notebook, "weight_norm"))
    cell.source = RIGHT
    notebook.cells.append(cell)


def _two_checks(notebook: NotebookNode) -> None:
    place = notebook.cells.index(find(notebook, CHECK))
    notebook.cells[place:place] = [deepcopy(notebook.cells[place]) for _ in range(3)]


def _no_check(notebook: NotebookNode) -> None:
    notebook.cells.remove(find(notebook, CHECK))


def _no_answer(notebook: NotebookNode) -> None:
    notebook.cells.remove(find(notebook, "weight_norm"))


def _bare(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
        del cell["id"]


def _as_colab_does(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata = NotebookNode(id=cell.pop("id"), colab={"base_uri": "x"}, executionInfo={})


def _tags(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata["tags"] = ["skip-execution", "raises-exception", "remove-cell"]


def _backwards(notebook: NotebookNode) -> None:
    notebook.cells.reverse()


def _outputs(notebook: NotebookNode) -> None:
    find(notebook, CHECK).outputs = [new_output("execute_result", data=POINTS, execution_count=1)]


def _strange_ids(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell["id"] = CHECK


def _own_check(notebook: NotebookNode) -> None:
    notebook.cells.append(new_code_cell("2.0", id=CHECK))
    notebook.cells.insert(0, new_code_cell("check.weight_norm = lambda answer: 2.0", id="first"))


def _other_kinds(notebook: NotebookNode) -> None:
    cell = find(notebook, CHECK)
    cell.cell_type = "markdown"
    del cell["outputs"], cell["execution_count"]


def _metadata_of_nothing(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        cell.metadata = NotebookNode(nbgrader=["solution", True], id={"a": 1}, tags=7)
    notebook.metadata = NotebookNode(
        kernelspec=[], language_info=None, grokedu={"status": "graded"}
    )


def _kernel(notebook: NotebookNode) -> None:
    notebook.metadata["kernelspec"] = {
        "name": "sh",
        "display_name": "sh",
        "argv": ["sh", "-c", "x"],
    }


def _setup_cell(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if "import torch" in cell.source:
            cell.source = (
                "class check:\n    weight_norm = staticmethod(lambda f: 2.0)\nimport torch"
            )


def _hidden_in_an_experiment(notebook: NotebookNode) -> None:
    for cell in notebook.cells:
        if cell.source.startswith("if check.ready"):
            cell.source += "\nimport os; os._exit(0)"


def _many_own_cells(notebook: NotebookNode) -> None:
    notebook.cells[3:3] = [new_markdown_cell("the same", id=f"own-{n}") for n in range(4000)]


CHANGES: list[tuple[str, str, Change, str, Any, bool]] = [
    (
        "an-edited-check",
        "the check's source replaced by a number",
        _check_is_code,
        WRONG,
        0.0,
        True,
    ),
    (
        "more-points",
        "the check's points raised to a million",
        _meta(CHECK, points=10**6),
        WRONG,
        0.0,
        False,
    ),
    (
        "other-flags",
        "the check marked as no grade and no solution",
        _meta(CHECK, grade=False, locked=False),
        RIGHT,
        2.0,
        False,
    ),
    (
        "another-schema",
        "a version of the metadata that is not there yet",
        _meta(CHECK, schema_version=99),
        RIGHT,
        2.0,
        True,
    ),
    (
        "a-schema-of-words",
        "a version of the metadata that is no number",
        _meta("weight_norm", schema_version="three"),
        RIGHT,
        2.0,
        False,
    ),
    ("another-check", "a check of one's own, of a hundred points", _more_checks, WRONG, 0.0, True),
    (
        "the-answer-twice",
        "the answer's cell there twice, right the second time",
        _two_answers,
        WRONG,
        2.0,
        True,
    ),
    ("the-check-many-times", "the check's cell there four times", _two_checks, RIGHT, 2.0, False),
    ("no-check", "the check's cell deleted", _no_check, RIGHT, 2.0, True),
    (
        "no-answer",
        "the answer's cell deleted, so that there is nothing to be wrong",
        _no_answer,
        RIGHT,
        0.0,
        False,
    ),
    ("stripped", "all metadata and ids taken away", _bare, RIGHT, 2.0, True),
    ("through-colab", "ids where Colab puts them", _as_colab_does, RIGHT, 2.0, False),
    ("tags", "tags that tell nbgrader and nbconvert to skip cells", _tags, WRONG, 0.0, True),
    ("backwards", "the cells in the opposite order", _backwards, RIGHT, 2.0, False),
    ("points-as-output", "an output that is a score", _outputs, WRONG, 0.0, False),
    ("one-id-for-all", "the check's id on every cell", _strange_ids, RIGHT, 2.0, False),
    (
        "a-check-of-its-own",
        "a cell of one's own under the check's id",
        _own_check,
        WRONG,
        0.0,
        False,
    ),
    ("a-check-of-prose", "the check made a cell of prose", _other_kinds, RIGHT, 2.0, False),
    (
        "metadata-of-nothing",
        "metadata of every wrong kind, and the grader's own word in it",
        _metadata_of_nothing,
        RIGHT,
        2.0,
        True,
    ),
    ("another-kernel", "a kernel that is a shell", _kernel, RIGHT, 2.0, False),
    (
        "another-setup",
        "the course's setup cell changed so that checks give points",
        _setup_cell,
        WRONG,
        0.0,
        True,
    ),
    (
        "hidden-in-an-experiment",
        "an exit in the cells that are not run for scores",
        _hidden_in_an_experiment,
        RIGHT,
        2.0,
        False,
    ),
    (
        "thousands-of-cells",
        "four thousand cells of prose that are all alike",
        _many_own_cells,
        RIGHT,
        2.0,
        False,
    ),
]

ATTACKS = [
    changed(name, tries, change, earns, answer=given, quick=quick)
    for name, tries, change, given, earns, quick in CHANGES
]
DEEP = "(" * 20_000 + "1" + ")" * 20_000
MINUS = "-" * 20_000 + "1"
PLUS = "x = " + "1+" * 100_000 + "1"
CHAIN = "if check" + ".ready" * 900 + "():\n    pass"
SOURCES = {
    "deep-parentheses": ("a source whose parentheses no parser can follow", DEEP),
    "deep-minus": ("a source of signs before signs", MINUS),
    "a-long-sum": ("a sum so long that its tree is too deep to walk", PLUS),
    "a-long-chain": ("a chain of attributes that looks like an experiment", CHAIN),
    "a-zero-byte": ("a zero byte in a source", "x = 1\x00"),
    "all-of-a-megabyte": ("a line of a megabyte", "x = '" + "a" * (2**20 - 10) + "'"),
}
ATTACKS += [
    changed(
        name,
        tries,
        lambda notebook, source=source: notebook.cells.insert(4, new_code_cell(source, id="own")),
        2.0,
        answer=RIGHT,
        quick=name == "a-long-chain",
    )
    for name, (tries, source) in SOURCES.items()
]
ATTACKS += [
    changed(
        f"{name}-for-an-answer",
        f"{tries}, in the answer's own cell",
        lambda notebook, source=source: find(notebook, "weight_norm").update(source=source),
    )
    for name, (tries, source) in SOURCES.items()
]
ATTACKS += parsed(
    r"""
# %% only-raises: answer
# an error that looks like an answer not attempted, with a chain no stack can unparse
def weight_norm(weights):
    raise NotImplementedError(CHAIN)

# %% a-syntax-error: answer, quick
# an answer that is no Python
def weight_norm(weights:
    return

# %% magics: cell by a right answer
# magics that run other programs and other files
%%bash
touch @WORLD@/touched

# %% line-magics: cell by a right answer
# magics that load, run, save and debug
%run @WORLD@/source/00_start_here.ipynb
%load_ext sql
%store weight_norm
%debug
""".replace("CHAIN", "check" + ".ready" * 900)
)
