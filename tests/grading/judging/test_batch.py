"""Batches: in whatever order and on whatever executor, everything is graded, once."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from grokedu.grading.judging import batch
from grokedu.grading.judging.batch import grade_each, processes
from grokedu.grading.judging.plan import Plan, make_plan
from grokedu.grading.result import Result, Status, Submission
from grokedu.grading.sandbox.sandbox import SandboxError, SandboxLostError, why_not
from grokedu.lessons import find

ROOT = Path(__file__).resolve().parents[3]
NAME = "00_start_here"
RELEASE = ROOT / "course" / NAME / f"{NAME}.ipynb"
IDS = [f"student-{number:02}" for number in range(8)]
POISON = "student-03"


@pytest.fixture
def plan() -> Plan:
    return make_plan(NAME, find, RELEASE, 20260101)


def submissions(taken: list[str] | None = None) -> Iterator[Submission]:
    for student in IDS:
        if taken is not None:
            taken.append(student)
        yield Submission(student, RELEASE.read_bytes())


def sound(submission: Submission, plan: Plan) -> Result:
    return Result(submission.student, plan.lesson, Status.GRADED)


def kills_its_worker(submission: Submission, plan: Plan) -> Result:
    if submission.student == POISON:
        os.kill(os.getpid(), signal.SIGKILL)
    return sound(submission, plan)


def kills_its_worker_once(submission: Submission, plan: Plan) -> Result:
    mark = Path(os.environ["GROKEDU_TEST_MARK"])
    if submission.student == POISON and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return sound(submission, plan)


def loses_its_sandbox(submission: Submission, plan: Plan) -> Result:
    if submission.student == IDS[0]:
        raise SandboxLostError("the sandbox is gone")
    return sound(submission, plan)


def has_no_sandbox(submission: Submission, plan: Plan) -> Result:
    raise SandboxError("bubblewrap cannot start here")


def raises(submission: Submission, plan: Plan) -> Result:
    if submission.student == POISON:
        raise RuntimeError("what nobody thought of. More of it\nat line 3")
    return sound(submission, plan)


def stands_still(submission: Submission, plan: Plan) -> Result:
    if submission.student == POISON:
        signal.pause()
    return sound(submission, plan)


def graded(
    monkeypatch: pytest.MonkeyPatch, plan: Plan, assess: Any, jobs: int = 2, make: Any = None
) -> dict[str, Result]:
    """The results of a batch whose submissions are assessed in this way; none is there twice."""
    monkeypatch.setattr(batch, "assess", assess)
    monkeypatch.setattr(batch, "warm_up", lambda plan: None)
    found = list(grade_each(submissions(), plan, make or processes(plan), jobs))
    assert sorted(result.student for _, result in found) == IDS
    assert all(submission.student == result.student for submission, result in found)
    return {result.student: result for _, result in found}


def threads(jobs: int) -> Executor:
    return ThreadPoolExecutor(jobs)


@pytest.mark.parametrize("jobs", [1, 2, 3])
def test_everything_is_graded_once(monkeypatch: pytest.MonkeyPatch, plan: Plan, jobs: int) -> None:
    results = graded(monkeypatch, plan, sound, jobs)
    assert {result.status for result in results.values()} == {Status.GRADED}


def test_a_submission_that_kills_its_worker_is_for_a_person(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    results = graded(monkeypatch, plan, kills_its_worker)
    assert results.pop(POISON).status == Status.NEEDS_REVIEW
    assert {result.status for result in results.values()} == {Status.GRADED}


def test_a_worker_killed_once_costs_nobody(
    monkeypatch: pytest.MonkeyPatch, plan: Plan, tmp_path: Path
) -> None:
    monkeypatch.setenv("GROKEDU_TEST_MARK", str(tmp_path / "killed"))
    results = graded(monkeypatch, plan, kills_its_worker_once)
    assert (tmp_path / "killed").exists()
    assert {result.status for result in results.values()} == {Status.GRADED}


def test_an_error_nobody_thought_of_is_for_a_person_in_a_line(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    results = graded(monkeypatch, plan, raises, make=threads)
    poisoned = results.pop(POISON)
    assert poisoned.status == Status.NEEDS_REVIEW
    assert poisoned.reasons == (
        "grading it failed twice, so a person looks at it: what nobody thought of",
    )
    assert {result.status for result in results.values()} == {Status.GRADED}


def test_a_sandbox_lost_by_the_first_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    results = graded(monkeypatch, plan, loses_its_sandbox, 1, threads)
    assert results.pop(IDS[0]).status == Status.NEEDS_REVIEW
    assert {result.status for result in results.values()} == {Status.GRADED}


def test_where_no_sandbox_can_be_made_it_says_so(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    monkeypatch.setattr(batch, "assess", has_no_sandbox)
    with pytest.raises(SandboxError, match="cannot start here"):
        list(grade_each(submissions(), plan, threads, 2))


def test_submissions_are_read_as_they_are_needed(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    monkeypatch.setattr(batch, "assess", sound)
    taken: list[str] = []
    results = grade_each(submissions(taken), plan, threads, 1)
    next(results)
    assert len(taken) <= 3
    assert len(list(results)) == len(IDS) - 1


def test_an_executor_that_is_broken_from_the_start_grades_each_alone(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    class Broken(ThreadPoolExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
            raise BrokenProcessPool("a worker died")

    results = graded(monkeypatch, plan, sound, 2, Broken)
    assert {result.status for result in results.values()} == {Status.NEEDS_REVIEW}


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_worker_that_stands_still_is_ended(
    monkeypatch: pytest.MonkeyPatch, plan: Plan, jobs: int
) -> None:
    results = graded(monkeypatch, replace(plan, student_seconds=0.5), stands_still, jobs)
    assert results.pop(POISON).reasons == (
        "grading it failed twice, so a person looks at it: no end after 1.5 s",
    )
    assert {result.status for result in results.values()} == {Status.GRADED}
    # One that another thread has just waited for counts as active until that thread says so.
    until = time.monotonic() + 10
    while multiprocessing.active_children() and time.monotonic() < until:
        time.sleep(0.01)
    assert multiprocessing.active_children() == []


def test_what_a_cluster_cancelled_is_for_a_person(
    monkeypatch: pytest.MonkeyPatch, plan: Plan
) -> None:
    class Cancels(ThreadPoolExecutor):
        def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    results = graded(monkeypatch, plan, sound, 2, Cancels)
    assert {result.reasons for result in results.values()} == {
        ("grading it failed twice, so a person looks at it: it was cancelled",)
    }


INTERRUPTED = """\
import os, signal, sys
from pathlib import Path
from grokedu.grading.judging import batch
from grokedu.grading.judging.plan import make_plan
from grokedu.grading.result import Submission
from grokedu.lessons import find

