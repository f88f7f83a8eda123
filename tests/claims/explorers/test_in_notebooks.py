"""Explorers in executed notebooks: with the ipywidgets that is here, with Colab's, and with none.

Colab's ipywidgets 7 shows a widget by other methods than ipywidgets 8, and names some traits
otherwise; no stand-in would tell which. So it is installed, with ordinary pip, into a folder of its
own that the notebook's kernel finds first: two pure Python packages, 150 kB in all.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode

WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
WIDGET_STATE = "application/vnd.jupyter.widget-state+json"
COLABS = "7.7.1"
SHOWN = (
    "from grokedu.claims.explorers import GrokkingExplorer, SphereExplorer, SymmetryExplorer",
    "grokking = GrokkingExplorer(weight_decay=0.3, fraction=0.5, lr=0.01)\ndisplay(grokking)",
    "display(SphereExplorer(alpha=4.0, size=200))",
    "SymmetryExplorer(activation='relu', beta=3.0)",
)
# Each control's label, and which entry of its list is chosen; the button and β have no list.
CONTROLS = {
    ("Weight decay", 0),
    ("Train fraction", 3),
    ("Learning rate", 1),
    ("Seed", 0),
    ("Initial scale α", 7),
    ("Train images", 0),
    ("Learning rate", 0),
    ("Steps", 2),
    ("Train it now", None),
    ("Scale β", None),
    ("Activation", 0),
    ("Neuron", 0),
}


@pytest.fixture(scope="session")
def colabs_widgets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds the ipywidgets of Colab, and the one of its needs that is not here."""
    folder = tmp_path_factory.mktemp("colabs-widgets")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(folder)]
    subprocess.run([*pip, f"ipywidgets=={COLABS}", "ipython_genutils==0.2.0"], check=True)
    return folder


@pytest.fixture
def executed(root: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that runs cells in a kernel, which looks for modules in the folder first."""

    def execute(*cells: str, first: Path = root) -> NotebookNode:
        found = [str(first), str(root), os.environ.get("PYTHONPATH", "")]
        monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, found)))
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in cells])
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
        return notebook

    return execute


def shown(notebook: NotebookNode) -> list[NotebookNode]:
    """The output of each cell of SHOWN that shows an explorer, which is its only one."""
    cells = [cell for cell in notebook.cells if cell.source in SHOWN[1:]]
    assert [len(cell.outputs) for cell in cells] == [1, 1, 1]
    outputs = [cell.outputs[0] for cell in cells]
    for output in outputs:
        assert output.data["image/png"].startswith("iVBOR")
        assert output.metadata["image/png"]["alt"] == output.data["text/plain"]
    return outputs


def printed(cell: NotebookNode) -> str:
    assert [output.get("name") for output in cell.outputs] == ["stdout"]
    return cell.outputs[0].text.strip()


@pytest.mark.parametrize("wanted", [COLABS, version("ipywidgets")])
def test_the_front_end_gets_widget_and_picture_and_both_change(
    executed: Any, request: pytest.FixtureRequest, root: Path, wanted: str
) -> None:
    notebook = executed(
        "import ipywidgets\nprint(ipywidgets.__version__)",
        *SHOWN,
        "by_name = {one.description: one for one in grokking.widget.children[0].children}\n"
        "by_name['Seed'].index = 1\nby_name['Seed'].index = 0\n"
        "by_name['Weight decay'].value = 0.1\nprint(grokking.choose().alt)",
        first=request.getfixturevalue("colabs_widgets") if wanted == COLABS else root,
    )
    assert printed(notebook.cells[0]) == wanted

    # What the front end was told of, as nbclient kept it.
    state = notebook.metadata.widgets[WIDGET_STATE].state
    models = {id: model.state for id, model in state.items()}
    boxes = [output.data[WIDGET_VIEW] for output in shown(notebook)]
    assert all((box.version_major, box.version_minor) == (2, 0) for box in boxes)
    pictures = []
    for box in boxes:
        assert state[box.model_id].model_name == "VBoxModel"
        *_, picture = models[box.model_id].children
        pictures.append(models[picture.removeprefix("IPY_MODEL_")].value)
    assert all(picture.startswith('<img src="data:image/png;base64,') for picture in pictures)
    assert f'alt="{printed(notebook.cells[-1])}"' in pictures[0]
    assert "weight decay 0.1, " in pictures[0]

    controls = [one for one in models.values() if one.get("description")]
    assert {(one.description, one.get("index")) for one in controls} == CONTROLS
    assert all(one.get("tooltip") or one.get("description_tooltip") for one in controls)


def test_without_widgets_the_notebook_shows_the_picture(executed: Any, tmp_path: Path) -> None:
    tmp_path.joinpath("ipywidgets.py").write_text("raise ImportError\n", encoding="utf-8")
    for output in shown(executed(*SHOWN, first=tmp_path)):
        assert set(output.data) == {"image/png", "text/plain"}
