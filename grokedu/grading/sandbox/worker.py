"""One learner's session, beside the learner's code: runs cells, answers calls, inside the sandbox.

What it replies is believed by nobody. A message on the socket is eight bytes of length, little end
first, and a body whose first byte says what it is:

- ``C`` and JSON: run a cell; the reply is JSON that tells how it went and what it printed;
- ``R``, eight bytes of the microseconds it may take (`allowance`), and a request of
  `grokedu.classroom.checking.call`: call a function; the reply is its reply;
- ``W`` and a request: call it again, watched; the reply is JSON, the references it called;
- ``T``: which answers are references that were taken, as JSON;
- ``U``: the processor time used so far, in seconds, as JSON.
"""

from __future__ import annotations

import json
import socket
import sys
import types
from collections.abc import Mapping, Sequence
from typing import Any

from grokedu.classroom.checking.call import respond
from grokedu.classroom.checking.guard import TimeLimit, call_within, crash_report, quiet
from grokedu.classroom.checking.probes import drive
from grokedu.grading.sandbox.allowance import PATIENCE, allowed, used
from grokedu.grading.sandbox.lesson_stub import (
    LessonStandIn,
    answers_taken,
    install,
    installed,
    references_called,
)

CELL, CALL, WATCH, TAKEN, USED = b"C", b"R", b"W", b"T", b"U"
LENGTH = 8


def shell() -> Any:
    """The shell of this process; judges read this module too, and need no IPython."""
    from grokedu.grading.sandbox.shell import shell

    return shell()


def prepare(lesson: str, references: Mapping[str, str], setup: Sequence[str]) -> None:
    """Run a lesson's own setup, which every session starts from.

    Raises:
        RuntimeError: a cell of it raised, in the sandbox as it is.
    """
    install(LessonStandIn(lesson, references, shell().user_ns))
    for source in setup:
        done = shell().run_cell(source, store_history=False, silent=True)
        error = done.error_before_exec or done.error_in_exec
        if error is not None:
            raise RuntimeError(f"the setup of {lesson} raised {type(error).__name__}: {error}")


def serve(session: socket.socket) -> None:
    """Answer until the judge hangs up."""
    names = shell().user_ns
    stand_in = installed()
    while body := receive(session):
        kind, content = body[:1], body[1:]
        if kind == CELL:
            reply = json.dumps(_run(**json.loads(content))).encode()
        elif kind == CALL:
            seconds = int.from_bytes(content[:LENGTH], "little") / 1e6
            with allowed(seconds, drive.__code__):
                reply = respond(names, content[LENGTH:])
        elif kind == WATCH:
            reply = json.dumps(references_called(stand_in, _watched(names, content))).encode()
        elif kind == USED:
            reply = json.dumps(used()).encode()
        else:
            reply = json.dumps(answers_taken(stand_in, names)).encode()
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
    """Run a cell as a notebook does, and tell how it ended."""
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
        told: dict[str, Any] = {"status": "ran"}
        if isinstance(error, TimeLimit):
            told = {"status": "timed out"}
        elif error is not None:
            crash = crash_report(error)
            told = {"status": "raised", "crash": crash.as_data()}
        return told | {"printed": printed.getvalue()}


def _watched(names: Mapping[str, Any], request: bytes) -> set[types.CodeType]:
    """The code that runs in a call."""
    seen: set[types.CodeType] = set()
    sys.setprofile(lambda frame, event, _: seen.add(frame.f_code))
    try:
        respond(names, request)
    finally:
        sys.setprofile(None)
    return seen