def stands_still(submission, plan):
    os.write(1, b"%d\\n" % os.getpid())
    while True:
        signal.pause()

batch.assess, batch.warm_up = stands_still, lambda plan: None
plan = make_plan(sys.argv[1], find, Path(sys.argv[2]), 20260101)
many = (Submission(f"student-{n}", bytes(2**22)) for n in range(8))
try:
    list(batch.grade_each(many, plan, batch.processes(plan), 2))
except KeyboardInterrupt:
    os.write(1, b"interrupted\\n")
"""


@pytest.mark.parametrize("whole_group", [True, False])
def test_an_interrupt_ends_all_at_once_and_without_a_word(whole_group: bool) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, NAME, str(RELEASE)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # What is started in the background of a shell ignores SIGINT, and so does what it starts.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as run:
        assert run.stdout is not None
        workers = [int(run.stdout.readline()) for _ in range(2)]
        if whole_group:
            os.killpg(run.pid, signal.SIGINT)
        else:
            os.kill(run.pid, signal.SIGINT)
        try:
            said = run.communicate(timeout=30)  # by themselves, the workers never end
        finally:
            run.kill()
    assert (run.returncode, *said) == (0, "interrupted\n", "")
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)


@pytest.mark.attacks
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "a sandbox can be made")
def test_processes_grade_as_one_does(plan: Plan) -> None:
    found = {
        submission.student: result
        for submission, result in grade_each(submissions(), plan, processes(plan), 2)
    }
    assert sorted(found) == IDS
    assert {result.status for result in found.values()} == {Status.GRADED}
    assert {result.exercises["weight_norm"]["outcome"] for result in found.values()} == {
        "not attempted"
    }
