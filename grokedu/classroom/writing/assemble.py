"""Make a lesson's answer key, nbgrader's source notebook, from its script and its exercises.

Sources, ids and metadata depend only on the two edited files, the result files and the setting that
says where the course is published. They are the same each time.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from grokedu.classroom.cells import content_id, is_left_out
from grokedu.classroom.checking.exercise import Exercise
from grokedu.classroom.checking.source import names_bound, names_needed, solution
from grokedu.classroom.lesson import Lesson, Reflection
from grokedu.classroom.writing.script import ScriptCell, ScriptError

Fill = Callable[[str], str]
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def assemble(
    lesson: Lesson, cells: Sequence[ScriptCell], fill: Fill, repository: str, branch: str
) -> NotebookNode:
    """Make the source notebook of a lesson.

    Args:
        lesson: the lesson with its exercises.
        cells: its script.
        fill: puts results into prose, where it says ``{{NAME.key:format}}``.
        repository: where the course is published on GitHub, as ``owner/name``.
        branch: the branch that the links lead to.

    Raises:
        ScriptError: the script does not fit the exercises; see `check_script`.
        ValueError: the prose names a result that does not exist.
    """
    check_script(lesson, cells)
    notebook = new_notebook(metadata={**METADATA})
    notebook.nbformat_minor = 5
    for position, cell in enumerate(cells):
        if cell.kind == "markdown" and cell.role != "reflect":
            text = fill(cell.source)
            if position == 0:
                text += "\n\n" + badges(lesson, repository, branch)
            notebook.cells.append(new_markdown_cell(text))
            if position == 0:
                notebook.cells.append(new_code_cell(bootstrap(repository, branch)))
        elif cell.role == "answer":
            exercise = lesson.exercises[cell.id]
            notebook.cells.append(new_markdown_cell(_heading(exercise)))
            source = solution(exercise.reference)
            notebook.cells.append(_graded(new_code_cell(source), cell.id, solution=True))
        elif cell.role == "test":
            exercise = lesson.exercises[cell.id]
            node = new_code_cell(f"check.{cell.id}({cell.id})")
            notebook.cells.append(_graded(node, f"{cell.id}-check", points=exercise.max_points))
        elif cell.role == "reflect":
            reflection = lesson.reflections[cell.id]
            notebook.cells.append(new_markdown_cell(_rubric(reflection)))
            node = _graded(
                new_markdown_cell(fill(cell.source)),
                f"{cell.id}-reflect",
                points=reflection.points,
                solution=True,
            )
            notebook.cells.append(node)
        elif cell.role == "predict":
            choices = ", ".join(f'"{choice}"' for choice in lesson.claims[cell.id].choices)
            notebook.cells.append(new_code_cell(f"# one of: {choices}\n{cell.source}"))
        else:
            notebook.cells.append(new_code_cell(cell.source))
    _name_cells(notebook)
    nbformat.validate(notebook)
    return notebook


def check_script(lesson: Lesson, cells: Sequence[ScriptCell]) -> None:
    """Raise an error if a script does not fit its lesson.

    Args:
        lesson: the lesson with its exercises.
        cells: its script.

    Raises:
        ScriptError: the script does not begin with text, a cell is not valid Python, the lesson
            does not declare a cell's id, an exercise, reflection or claim has no cell, a test has
            no answer before it, an answer uses a name that neither the setup nor an earlier answer
            binds, or an experiment does not ask `check.ready` for all the answers it uses.
    """
    where = f"{lesson.name}.py"
    if not cells or cells[0].kind != "markdown" or cells[0].role:
        raise ScriptError(f"{where}: its first cell is not a text cell with the lesson's title")
    placed: dict[str, list[str]] = {role: [] for role in ("answer", "test", "reflect", "predict")}
    known: dict[str, Mapping[str, object]] = {
        "answer": lesson.exercises,
        "test": lesson.exercises,
        "reflect": lesson.reflections,
        "predict": lesson.claims,
    }
    available: set[str] = set()
    experiments: dict[
        str, set[str]
    ] = {}  # by name an experiment binds: what it asked `check.ready` for
    for cell in cells:
        _check_syntax(where, cell)
        if cell.role in placed:
            if cell.id not in known[cell.role]:
                raise ScriptError(f"{where}: the lesson declares no {cell.role} {cell.id!r}")
            if cell.role == "test" and cell.id not in placed["answer"]:
                raise ScriptError(f"{where}: the test {cell.id!r} has no answer cell before it")
            placed[cell.role].append(cell.id)
        if cell.role == "setup":
            available |= names_bound(cell.source)
        elif cell.role == "answer":
            source = solution(lesson.exercises[cell.id].reference)
            _check_answer(where, cell.id, names_needed(source) - available, set(experiments))
            available.add(cell.id)
        elif cell.role in ("experiment", "explorer"):
            asked = _check_experiment(where, cell, set(placed["answer"]), experiments)
            experiments |= dict.fromkeys(names_bound(cell.source) - available, asked)
    for role, ids in placed.items():
        if missing := set(known[role]) - set(ids):
            raise ScriptError(f"{where}: no {role} cell for {', '.join(sorted(missing))}")


def _check_syntax(where: str, cell: ScriptCell) -> None:
    if cell.kind != "code":
        return
    try:
        ast.parse(cell.source)
    except SyntaxError as error:
        raise ScriptError(
            f"{where}: the code cell of {cell.role} {cell.id!r} is not Python: {error}"
        ) from None


def _check_answer(where: str, id: str, missing: set[str], experiments: set[str]) -> None:
    if taken := missing & experiments:
        raise ScriptError(
            f"{where}: the answer {id!r} uses {', '.join(sorted(taken))} from an experiment; "
            "answers may use only the setup and earlier answers"
        )
    if missing:
        raise ScriptError(
            f"{where}: the answer {id!r} uses {', '.join(sorted(missing))}, which no setup binds"
        )


def _check_experiment(
    where: str, cell: ScriptCell, answers: set[str], experiments: Mapping[str, set[str]]
) -> set[str]:
    """The exercises that an experiment asks `check.ready` for; it must ask for all it uses."""
    needed = names_needed(cell.source)
    used = needed & answers
    for name in needed & set(experiments):
        used |= experiments[name]
    asked = {
        str(argument.value)
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "check.ready"
        for argument in node.args
        if isinstance(argument, ast.Constant)
    }
    if used - asked:
        names = ", ".join(sorted(used - asked))
        raise ScriptError(
            f"{where}: the {cell.role} {cell.id!r} rests on {names} without check.ready of it"
        )
    if not is_left_out(new_code_cell(cell.source)):
        raise ScriptError(
            f"{where}: the {cell.role} {cell.id!r} must be one `if check.ready(...):` with nothing "
            "beside it, so that grading leaves it out"
        )
    return asked


def badges(lesson: Lesson, repository: str, branch: str) -> str:
    """Markdown links that open a lesson on Colab and on Binder.

    Args:
        lesson: the lesson.
        repository: where the course is published on GitHub, as ``owner/name``.
        branch: the branch that the links lead to.

    >>> badges(Lesson("01_grokking", "Grokking"), "owner/name", "main").partition("(")[0]
    '[Open in Colab]'
    """
    path = f"course/{lesson.name}/{lesson.name}.ipynb"
    colab = f"https://colab.research.google.com/github/{repository}/blob/{branch}/{path}"
    binder = f"https://mybinder.org/v2/gh/{repository}/{branch}?urlpath=lab/tree/{path}"
    return f"[Open in Colab]({colab}) · [Open on Binder]({binder})"


def bootstrap(repository: str, branch: str) -> str:
    """The code that installs the package if it is missing, and changes nothing else.

    Args:
        repository: where the package is published on GitHub, as ``owner/name``.
        branch: the branch to install.

    >>> "grokedu[learn] @ git+https://github.com/owner/name@main" in bootstrap("owner/name", "main")
    True
    """
    return (
        'import importlib.util\n\nif importlib.util.find_spec("grokedu") is None:  # on Colab\n'
        f'    get_ipython().run_line_magic("pip", "install -q '
        f"'grokedu[learn] @ git+https://github.com/{repository}@{branch}'\")"
    )


def _heading(exercise: Exercise) -> str:
    points = f"{exercise.max_points:g} point" + ("s" if exercise.max_points != 1 else "")
    level = {1: "warm-up", 2: "core", 3: "stretch"}[exercise.difficulty]
    why = exercise.why[:1].upper() + exercise.why[1:]
    facts = f"{points} · about {exercise.minutes} minutes · {level}"
    return f"### Write `{exercise.id}`\n\n*{facts}.* {why}."


def _rubric(reflection: Reflection) -> str:
    lines = [f"- {points} · {text}" for points, text in reflection.rubric]
    head = f"*Answer in the cell below; {reflection.points} points, read by a person:*"
    return "\n".join([head, "", *lines])


def _graded(
    cell: NotebookNode, id: str, points: float | None = None, solution: bool = False
) -> NotebookNode:
    marks: dict[str, Any] = {
        "grade": points is not None,
        "grade_id": id,
        "locked": not solution,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    if points is not None:
        marks["points"] = int(points) if float(points).is_integer() else points
    cell.metadata["nbgrader"] = marks
    cell["id"] = id
    return cell


def _name_cells(notebook: NotebookNode) -> None:
    """Give every cell without a grade id an id made from its content."""
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        if "nbgrader" in cell.metadata:
            continue
        digest = content_id(cell.cell_type, cell.source)
        seen[digest] = seen.get(digest, 0) + 1
        cell["id"] = digest if seen[digest] == 1 else f"{digest}-{seen[digest]}"
