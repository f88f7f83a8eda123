"""What goes into the graded notebook: the learner's answers, rid of what a browser would run, and
what running and judging them left for people to read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nbformat import NotebookNode, from_dict
from nbformat.v4 import new_output

from grokedu.classroom.cells import cell_id, comparable_source, grade_id
from grokedu.classroom.checking.source import names_bound
from grokedu.classroom.checking.verdict import Findings, Outcome, Verdict
from grokedu.classroom.learning.graft import Report, graft
from grokedu.grading.page.outputs import clean_outputs
from grokedu.grading.page.sanitise import clean_attachments, clean_markdown
from grokedu.grading.sandbox.session import Ran

FINDINGS = "application/vnd.grokedu.findings+json"


def score(verdict: Verdict) -> NotebookNode:
    """The output of a check cell: the points for nbgrader, the card, and the findings as data."""
    data = {
        "text/plain": repr(verdict),
        "text/html": verdict._repr_html_(),
        FINDINGS: verdict.findings.as_data(),
    }
    return new_output("execute_result", data=data, execution_count=None)


def findings_in(outputs: Sequence[Any]) -> Findings | None:
    """The findings that `score` left in a check cell; None where there are no sound ones."""
    for output in outputs:
        data = output.get("data") if isinstance(output, Mapping) else None
        if isinstance(data, Mapping) and FINDINGS in data:
            try:
                return Findings.from_data(data[FINDINGS])
            except ValueError:
                continue
    return None


def cell_outputs(ran: Ran, seconds: float) -> list[NotebookNode]:
    """The outputs of a cell that was run: what it printed, and how it ended if not well."""
    outputs = [new_output("stream", name="stdout", text=ran.printed)] if ran.printed else []
    return [*outputs, *_error(ran, seconds)]


def own_outputs(had: Sequence[NotebookNode], ran: Ran, seconds: float) -> list[NotebookNode]:
    """The outputs of a learner's own cell: theirs, for a person to mark, and an error of this run.

    An error that they saw themselves is not repeated. A cell that came without outputs gets those
    of this run.
    """
    if not had:
        return cell_outputs(ran, seconds)
    seen = {(each.ename, each.evalue) for each in had if each.output_type == "error"}
    new = [error for error in _error(ran, seconds) if (error.ename, error.evalue) not in seen]
    return [*had, *new]


def _error(ran: Ran, seconds: float) -> list[NotebookNode]:
    said = {
        "timed out": ("TimeLimit", f"it was still running after {seconds:g} s, and was stopped"),
        "ended": ("ProcessEnded", "it ended the process it ran in, and was left out"),
    }
    crash = ran.crash
    if ran.status == "raised" and crash is not None:
        trace = [f"line {crash.line}: {crash.text}"] if crash.text else []
        return [new_output("error", ename=crash.type, evalue=crash.message, traceback=trace)]
    if ran.status in said:
        name, words = said[ran.status]
        return [new_output("error", ename=name, evalue=words, traceback=[])]
    return []


def review_flags(
    cells: Sequence[NotebookNode], verdicts: Mapping[str, Verdict], failed: Sequence[str]
) -> list[str]:
    """Flags for points that may have been lost by where something stands, or by another cell."""
    outcomes = {id: verdict.findings.outcome for id, verdict in verdicts.items()}
    flags = (
        list(failed) if set(outcomes.values()) - {Outcome.CORRECT, Outcome.NOT_ATTEMPTED} else []
    )
    for place, cell in enumerate(cells):
        name = (grade_id(cell) or "").removesuffix("-check")
        if grade_id(cell) == f"{name}-check" and outcomes.get(name) is Outcome.NOT_ATTEMPTED:
            flags += _defined_below(name, cells[place + 1 :])
    return flags


def failure_flags(ran: Ran) -> list[str]:
    """A flag for a cell of the learner's own that did not run to its end.

    >>> failure_flags(Ran("timed out"))
    ['a cell of their own timed out: look whether answers lost points by it']
    """
    how = {"timed out": "timed out", "ended": "ended its process"}.get(ran.status, "")
    if ran.status == "raised":
        how = "raised an error"
        if ran.crash is not None:
            line = f" (line {ran.crash.line}: {ran.crash.text})" if ran.crash.text else ""
            how = f"raised {ran.crash.type}{line}"
    return [f"a cell of their own {how}: look whether answers lost points by it"] if how else []


def _defined_below(name: str, cells: Sequence[NotebookNode]) -> list[str]:
    sources = [cell.source for cell in cells if cell.cell_type == "code"]
    found = any(name in source and name in _bound(source) for source in sources)
    return [f"{name}: defined below its check: look whether it is an answer"] if found else []


def _bound(source: str) -> set[str]:
    try:
        return names_bound(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set()


def belongs(release: NotebookNode, old: NotebookNode) -> bool:
    """Whether any cell of code or any answer of the lesson can be seen in a notebook."""
    for sign in (grade_id, cell_id, comparable_source):
        marks = {sign(cell) for cell in release.cells if cell.cell_type == "code"} - {None}
        if any(sign(cell) in marks for cell in old.cells):
            return True
    return False


def grafted(release: NotebookNode, old: NotebookNode) -> tuple[NotebookNode, Report]:
    """The release with a learner's answers, cells and outputs, rid of what a browser would run."""
    notebook, report = graft(release, old, outputs=True)
    _sanitise(notebook, {(cell.id, cell.source) for cell in release.cells})
    return notebook, report


def _sanitise(notebook: NotebookNode, released: set[tuple[str, str]]) -> None:
    """Clean all that is not of the course itself."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [from_dict(output) for output in clean_outputs(cell.outputs)]
        elif (cell.id, cell.source) not in released:
            cell.attachments = clean_attachments(cell.get("attachments"))
            cell.source = clean_markdown(cell.source, cell.attachments)
            if not cell.attachments:
                del cell["attachments"]
