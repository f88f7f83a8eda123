"""Grades folders of submissions in a process of its own, so that a batch that hangs can be ended.

``python -m tests.attacks.run_batch FOLDER`` reads ``FOLDER/LESSON/`` for each lesson, and writes
``FOLDER/results.jsonl``: a line a submission. Whatever a batch starts and leaves behind becomes
this process's child; it waits until all of them have ended, and so never ends before they do.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from grokedu.grading.intake.intake import handed_in
from grokedu.grading.judging import batch
from grokedu.grading.judging.plan import Plan, make_plan
from grokedu.grading.result import Result, Submission
from grokedu.lessons import find
from tests.attacks.corpus import ROOT

SEED = 731984265180347
JOBS = 2
HONEST = "honest"
_PR_SET_CHILD_SUBREAPER = 36


def main(folder: Path) -> None:
    """Grade what was handed in, first the honest by themselves, then all together."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    with (folder / "results.jsonl").open("w", encoding="utf-8") as stream:
        for lesson in sorted(path.name for path in (folder / "submitted").iterdir()):
            plan = short_plan(lesson)
            submissions = list(handed_in(folder / "submitted" / lesson, lesson))
            honest = [each for each in submissions if HONEST in each.student]
            for how, few, jobs in (("alone", honest, 1), ("together", submissions, JOBS)):
                for result in graded(few, plan, jobs):
                    stream.write(json.dumps([how, result.record(), result.notebook]) + "\n")
                    stream.flush()
    (folder / "graded").touch()
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def short_plan(lesson: str) -> Plan:
    """How a lesson is graded here: as everywhere, in less time."""
    release = ROOT / "course" / lesson / f"{lesson}.ipynb"
    plan = make_plan(lesson, find, release, SEED)
    return replace(plan, cell_seconds=2.0, check_seconds=8.0, student_seconds=60.0)


def graded(submissions: Iterable[Submission], plan: Plan, jobs: int) -> Iterable[Result]:
    """The results, as they come."""
    for _, result in batch.grade_each(submissions, plan, batch.processes(plan), jobs):
        yield result


if __name__ == "__main__":
    main(Path(sys.argv[1]))
