"""A pool of processes that can be ended at once, whatever they are doing.

Workers take no notice of ^C, which a terminal sends to all of them: the process that started them
ends them. So they also end when only that one is interrupted, and say nothing.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

from grokedu.grading.sandbox import confine

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
