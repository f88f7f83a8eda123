"""Grading many submissions, on several processes or a cluster: one of them never stops the rest.

Submissions are read as they are needed, so memory does not grow with their number. What could not
be graded because its worker went away is tried once more, alone; if that fails too, a person looks.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)

from grokedu.classroom.grading import confine
from grokedu.classroom.grading.assess import Grader, assess, warm_up
from grokedu.classroom.grading.plan import Plan
from grokedu.classroom.grading.result import Result, Submission
from grokedu.classroom.grading.sandbox import SandboxError, SandboxLostError

MakeExecutor = Callable[[int], Executor]


def processes(plan: Plan) -> MakeExecutor:
    """Makes pools of processes on this machine, each with a sandbox of its own from the start."""
    # A forked worker has torch already; elsewhere than on Linux forking is not safe.
    method = "fork" if sys.platform.startswith("linux") else "spawn"

    def make(jobs: int) -> Executor:
        context = multiprocessing.get_context(method)
        return ProcessPoolExecutor(jobs, context, initializer=_start, initargs=(plan,))

    return make


def _start(plan: Plan) -> None:
    confine.die_with_parent()
    warm_up(plan)


def grade_each(
    submissions: Iterable[Submission], plan: Plan, make: MakeExecutor, jobs: int
) -> Iterator[tuple[Submission, Result]]:
    """Grade submissions and yield each with its result, in the order they are done.

    Raises:
        SandboxError: no sandbox can be made here; nothing was graded.
    """
    failed: list[Submission] = []
    waiting: dict[Future[Result], Submission] = {}
    stream = iter(submissions)
    more, broken, any_done = True, False, False
    executor = make(jobs)
    try:
        while more or waiting:
            while more and not broken and len(waiting) < 2 * jobs:
                submission = next(stream, None)
                more = submission is not None
                if submission is not None:
                    waiting[_submit(executor, submission, plan)] = submission
            done, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                submission = waiting.pop(future)
                error = future.exception()
                if error is None:
                    any_done = True
                    yield submission, future.result()
                elif (
                    isinstance(error, SandboxError)
                    and not isinstance(error, SandboxLostError)
                    and not any_done
                ):
                    raise error
                else:
                    failed.append(submission)
                    broken = broken or isinstance(error, BrokenExecutor)
            if broken and not waiting:
                executor.shutdown(wait=False)
                executor, broken = make(jobs), False
    finally:
        for future in waiting:
            future.cancel()
        executor.shutdown(wait=False)
    for submission in failed:
        yield submission, _alone(submission, plan, make)


def _submit(executor: Executor, submission: Submission, plan: Plan) -> Future[Result]:
    """Submit; an executor that broke gives a future that says so."""
    try:
        return executor.submit(assess, submission, plan)
    except BrokenExecutor as error:
        future: Future[Result] = Future()
        future.set_exception(error)
        return future


def _alone(submission: Submission, plan: Plan, make: MakeExecutor) -> Result:
    """Grade a submission with nothing else beside it; to review when it fails again."""
    executor = make(1)
    try:
        return _submit(executor, submission, plan).result()
    except Exception as error:
        said = str(error).partition("\n")[0] or type(error).__name__
        reason = f"grading it failed twice, so a person looks at it: {said}"
        return Grader(plan).unreadable(submission, reason)
    finally:
        executor.shutdown(wait=False)
