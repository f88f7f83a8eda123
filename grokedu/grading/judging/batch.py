"""Grading many submissions, on several processes or a cluster: no submission stops the others.

Submissions are read as they are needed, so memory does not grow with their number. What could not
be graded because its worker ended or hangs is tried once more, by itself; if that fails too, it
needs review.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from dataclasses import replace
from typing import Any, TypeVar

from grokedu.grading.judging.assess import Grader, assess, warm_up
from grokedu.grading.judging.plan import Plan
from grokedu.grading.result import Result, Submission
from grokedu.grading.sandbox import confine
from grokedu.grading.sandbox.sandbox import SandboxError, SandboxLostError

MakeExecutor = Callable[[int], Executor]
PATIENCE = 3  # times what a submission may take


def processes(plan: Plan) -> MakeExecutor:
    """Makes pools of processes on this machine, each with a sandbox of its own from the start."""
    return lambda jobs: Pool(jobs, warm_up, plan)


def grade_each(
    submissions: Iterable[Submission], plan: Plan, make: MakeExecutor, jobs: int
) -> Iterator[tuple[Submission, Result]]:
    """Grade submissions and yield each with its result, in the order they are done.

    A worker that hangs holds up its own submission only; when none has come to an end for
    `PATIENCE` times what a submission may take, those that are left have failed.

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
            done, stuck = wait(waiting, _patience(plan), return_when=FIRST_COMPLETED)
            for future in done:
                submission = waiting.pop(future)
                error = _error(future)
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
            if stuck and not done:
                failed += waiting.values()
                waiting.clear()
                broken = True
            if broken and not waiting:
                _end(executor, stuck)
                executor, broken = make(jobs), False
    finally:
        _end(executor, waiting)
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


def _patience(plan: Plan) -> float:
    return PATIENCE * plan.student_seconds


def _error(future: Future[Result]) -> BaseException | None:
    """What a future that is done failed with; to have been cancelled is a failure too."""
    return CancelledError("it was cancelled") if future.cancelled() else future.exception()


def _end(executor: Executor, waiting: Iterable[Future[Result]]) -> None:
    """Let go of an executor, without waiting for what it still does."""
    if isinstance(executor, Pool):
        executor.kill()
        return
    for future in waiting:
        future.cancel()
    executor.shutdown(wait=False)


def _alone(submission: Submission, plan: Plan, make: MakeExecutor) -> Result:
    """Grade a submission by itself; it needs review when that fails again."""
    executor = make(1)
    waiting: list[Future[Result]] = []
    try:
        future = _submit(executor, submission, plan)
        waiting.append(future)
        done, _ = wait(waiting, _patience(plan))
        error = _error(future) if done else TimeoutError(f"no end after {_patience(plan):g} s")
        if error is None:
            return future.result()
        reason = f"grading it failed twice, so a person looks at it: {_said(error)}"
        # Without the submission's digest it counts as not graded: the next run tries again.
        return replace(Grader(plan).unreadable(submission, reason), submission="")
    finally:
        _end(executor, waiting)


def _said(error: BaseException) -> str:
    """What an error says, as far as its first sentence goes.

    >>> _said(RuntimeError("a worker died. Its last words: ..."))
    'a worker died'
    """
    said = re.split(r"[.!?](?=\s)|\n", str(error).strip(), maxsplit=1)[0]
    return said[:200].rstrip(".") or type(error).__name__


def dask(address: str) -> tuple[MakeExecutor, int]:
    """Makes executors on a cluster, and says how many submissions it grades at once.

    Raises:
        ValueError: Dask is not installed.
        OSError: there is no scheduler at the address.
    """
    try:
        from dask.distributed import Client
    except ImportError:
        raise ValueError("--executor needs Dask: pip install 'grokedu[research]'") from None
    client = Client(address, timeout=20)
    make: Callable[[], Executor] = client.get_executor
    return lambda jobs: make(), max(1, sum(client.nthreads().values()))


T = TypeVar("T")


class Pool(ProcessPoolExecutor):
    """Processes of this machine that end with this one.

    Args:
        jobs: how many.
        start: called in each with ``given`` before all else.
    """

    def __init__(self, jobs: int, start: Callable[..., None], *given: Any) -> None:
        # A forked worker has torch already; elsewhere than on Linux forking is not safe.
        method = "fork" if sys.platform.startswith("linux") else "spawn"
        context = multiprocessing.get_context(method)
        super().__init__(jobs, context, initializer=_start, initargs=(start, given))

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """As of any executor; the processes start with the first."""
        with _interrupts_wait():
            return super().submit(fn, *args, **kwargs)

    def kill(self) -> None:
        """End the processes now, and with them all that was submitted."""
        processes, results = list((self._processes or {}).values()), self._result_queue
        self.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        # A process may have been in the middle of a result, whose rest would be waited for.
        if results is not None:
            results._writer.close()  # type: ignore[attr-defined]


@contextlib.contextmanager
def _interrupts_wait() -> Iterator[None]:
    """Hold back interrupts, also from processes started meanwhile, until they let them in."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(start: Callable[..., None], given: tuple[Any, ...]) -> None:
    confine.die_with_parent()
    # A handler, not SIG_IGN: what a worker starts, such as a sandbox, has the usual one again.
    signal.signal(signal.SIGINT, _no_notice)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    start(*given)


def _no_notice(number: int, frame: object) -> None:
    """What a worker does on ^C."""
