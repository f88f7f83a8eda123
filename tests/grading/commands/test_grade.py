"""`grokedu grade` on a class: what comes out, and that nothing is lost whenever it is killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grokedu.grading.run import ALL_GRADED
from tests.grading.commands.courses import (
    Submission,
    grades,
    hand_in,
    make_course,
    page,
    start_here,
)

pytestmark = pytest.mark.grading
LESSON = "00_start_here"


def command(course: Path, *arguments: str, name: str = "grade") -> subprocess.Popen[str]:
    """`grokedu NAME` in a course's folder, with its own progress and one thread."""
    return subprocess.Popen(
        [sys.executable, "-m", "grokedu.cli", name, *arguments],
        cwd=course,
        env=os.environ | {"GROKEDU_GRADING_SEED": "20260101", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(course: Path, *arguments: str, name: str = "grade") -> tuple[int, str]:
    process = command(course, *arguments, name=name)
    said, errors = process.communicate(timeout=240)
    return process.returncode, said + errors


def records(course: Path) -> dict[str, dict]:
    """What the ledger says of each student, times left out."""
    found = {}
    for path in sorted((course / "gradebook" / "ledger" / LESSON).glob("*.json")):
        content = json.loads(path.read_text())
        found[content["student"]] = {
            name: content[name] for name in ("status", "exercises", "flags", "reasons", "history")
        }
    return found


def started_by(pid: int) -> dict[int, str]:
    """All processes that one started, directly or not: when they began, by their ids."""
    parents, began = {}, {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(process.name)], began[int(process.name)] = int(fields[1]), fields[19]
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return {each: began[each] for each in found if each in began}


def wait_until_gone(processes: dict[int, str]) -> None:
    """Wait for the end of every one of some processes."""
    end = time.monotonic() + 60
    for pid, began in processes.items():
        while started_by(pid).get(pid) == began:
            assert time.monotonic() < end, f"{pid} is left behind"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def klass() -> dict[str, Submission]:
    """Fourteen students, two each of every kind."""
    kinds = {name: each for name, each in start_here().items() if name != "endless"}
    return {f"{name}-{copy}": each for copy in (1, 2) for name, each in kinds.items()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory, klass) -> Path:
    """A course graded in one go."""
    course = make_course(tmp_path_factory.mktemp("whole"))
    hand_in(course, LESSON, klass)
    status, said = run(course, "00", "--jobs", "2")
    assert status == ALL_GRADED, said
    return course


def test_every_student_gets_the_score_and_the_page(whole, klass):
    rows = grades(whole, LESSON)
    assert {student: float(rows[student]["score"]) for student in klass} == {
        student: each.score for student, each in klass.items()
    }
    for student, each in klass.items():
        words = page(whole, LESSON, student)
        for said in each.says:
            assert said in words, f"{student}: {said}"


def test_a_second_run_grades_no_one_again(whole):
    before = records(whole)
    status, said = run(whole, "00")
    assert status == ALL_GRADED
    assert f"Graded before, and as they were: {len(before)}" in said
    assert records(whole) == before


@pytest.mark.parametrize(
    "lines",
    [1, 4, *(pytest.param(n, marks=pytest.mark.full) for n in (0, 2, 3, 5, 6, 7, 8, 9))],
)
def test_killed_after_some_lines_it_goes_on_where_it_stopped(tmp_path, whole, klass, lines):
    course = make_course(tmp_path / "course")
    hand_in(course, LESSON, klass)
    process = command(course, "00", "--jobs", "2")
    assert process.stdout is not None
    for _ in range(1 + lines):  # the first says where the gradebook is kept as it was
        assert process.stdout.readline()
    started = started_by(process.pid)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=30)
    wait_until_gone(started)
    finished = records(course)
    assert len(finished) < len(klass)
    status, said = run(course, "00", "--jobs", "2")
    assert status == ALL_GRADED, said
    after = records(course)
    assert {student: after[student] for student in finished} == finished
    assert after == records(whole)
    assert all(each["history"] == [] for each in after.values())
    assert grades(course, LESSON) == grades(whole, LESSON)
