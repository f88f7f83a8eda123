"""nbgrader's own commands, from release to grades, as an instructor types them."""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.grading
LESSON = "00_start_here"


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what an instructor's commands need."""
    repository = Path(__file__).resolve().parents[2]
    folder = tmp_path_factory.mktemp("course")
    for name in ("solutions", "course"):
        shutil.copytree(repository / name, folder / name)
    for name in ("nbgrader_config.py", "pyproject.toml"):
        shutil.copy(repository / name, folder)
    return folder


def nbgrader(course: Path, *arguments: str) -> str:
    run = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=course,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    return run.stderr


def hand_in(course: Path, student: str, notebook: Path) -> None:
    folder = course / "gradebook" / "submitted" / student / LESSON
    folder.mkdir(parents=True)
    shutil.copy(notebook, folder)


def test_a_submission_goes_from_release_to_grade_and_feedback(course: Path):
    release = course / "course" / LESSON / f"{LESSON}.ipynb"
    built = release.read_bytes()
    nbgrader(course, "generate_assignment", LESSON, "--force")
    assert release.read_bytes() == built
    assert [path.name for path in release.parent.iterdir()] == [release.name]
    hand_in(course, "perfect", course / "solutions" / LESSON / f"{LESSON}.ipynb")
    hand_in(course, "empty", release)
    nbgrader(course, "autograde", LESSON)
    nbgrader(course, "generate_feedback", LESSON)
    nbgrader(course, "export")
    with (course / "gradebook" / "grades.csv").open() as file:
        grades = {row["student_id"]: row for row in csv.DictReader(file)}
    assert grades["perfect"]["score"] == grades["perfect"]["max_score"]
    assert float(grades["perfect"]["max_score"]) > 0
    assert float(grades["empty"]["score"]) == 0
    page = course / "gradebook" / "feedback" / "perfect" / LESSON / f"{LESSON}.html"
    assert "Score: " in page.read_text()
