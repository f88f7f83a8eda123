"""One learner's session, beside the learner's code: runs cells, answers calls, inside the sandbox.

No reply is trusted. Judges import this module too, for its constants, and need no IPython: the
kernel is imported where it is used. A message on the socket is eight bytes of length, little end
first, and a body whose first byte says what it is:

- ``C`` and JSON: run a cell; the reply is JSON: how it went and what it printed;
- ``R``, eight bytes of the microseconds it may take (`allowed`), and a request of
  `grokedu.classroom.checking.call`: call a function; the reply is its reply;
- ``W`` and a request: call it again, watched; the reply is JSON, the references it called;
- ``T``: which answers are references that were taken, as JSON;
- ``U``: the processor time used so far, in seconds, as JSON.
"""

from __future__ import annotations

import contextlib
import json
import math
import resource
import signal
import socket
import sys
import time
import types
from collections.abc import Iterator, Mapping, Sequence
from types import CodeType, FrameType
from typing import Any

import torch

from grokedu.classroom.checking.call import respond
from grokedu.classroom.checking.guard import TimeLimit, call_within, crash_report, quiet
from grokedu.classroom.checking.probes import drive

CELL, CALL, WATCH, TAKEN, USED = b"C", b"R", b"W", b"T", b"U"
LENGTH = 8
# A right answer must not be late because thirty others are graded beside it. So what counts is the
# processor time of the session; by the clock there is this much more, for code that waits.
PATIENCE = 4.0
GRACE_SECONDS = 2.0  # for a session to notice its own limit
_AGAIN_SECONDS = 0.05


def prepare(lesson: str, references: Mapping[str, str], setup: Sequence[str]) -> None:
    """Run a lesson's own setup, which every session starts from.

    Raises:
        RuntimeError: a cell of it raised, in the sandbox as it is.
    """
    from grokedu.grading.sandbox import kernel

    shell = kernel.shell()
    kernel.install(kernel.LessonStub(lesson, references, shell.user_ns))
    for source in setup:
        done = shell.run_cell(source, store_history=False, silent=True)
        error = done.error_before_exec or done.error_in_exec
        if error is not None:
            raise RuntimeError(f"the setup of {lesson} raised {type(error).__name__}: {error}")


def serve(session: socket.socket) -> None:
    """Answer until the judge hangs up."""
    from grokedu.grading.sandbox import kernel

    names, stub = kernel.shell().user_ns, kernel.installed()
    while body := receive(session):
        kind, content = body[:1], body[1:]
        if kind == CELL:
            reply = json.dumps(_run(**json.loads(content))).encode()
        elif kind == CALL:
            seconds = int.from_bytes(content[:LENGTH], "little") / 1e6
            with allowed(seconds, drive.__code__):
                reply = respond(names, content[LENGTH:])
        elif kind == WATCH:
            reply = json.dumps(kernel.references_called(stub, _watched(names, content))).encode()
        elif kind == USED:
            reply = json.dumps(used()).encode()
        else:
            reply = json.dumps(kernel.answers_taken(stub, names)).encode()
        send(session, reply)


def receive(session: socket.socket) -> bytes:
    """The body of the next message; empty when the other side has hung up."""
    head = _exactly(session, LENGTH)
    return _exactly(session, int.from_bytes(head, "little")) if len(head) == LENGTH else b""


def send(session: socket.socket, body: bytes) -> None:
    """Send one message."""
    session.sendall(len(body).to_bytes(LENGTH, "little") + body)


def _exactly(session: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = session.recv(min(size - len(parts), 2**20))
        if not part:
            return b""
        parts += part
    return bytes(parts)


def _run(source: str, seconds: float) -> dict[str, Any]:
    """Run a cell as a notebook does, and say how it ended."""
    from grokedu.grading.sandbox.kernel import shell

    with quiet() as printed:
        try:
            with allowed(seconds, type(shell()).run_cell.__code__):
                done = call_within(
                    PATIENCE * seconds,
                    lambda: shell().run_cell(source, store_history=False, silent=False),
                )
            error = done.error_before_exec or done.error_in_exec
        except BaseException as raised:
            error = raised
        reply: dict[str, Any] = {"status": "ran"}
        if isinstance(error, TimeLimit):
            reply = {"status": "timed out"}
        elif error is not None:
            crash = crash_report(error)
            reply = {"status": "raised", "crash": crash.as_data()}
        return reply | {"printed": printed.getvalue()}


def _watched(names: Mapping[str, Any], request: bytes) -> set[types.CodeType]:
    """The code that runs in a call."""
    seen: set[types.CodeType] = set()
    sys.setprofile(lambda frame, event, _: seen.add(frame.f_code))
    try:
        respond(names, request)
    finally:
        sys.setprofile(None)
    return seen


@contextlib.contextmanager
def allowed(seconds: float, inside: CodeType) -> Iterator[None]:
    """Raise `TimeLimit` in this thread, the main one, when so much processor time has gone.

    It is raised again and again, but only where a call of ``inside`` is under way: what reads the
    result is not interrupted. Code that does not come back to the interpreter is ended by the
    kernel, and its process with it. Threads that torch may use cost nothing: it is raised no
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


def load_torch() -> None:
    """Load what training needs; the second time there is nothing left to do."""
    # The first optimizer makes torch import its compiler; a backward pass loads its engine.
    weight = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    weight.square().sum().backward()
    optimizer.step()
