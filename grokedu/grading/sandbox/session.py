"""A learner's session as the judge sees it: requests go out, and no reply is trusted."""

from __future__ import annotations

import json
import math
import time
from dataclasses import dataclass, replace
from typing import Any

from grokedu.classroom.checking import wire
from grokedu.classroom.checking.call import Reply, Request, read_reply, write_request
from grokedu.classroom.checking.guard import KEPT_OUTPUT, Crash, read_crash
from grokedu.grading.sandbox import worker
from grokedu.grading.sandbox.sandbox import Sandbox
from grokedu.grading.sandbox.worker import GRACE_SECONDS, PATIENCE

SMALL = 2**20


class SessionEndedError(Exception):
    """The session's process is gone, or says nothing a judge could read."""


class SessionHungError(SessionEndedError):
    """The session did not reply in time, and was ended."""


@dataclass(frozen=True)
class Ran:
    """How a cell ended: "ran", "raised", "timed out" or "ended" (its process with it)."""

    status: str
    crash: Crash | None = None
    printed: str = ""


@dataclass(frozen=True)
class Message:
    """A request, encoded once however often it is sent; ``seconds`` are those of its own time."""

    seconds: float
    body: bytes

    @classmethod
    def of(cls, request: Request) -> Message:
        """Encode a request, with more time by the clock than its own: see `worker.PATIENCE`."""
        patient = replace(request, seconds=PATIENCE * request.seconds)
        return cls(request.seconds, write_request(patient))


class Session:
    """One process of a sandbox, from its start to its end; usable as a context.

    Raises:
        SandboxError: the sandbox is gone.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._socket = sandbox.open()
        self.alive = True

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session's process, if it has not been ended."""
        if self.alive:
            self.alive = False
            self._sandbox.end(self._socket)

    def run(self, source: str, seconds: float, most: float = math.inf) -> Ran:
        """Run a cell; ``seconds`` count its own time, ``most`` is what it may take by our clock."""
        message = json.dumps({"source": source, "seconds": seconds}).encode()
        started = time.monotonic()
        try:
            reply = self._ask(worker.CELL + message, min(PATIENCE * seconds, most), dict)
        except SessionEndedError as error:
            return Ran(_ended(error, started, seconds))
        crash = _whole(read_crash(reply["crash"])) if isinstance(reply.get("crash"), dict) else None
        status, printed = reply.get("status"), reply.get("printed")
        return Ran(
            status if status in ("ran", "raised", "timed out") else "ended",
            crash,
            _letters(printed[:KEPT_OUTPUT]) if isinstance(printed, str) else "",
        )

    def call(self, request: Request | Message, most: float = math.inf) -> Reply:
        """Call a function of the learner's; ``most`` is what it may take by our own clock."""
        message = _message(request)
        allowed = int(1e6 * message.seconds).to_bytes(worker.LENGTH, "little")
        started = time.monotonic()
        try:
            reply = self._exchange(
                worker.CALL + allowed + message.body,
                min(PATIENCE * message.seconds, most),
                wire.MAX_BYTES,
            )
        except SessionEndedError as error:
            return Reply(_ended(error, started, message.seconds))
        read = read_reply(reply)
        return replace(
            read,
            printed=_letters(read.printed),
            reason=_letters(read.reason),
            crash=_whole(read.crash) if read.crash else None,
        )

    def calls_reference(self, request: Request | Message, id: str, most: float = math.inf) -> bool:
        """Whether an answer calls the reference of an exercise, as far as the session admits it."""
        message = _message(request)
        seconds = min(PATIENCE * message.seconds, most)
        try:
            return id in self._ask(worker.WATCH + message.body, seconds, list)
        except SessionEndedError:
            return False

    def used(self) -> float:
        """The processor time it has used so far, as far as the session admits it."""
        try:
            return self._ask(worker.USED, GRACE_SECONDS, float)
        except SessionEndedError:
            return math.inf

    def took_reference(self, id: str) -> bool:
        """Whether an answer is the reference of an exercise, as far as the session admits it."""
        try:
            return id in self._ask(worker.TAKEN, GRACE_SECONDS, list)
        except SessionEndedError:
            return False

    def _ask(self, body: bytes, seconds: float, kind: type) -> Any:
        """Exchange a message for JSON of a kind."""
        try:
            reply = json.loads(self._exchange(body, seconds, SMALL))
        except (ValueError, RecursionError):
            reply = None
        if not isinstance(reply, kind):
            self.close()
            raise SessionEndedError("a reply that is not what was asked for")
        return reply

    def _exchange(self, body: bytes, seconds: float, most: int) -> bytes:
        """Send a message and receive its reply; end the session when either fails."""
        if not self.alive:
            raise SessionEndedError("it was ended")
        deadline = time.monotonic() + seconds + GRACE_SECONDS
        try:
            self._socket.settimeout(seconds + GRACE_SECONDS)
            worker.send(self._socket, body)
            size = int.from_bytes(self._exactly(worker.LENGTH, deadline), "little")
            if not 0 < size <= most:
                raise SessionEndedError(f"a reply of {size} bytes")
            return self._exactly(size, deadline)
        except TimeoutError:
            self.close()
            raise SessionHungError("no reply in time") from None
        except (OSError, SessionEndedError) as error:
            self.close()
            raise SessionEndedError(str(error)) from None

    def _exactly(self, size: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            part = self._socket.recv(min(size - len(parts), SMALL))
            if not part:
                raise SessionEndedError("it hung up")
            parts += part
        return bytes(parts)


def _message(request: Request | Message) -> Message:
    return request if isinstance(request, Message) else Message.of(request)


def _ended(error: SessionEndedError, started: float, seconds: float) -> str:
    """How something ended: the kernel ends a process that does not see its own limit."""
    late = time.monotonic() - started >= seconds
    return "timed out" if late or isinstance(error, SessionHungError) else "ended"


def _letters(text: str) -> str:
    """The text as a file can hold it: JSON lets halves of letters through."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _whole(crash: Crash) -> Crash:
    return Crash(
        _letters(crash.type),
        _letters(crash.message),
        _letters(crash.function),
        crash.line,
        _letters(crash.text),
    )
