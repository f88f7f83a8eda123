"""One call of a learner's function: a request goes out, a reply comes back, both plain data.

`respond` runs beside the learner's code; `local` is the other side when both are in one process.
A judge in another process sends the same bytes through a pipe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from grokedu.classroom import wire
from grokedu.classroom.guard import Crash, TimeLimit, call_within, crash_report, quiet
from grokedu.classroom.probes import drive

STATUSES = ("returned", "not attempted", "missing", "crashed", "timed out", "not data")


@dataclass(frozen=True)
class Request:
    """A call to make: the function's name, its arguments, the probe to drive it, its time limit."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    probe: str | None = None
    seconds: float = 5.0


@dataclass(frozen=True)
class Reply:
    """What came of a call: one of `STATUSES`, the result, and the inputs as the call left them."""

    status: str
    result: Any = None
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    printed: str = ""
    crash: Crash | None = None
    reason: str = ""


Caller = Callable[[Request], Reply]


def local(functions: Mapping[str, Any]) -> Caller:
    """A caller for functions of this process. Every value still crosses the wire, as a copy.

    >>> caller = local({"double": lambda x: 2 * x})
    >>> caller(Request("double", (21,))).result
    42
    """
    return lambda request: read_reply(respond(functions, write_request(request)))


def write_request(request: Request) -> bytes:
    """Encode a request."""
    return wire.encode(
        [request.name, request.probe, request.seconds, list(request.args), dict(request.kwargs)]
    )


def respond(functions: Mapping[str, Any], message: bytes) -> bytes:
    """Carry out an encoded request on the function of that name, and encode the reply.

    Whatever the function does short of ending the process becomes a reply; only a
    KeyboardInterrupt (the learner pressed stop) passes through.
    """
    name, probe, seconds, args, kwargs = wire.decode(message)
    if name not in functions:
        return wire.encode({"status": "missing"})
    reply: dict[str, Any] = {}
    with quiet() as printed, torch.random.fork_rng(devices=[]):
        try:
            result = call_within(seconds, lambda: drive(probe, functions[name], args, kwargs))
            reply = {"status": "returned", "result": result, "args": args, "kwargs": kwargs}
        except KeyboardInterrupt:
            raise
        except TimeLimit:
            reply = {"status": "timed out"}
        except NotImplementedError as error:
            reply = {"status": "crashed", "crash": crash_report(error).as_data()}
            if not error.args:
                reply = {"status": "not attempted"}
        except BaseException as error:
            reply = {"status": "crashed", "crash": crash_report(error).as_data()}
        reply["printed"] = printed.getvalue()
        try:
            return call_within(seconds, lambda: wire.encode(reply))
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            reason = str(error) if isinstance(error, wire.WireError) else "a value that lies"
            return wire.encode({"status": "not data", "reason": reason})


def read_reply(message: bytes) -> Reply:
    """Decode a reply, believing nothing about it: anything malformed is "not data"."""
    try:
        data = wire.decode(message)
        crash = Crash(**data["crash"]) if "crash" in data else None
        reply = Reply(
            status=data["status"],
            result=data.get("result"),
            args=tuple(data.get("args", ())),
            kwargs=dict(data.get("kwargs", {})),
            printed=str(data.get("printed", "")),
            crash=crash,
            reason=str(data.get("reason", "")),
        )
    except (wire.WireError, TypeError, KeyError, AttributeError, ValueError) as error:
        return Reply("not data", reason=str(error)[:200])
    return reply if reply.status in STATUSES else Reply("not data", reason="an unknown status")
