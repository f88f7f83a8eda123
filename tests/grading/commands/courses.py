"""A course in a folder of its own, what students hand in to it, and what comes back."""

from __future__ import annotations

import csv
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from html import unescape
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from grokedu.classroom.lesson import Lesson
from grokedu.lessons import find

ROOT = Path(__file__).resolve().parents[3]

RAISES = """\
def {name}(*args):
    return {{}}["missing"]
"""
LOOPS = """\
def {name}(*args):
    while True:
        pass
"""
SYNTAX_ERROR = """\
def {name}(*args:
    return 0
"""
ONE_NORM_A_ROW = """\
def weight_norm(weights):
    return weights.square().sum(dim=-1).sqrt()
"""
IGNORES_THE_PAIRS = """\
def forward(params, pairs):
    p = len(params["A"])
    a, b = params["A"].repeat_interleave(p, dim=0), params["B"].repeat(p, 1)
    return (a + b).square() @ params["W"]
"""
DROPS_CENSORED_RUNS = """\
def censored_median(values):
    arrived = values[~values.isnan()].double()
    return float(arrived.quantile(0.5)) if len(arrived) else float("nan")
"""


@dataclass(frozen=True)
class Submission:
    """What one student hands in, the score it earns, and words of its feedback page."""

    notebook: NotebookNode
    score: float
    says: tuple[str, ...]


def submission(
    lesson: Lesson,
    right: tuple[str, ...],
    wrong: Mapping[str, str] | None = None,
    *,
    partly: Mapping[str, tuple[str, ...]] | None = None,
    own: str = "",
    says: tuple[str, ...],
) -> Submission:
    """The release with answers of the key, and with other ones.

    Args:
        right: the cells taken from the answer key.
        wrong: sources for other answers.
        partly: the groups whose points a wrong answer earns all the same.
        own: the source of a cell of the student's own, before all answers.
    """
    released, key = (
        nbformat.read(ROOT / folder / lesson.name / f"{lesson.name}.ipynb", as_version=4)
        for folder in ("course", "solutions")
    )
    answers = {cell.id: cell.source for cell in key.cells if cell.id in right}
    answers |= {name: source.format(name=name) for name, source in (wrong or {}).items()}
    for cell in released.cells:
        cell.source = answers.get(cell.id, cell.source)
    if own:
        place = next(i for i, cell in enumerate(released.cells) if cell.id in lesson.exercises)
        released.cells.insert(place, new_code_cell(own, id="own"))
    exercises = lesson.exercises
    score = sum(exercises[id].max_points for id in right if id in exercises)
    score += sum(exercises[id].points[g] for id, groups in (partly or {}).items() for g in groups)
    return Submission(released, float(score), says)


def headline(lesson: Lesson, id: str, outcome: str, *groups: str) -> str:
    """What the card of an exercise says when only some groups of cases passed."""
    exercise = lesson.exercises[id]
    earned = sum(exercise.points[group] for group in groups)
    return f"{id} {outcome} — {earned:g} of {exercise.max_points:g} points"


def diagnosis(lesson: Lesson, id: str, misconception: str) -> str:
    known = {each.name: each.message for each in lesson.exercises[id].misconceptions}
    return known[misconception]


def start_here() -> dict[str, Submission]:
    lesson, id = find("00"), "weight_norm"
    groups = tuple(lesson.exercises[id].points)

    def wrong(source: str, *says: str, partly: tuple[str, ...] = ()) -> Submission:
        return submission(lesson, (), {id: source}, partly={id: partly}, says=says)

    return {
        "perfect": submission(lesson, (id,), says=(headline(lesson, id, "correct", *groups),)),
        "empty": submission(lesson, (), says=(headline(lesson, id, "not attempted"),)),
        "half": wrong(
            ONE_NORM_A_ROW,
            headline(lesson, id, "partly", "one vector"),
            diagnosis(lesson, id, "one_norm_a_row"),
            partly=("one vector",),
        ),
        "crashing": wrong(
            RAISES, headline(lesson, id, "crashed"), "it raised KeyError", "line 2 of weight_norm"
        ),
        "unreadable": wrong(SYNTAX_ERROR, "SyntaxError"),
        "endless": wrong(LOOPS, headline(lesson, id, "timed out"), "still running after 5 s"),
    }


def grokking() -> dict[str, Submission]:
    lesson = find("01")
    everything = (*lesson.exercises, *(f"{id}-reflect" for id in lesson.reflections))

    def all_but(*names: str) -> tuple[str, ...]:
        return tuple(name for name in everything if name not in names)

    def right(id: str) -> str:
        return headline(lesson, id, "correct", *lesson.exercises[id].points)

    return {
        "perfect": submission(lesson, everything, says=tuple(map(right, lesson.exercises))),
        "empty": submission(
            lesson,
            (),
            says=tuple(headline(lesson, id, "not attempted") for id in lesson.exercises),
        ),
        "half": submission(
            lesson,
            ("modular_addition", "train_test_split", "cross_entropy", "norm-reflect"),
            {"forward": IGNORES_THE_PAIRS, "censored_median": DROPS_CENSORED_RUNS},
            partly={"forward": ("all pairs",), "censored_median": ("all arrived",)},
            says=(
                right("cross_entropy"),
                headline(lesson, "forward", "partly", "all pairs"),
                diagnosis(lesson, "forward", "ignores_the_pairs"),
                headline(lesson, "censored_median", "partly", "all arrived"),
                diagnosis(lesson, "censored_median", "drops_them"),
                headline(lesson, "train_step", "not attempted"),
            ),
        ),
        "crashing": submission(
            lesson,
            all_but("cross_entropy", "grokking_delay"),
            {"cross_entropy": RAISES, "grokking_delay": SYNTAX_ERROR},
            says=(headline(lesson, "cross_entropy", "crashed"), "SyntaxError", right("train_step")),
        ),
        "endless": submission(
            lesson,
            all_but("train_step"),
            {"train_step": LOOPS},
            own="import math\n\nwhile True:\n    pass",
            says=(
                "TimeLimit",
                headline(lesson, "train_step", "timed out"),
                right("grokking_delay"),
            ),
        ),
    }


def nbgrader(course: Path, *arguments: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        cwd=course,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stderr[-3000:]


def grades(course: Path, lesson: str) -> dict[str, dict[str, str]]:
    nbgrader(course, "export")
    with (course / "gradebook" / "grades.csv").open() as file:
        return {
            row["student_id"]: row for row in csv.DictReader(file) if row["assignment"] == lesson
        }


def page(course: Path, lesson: str, student: str) -> str:
    """The words of a feedback page."""
    file = course / "gradebook" / "feedback" / student / lesson / f"{lesson}.html"
    html = re.sub(r"(?s)<(style|script).*?</\1>", "", file.read_text(encoding="utf-8"))
    return " ".join(unescape(re.sub("<[^>]*>", "", html)).split())


def make_course(folder: Path) -> Path:
    """A copy of what an instructor's commands need, with the lessons entered."""
    for name in ("solutions", "course"):
        shutil.copytree(ROOT / name, folder / name)
    for name in ("nbgrader_config.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    with (folder / "nbgrader_config.py").open("a") as config:
        config.write("c.LessonStep.cell_seconds = 3\n")
    return folder


def hand_in(course: Path, lesson: str, students: Mapping[str, Submission]) -> None:
    """Put each student's notebook where nbgrader looks for it."""
    for student, handed_in in students.items():
        folder = course / "gradebook" / "submitted" / student / lesson
        folder.mkdir(parents=True)
        nbformat.write(handed_in.notebook, folder / f"{lesson}.ipynb")
