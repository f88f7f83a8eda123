"""One call of a learner's function: a request goes out and a reply comes back, both plain data.

A judge in another process sends a request as bytes through a pipe, and `respond` answers it in the
process of the learner's code. `local` makes the same call within one process. Nothing is encoded
then: values are copied, and those that are not plain data are refused.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import torch

from grokedu.classroom.checking import wire
from grokedu.classroom.checking.guard import (
    KEPT_OUTPUT,
    Crash,
    TimeLimit,
    call_within,
    crash_report,
    quiet,
    read_crash,
)
from grokedu.classroom.checking.probes import drive

Sent = TypeVar("Sent")
STATUSES = (
    "returned",
    "not attempted",
    "missing",
    "not callable",
    "crashed",
    "ended",
    "timed out",
    "not data",
)


@dataclass(frozen=True)
class Request:
    """A call to make.

    Attributes:
        name: the function's name.
        args, kwargs: its arguments.
        probe: the name of the probe that drives the function; None for a plain call.
        seconds: the time limit.
    """

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    probe: str | None = None
    seconds: float = 5.0


@dataclass(frozen=True)
class Reply:
    """What came back from a call.

    Attributes:
        status: one of `STATUSES`.
        result: what the function returned.
        args, kwargs: the arguments as the call left them.
        printed: the start of what the function printed.
        crash: where it raised an error, if it did.
        reason: why the result could not be read, or the type of what is not callable.
    """

    status: str
    result: Any = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    printed: str = ""
    crash: Crash | None = None
    reason: str = ""


Caller = Callable[[Request], Reply]


def local(functions: Mapping[str, Any]) -> Caller:
    """A caller for functions of this process. Values are copied, and must be plain data.

    Args:
        functions: the functions that can be called, by name.

    >>> caller = local({"double": lambda x: 2 * x})
    >>> caller(Request("double", (21,))).result
    42
    """
    return lambda request: _reply(_carry_out(functions, wire.cross(_parts(request)), wire.cross))


def write_request(request: Request) -> bytes:
    """Encode a request.

    Raises:
        WireError: an argument is not plain data.

    >>> wire.decode(write_request(Request("double", (21,))))
    ['double', None, 5.0, [21], {}]
    """
    return wire.encode(_parts(request))


def _parts(request: Request) -> list[Any]:
    kwargs = dict(request.kwargs)
    return [request.name, request.probe, request.seconds, list(request.args), kwargs]


def respond(functions: Mapping[str, Any], message: bytes) -> bytes:
    """Carry out an encoded request and encode the reply.

    Whatever the function does becomes a reply, unless it ends the process. Only a KeyboardInterrupt
    passes through: the learner pressed stop.

    Args:
        functions: the functions that can be called, by name.
        message: a request from `write_request`.

    Raises:
        WireError: the message is not a request.

    >>> read_reply(respond({"double": lambda x: 2 * x}, write_request(Request("halve")))).status
    'missing'
    """
    return _carry_out(functions, wire.decode(message), wire.encode)


def _carry_out(
    functions: Mapping[str, Any], request: Sequence[Any], send: Callable[[object], Sent]
) -> Sent:
    """Call the function that a request names, and send the reply."""
    name, probe, seconds, args, kwargs = request
    if name not in functions:
        return send({"status": "missing"})
    if not callable(functions[name]):
        return send({"status": "not callable", "reason": type(functions[name]).__name__})
    with quiet() as printed, torch.random.fork_rng(devices=[]):
        raised: BaseException | None = None
        reply: dict[str, Any] = {}
        try:
            result = call_within(seconds, lambda: drive(probe, functions[name], args, kwargs))
            reply = {"status": "returned", "result": result, "args": args, "kwargs": kwargs}
            if inspect.iscoroutine(result):
                result.close()
                reply = {"status": "not data", "reason": "it is `async`; write a plain `def`"}
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raised = error

        def send_reply() -> Sent:
            data = _raised(raised) if raised is not None else reply
            return send(data | {"printed": printed.getvalue()})

        # Sending a result or an error may run the learner's code again, so it is guarded too.
        try:
            return call_within(seconds, send_reply)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = str(error) if isinstance(error, wire.WireError) else "a value of a false type"
            return send({"status": "not data", "reason": reason})


def _raised(error: BaseException) -> dict[str, Any]:
    """The reply to a call that raised."""
    if isinstance(error, TimeLimit):
        return {"status": "timed out"}
    if isinstance(error, NotImplementedError) and not error.args:
        return {"status": "not attempted"}
    return {"status": "crashed", "crash": crash_report(error).as_data()}


def read_reply(message: bytes) -> Reply:
    """Decode a reply that cannot be trusted. If it is malformed, its status is "not data".

    >>> read_reply(b"no reply").status
    'not data'
    """
    try:
        data = wire.decode(message)
    except wire.WireError as error:
        return Reply("not data", reason=str(error))
    return _reply(data)


def _reply(data: Any) -> Reply:
    if not (isinstance(data, dict) and data.keys() <= _PARTS.keys()):
        return Reply("not data", reason="not a reply")
    if not all(isinstance(part, _PARTS[name]) for name, part in data.items()):
        return Reply("not data", reason="a reply whose parts have the wrong types")
    if data.get("status") not in STATUSES:
        return Reply("not data", reason="an unknown status")
    if "crash" in data:
        data["crash"] = read_crash(data["crash"])
    for name in ("printed", "reason"):
        data[name] = data.get(name, "")[:KEPT_OUTPUT]
    return Reply(**data | {"args": tuple(data.get("args", ()))})


_PARTS: dict[str, Any] = {
    "status": str,
    "result": object,
    "args": (list, tuple),
    "kwargs": dict,
    "printed": str,
    "crash": dict,
    "reason": str,
}
