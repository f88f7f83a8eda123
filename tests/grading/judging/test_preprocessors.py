from __future__ import annotations

import subprocess
import sys

import nbformat
import pytest
from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute, OverwriteCells, SaveAutoGrades
from nbgrader.utils import determine_grade

from grokedu.grading.judging.preprocessors import (
    GraftAnswers,
    JudgeOutside,
    autograde_preprocessors,
    sanitize_preprocessors,
)
from grokedu.grading.sandbox import sandbox

LESSON = "00_start_here"
RESOURCES = {"nbgrader": {"assignment": LESSON, "student": "ada"}}


@pytest.fixture
def steps(root, tmp_path):
    """Both steps as a configuration makes them, without a sandbox."""
    settings = {
        "release": str(root / "course"),
        "seed_file": str(tmp_path / "seed"),
        "sandbox": False,
    }
    return GraftAnswers(**settings), JudgeOutside(**settings)


def test_the_other_steps_are_nbgraders_own():
    stock = Autograde().autograde_preprocessors
    ours = autograde_preprocessors()
    assert Execute not in ours
    assert [step for step in ours if step is not JudgeOutside] == [
        step for step in stock if step in ours
    ]
    assert ours.index(JudgeOutside) < ours.index(SaveAutoGrades)
    assert sanitize_preprocessors()[0] is GraftAnswers
    assert OverwriteCells in sanitize_preprocessors()


def test_a_notebook_is_grafted_and_judged(steps, root):
    key = nbformat.read(root / "solutions" / LESSON / f"{LESSON}.ipynb", as_version=4)
    key.cells = [cell for cell in key.cells if not cell.id.endswith("-check")]
    graft, judge = steps
    notebook, _ = judge.preprocess(*graft.preprocess(key, RESOURCES))
    [check] = [cell for cell in notebook.cells if cell.id.endswith("-check")]
    assert determine_grade(check) == (2, 2)
    assert "correct" in check.outputs[0].data["text/html"]
    assert notebook.metadata["grokedu"] == {"status": "graded", "reasons": []}


def test_without_a_sandbox_it_says_how_to_go_on(root, tmp_path, monkeypatch):
    monkeypatch.setattr(sandbox, "why_not", lambda: "bubblewrap is not installed")
    step = JudgeOutside(release=str(root / "course"), seed_file=str(tmp_path / "seed"))
    with pytest.raises(sandbox.SandboxError, match=r"bubblewrap is not installed.*sandbox = False"):
        step.grader(LESSON)


def test_an_nbgrader_command_that_grades_nothing_does_not_import_torch(root):
    code = "import sys, grokedu.grading.judging.preprocessors; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0
