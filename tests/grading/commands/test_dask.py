"""Grading on a Dask cluster of separate processes, one of which is killed while it grades."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from grokedu.grading.run import ALL_GRADED
from tests.grading.commands.courses import grades, hand_in, make_course, start_here
from tests.grading.commands.test_grade import LESSON, command, records, started_by, wait_until_gone

pytestmark = [pytest.mark.grading, pytest.mark.full]


def start(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "distributed.cli." + arguments[0], *arguments[1:]],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.fixture
def cluster(tmp_path):
    """A scheduler's address, and two workers without nannies."""
    known = tmp_path / "scheduler.json"
    options = ("--scheduler-file", str(known))
    scheduler = start(tmp_path, "dask_scheduler", *options, "--port", "0", "--no-dashboard")
    workers = [
        start(tmp_path, "dask_worker", *options, "--no-nanny", "--nthreads", "1", "--no-dashboard")
        for _ in range(2)
    ]
    limit = time.monotonic() + 60
    while not known.exists():
        assert time.monotonic() < limit
        time.sleep(0.05)
    from dask.distributed import Client

    with Client(scheduler_file=str(known)) as client:
        client.wait_for_workers(2, timeout=60)
        address = client.scheduler.address
    yield address, workers
    for process in (*workers, scheduler):
        end(process)


def test_a_worker_that_dies_loses_no_one(tmp_path, cluster):
    address, workers = cluster
    course = make_course(tmp_path / "course")
    kinds = start_here()
    students = {
        f"{name}-{copy}": kinds[name]
        for copy in range(6)
        for name in ("perfect", "half", "empty", "crashing")
    }
    hand_in(course, LESSON, students)
    grading = command(course, "00", "--executor", address)
    assert grading.stdout is not None
    for _ in range(5):
        assert grading.stdout.readline()
    end(workers[0])
    said, errors = grading.communicate(timeout=300)
    assert grading.returncode == ALL_GRADED, said + errors
    rows = grades(course, LESSON)
    assert {student: float(row["score"]) for student, row in rows.items()} == {
        student: each.score for student, each in students.items()
    }
    assert all(each["history"] == [] for each in records(course).values())
    started = {pid: began for worker in workers for pid, began in started_by(worker.pid).items()}
    for worker in workers:
        end(worker)
    wait_until_gone(started)
