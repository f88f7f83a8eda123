"""Execute a lesson's notebook from top to bottom, as a learner's kernel would."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from nbclient import NotebookClient
from nbformat import NotebookNode


def execute(
    notebook: NotebookNode, timeout: int = 600, env: Mapping[str, str] | None = None
) -> NotebookNode:
    """Execute a notebook in place, in an empty folder and without earlier progress.

    Execution times, the language's version and widget states are left out, because they differ each
    time.

    Args:
        notebook: its outputs are replaced.
        timeout: the time limit of a cell, in seconds.
        env: further environment variables.

    Returns:
        The same notebook.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell raised an error.
        RuntimeError: a cell wrote to stderr.
    """
    with (
        tempfile.TemporaryDirectory() as home,
        tempfile.TemporaryDirectory() as folder,
        _environment({"GROKEDU_HOME": home, **(env or {})}),
    ):
        client = NotebookClient(
            notebook,
            timeout=timeout,
            kernel_name="python3",
            record_timing=False,
            store_widget_state=False,
            resources={"metadata": {"path": folder}},
        )
        client.execute()
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                raise RuntimeError(f"cell {cell.id} wrote to stderr: {output.text[:500]}")
    return notebook


def scores(notebook: NotebookNode) -> dict[str, tuple[float, float]]:
    """The points earned and available for each check of an executed notebook, by grade id."""
    found = {}
    for cell in notebook.cells:
        marks = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "code" and marks.get("grade"):
            texts = [o.data["text/plain"] for o in cell.outputs if "data" in o]
            found[marks["grade_id"]] = (float(texts[-1]) if texts else 0.0, float(marks["points"]))
    return found


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
