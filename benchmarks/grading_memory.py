"""A thousand submissions of lesson 01, graded by two jobs: memory must not grow with their number.

Resident memory, in MB, of the command and of its largest worker, as submissions go by; what is
shared between the processes counts in each.
"""

from __future__ import annotations

import itertools
import multiprocessing
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

from benchmarks.submissions import ROOT, submissions
from grokedu.grading.judging.batch import grade_each, processes
from grokedu.grading.judging.plan import make_plan
from grokedu.grading.result import Submission
from grokedu.lessons import find

LESSON, STUDENTS, DIFFERENT, EVERY, JOBS = "01_grokking", 1000, 30, 100, 2


def measure() -> list[dict[str, Any]]:
    """A row for every hundred submissions."""
    release = ROOT / "course" / LESSON / f"{LESSON}.ipynb"
    plan = make_plan(LESSON, find, release, seed=1)
    rows, started = [], time.monotonic()
    results = grade_each(_handed_in(), plan, processes(plan), JOBS)
    for done, (_, result) in enumerate(results, 1):
        if result.status != "graded":
            raise RuntimeError(f"{result.student} was not graded: {result.reasons}")
        if done % EVERY == 0:
            workers = [_resident(child.pid) for child in multiprocessing.active_children()]
            rows.append(
                {
                    "graded": done,
                    "seconds": round(time.monotonic() - started, 1),
                    "command MB": _resident("self"),
                    "worker MB": max(workers),
                }
            )
            print(rows[-1], file=sys.stderr)
    return rows


def _handed_in() -> Iterator[Submission]:
    contents = [nbformat.writes(each).encode() for each in submissions(LESSON, DIFFERENT)]
    for number, content in zip(range(STUDENTS), itertools.cycle(contents), strict=False):
        yield Submission(f"student-{number:04}", content)


def _resident(process: int | str | None) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return round(int(line.split()[1]) / 1000)
