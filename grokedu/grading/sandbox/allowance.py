"""How long a learner's code may take on a machine that others use too: processor time first.

A right answer must not be late because thirty others are graded beside it. So what counts is the
processor time of the session; by the clock there is `PATIENCE` times as much, for code that waits.
"""

from __future__ import annotations

import contextlib
import math
import resource
import signal
import time
from collections.abc import Iterator
from types import CodeType, FrameType

import torch

from grokedu.classroom.checking.guard import TimeLimit

PATIENCE = 4.0
GRACE_SECONDS = 2.0  # for a session to notice its own limit
_AGAIN_SECONDS = 0.05


@contextlib.contextmanager
def allowed(seconds: float, inside: CodeType) -> Iterator[None]:
    """Raise `TimeLimit` in this thread, the main one, when so much processor time has gone.

    It is raised again and again, but only where a call of ``inside`` is under way: what reads the
    result is not interrupted. Code that does not come back to the interpreter is ended by the
    kernel, and its process with it. Threads that torch was told to use are no loss: it is raised no
    sooner than after ``seconds`` by the clock.
    """
    started = time.monotonic()

    def interrupt(number: int, frame: FrameType | None) -> None:
        while frame is not None and frame.f_code is not inside:
            frame = frame.f_back
        if frame is not None and time.monotonic() - started >= seconds:
            raise TimeLimit

    most = resource.getrlimit(resource.RLIMIT_CPU)[1]
    soft = math.ceil(used() + seconds * torch.get_num_threads() + GRACE_SECONDS)
    if most == resource.RLIM_INFINITY or soft < most:
        resource.setrlimit(resource.RLIMIT_CPU, (soft, most))
    signal.signal(signal.SIGPROF, interrupt)
    signal.setitimer(signal.ITIMER_PROF, max(seconds, _AGAIN_SECONDS), _AGAIN_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0.0)
        resource.setrlimit(resource.RLIMIT_CPU, (most, most))


def used() -> float:
    """The processor time of this process so far, its threads' too, in seconds."""
    taken = resource.getrusage(resource.RUSAGE_SELF)
    return taken.ru_utime + taken.ru_stime
