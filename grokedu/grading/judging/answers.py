"""A learner's answers in the release they are for, and nothing that a browser would run."""

from __future__ import annotations

from nbformat import NotebookNode, from_dict

from grokedu.classroom.cells import cell_id, comparable_source, grade_id
from grokedu.classroom.learning.graft import Report, graft
from grokedu.grading.page.outputs import clean_outputs
from grokedu.grading.page.sanitise import clean_attachments, clean_markdown


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
