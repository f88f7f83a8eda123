"""Grading a class: `grokedu grade` and stock `nbgrader autograde`, interleaved, on the same files.

Thirty honest submissions of lesson 01 without their experiment cells. `grokedu grade` runs two jobs
in its sandbox; nbgrader runs as it comes, one kernel after another, without a sandbox, with the
grading seed in its environment. Both must give the same scores. Seconds are those of the whole
command, from start to exit.
"""

from __future__ import annotations

import csv
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import nbformat

from benchmarks.submissions import ROOT, submissions

LESSON, STUDENTS, ROUNDS, SEED = "01_grokking", 30, 3, "20260101"
OURS = ("grokedu.cli", "grade", LESSON, "--jobs", "2")
STOCK = ("nbgrader", "autograde", LESSON)
# What the course's own configuration sets for the sake of the sandbox, back as nbgrader has it.
AS_IT_COMES = """
for name in ("sanitize_preprocessors", "autograde_preprocessors"):
    del c.Autograde[name]
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = r"(?s)."
"""


def measure() -> list[dict[str, Any]]:
    """A row for each way; the ratio is that of the medians."""
    seconds: dict[str, list[float]] = {"grokedu grade": [], "nbgrader autograde": []}
    notebooks = list(submissions(LESSON, STUDENTS))
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(ROUNDS):
            scores = []
            for way, command, extra in zip(seconds, (OURS, STOCK), ("", AS_IT_COMES), strict=True):
                course = course_of(LESSON, Path(folder, f"{way}-{turn}"), notebooks, extra)
                seconds[way].append(run(course, *command))
                print(f"round {turn + 1}: {way} {seconds[way][-1]:.1f} s", file=sys.stderr)
                scores.append(_scores(course))
            if scores[0] != scores[1]:
                raise RuntimeError(f"the two ways gave different scores: {scores}")
    medians = {way: statistics.median(each) for way, each in seconds.items()}
    slowest = max(medians.values())
    return [
        {
            "way": way,
            "median s": round(median, 1),
            "all s": " ".join(f"{each:.1f}" for each in seconds[way]),
            "s a student": round(median / STUDENTS, 2),
            "times faster": round(slowest / median, 1),
        }
        for way, median in medians.items()
    ]


def course_of(
    lesson: str, folder: Path, notebooks: list[nbformat.NotebookNode], extra: str = ""
) -> Path:
    """A course with the submissions in it, and the lesson in its gradebook."""
    for name in ("solutions", "course"):
        shutil.copytree(ROOT / name / lesson, folder / name / lesson)
    shutil.copy(ROOT / "solutions" / f"{lesson}.py", folder / "solutions")
    for name in ("nbgrader_config.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    with (folder / "nbgrader_config.py").open("a") as config:
        config.write(extra)
    for number, notebook in enumerate(notebooks, 1):
        place = folder / "gradebook" / "submitted" / f"student-{number:02}" / lesson
        place.mkdir(parents=True)
        nbformat.write(notebook, place / f"{lesson}.ipynb")
    run(folder, "nbgrader", "generate_assignment", lesson, "--force")
    return folder


def run(course: Path, module: str, *arguments: str) -> float:
    """Run a module as a command, and return its seconds."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "GROKEDU_GRADING_SEED": SEED,
        "OMP_NUM_THREADS": "1",
    }
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=course,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} {arguments[0]} failed: {done.stderr[-2000:]}")
    return time.monotonic() - started


def _scores(course: Path) -> dict[str, str]:
    run(course, "nbgrader", "export")
    with (course / "gradebook" / "grades.csv").open() as file:
        return {row["student_id"]: row["raw_score"] for row in csv.DictReader(file)}
