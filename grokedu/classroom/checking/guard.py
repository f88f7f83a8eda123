"""Running someone else's function: a time limit, silence, and a crash told by its own line."""

from __future__ import annotations

import contextlib
import ctypes
import io
import linecache
import logging
import os
import sys
import sysconfig
import threading
import time
import types
import warnings
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

KEPT_OUTPUT = 2000


class TimeLimit(BaseException):
    """Raised inside a function that ran past its limit; not an Exception, so rarely caught."""


@dataclass(frozen=True)
class Crash:
    """Where and how a function failed: the last line of its author's own code."""

    type: str
    message: str
    function: str = ""
    line: int = 0
    text: str = ""

    def as_data(self) -> dict[str, Any]:
        """As a plain dictionary, to send."""
        return asdict(self)


class _Watcher(threading.Thread):
    """Interrupts the threads whose time has come; one for the process, looking every 50 ms."""

    def __init__(self) -> None:
        super().__init__(daemon=True, name="grokedu time limits")
        self.ends: dict[int, float] = {}
        self.raised: set[int] = set()
        self.busy = False

    def run(self) -> None:
        while True:
            time.sleep(0.05)
            self.busy = True
            for thread, end in list(self.ends.items()):
                if time.monotonic() >= end and thread in self.ends:
                    self.raised.add(thread)
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(
                        ctypes.c_ulong(thread), ctypes.py_object(TimeLimit)
                    )
            self.busy = False

    def release(self, thread: int) -> None:
        """Watch a thread no longer, and let an interruption still under way arrive here."""
        self.ends.pop(thread, None)
        while self.busy:
            time.sleep(0.001)
        for _ in range(100 if thread in self.raised else 0):
            pass


_watcher = _Watcher()


def call_within(seconds: float, function: Callable[[], Any]) -> Any:
    """Call ``function()``, and interrupt it with `TimeLimit` once ``seconds`` have passed.

    Works in any thread and on any system, because the interpreter itself raises the interruption
    between two bytecodes. It is raised again and again, so that a function which swallows it does
    not get away. Code that never returns to the interpreter (a long call into C) is interrupted
    only when it comes back.

    >>> call_within(5.0, lambda: 1 + 1)
    2
    """
    global _watcher
    if not _watcher.is_alive():
        _watcher = _Watcher()
        _watcher.start()
    thread = threading.get_ident()
    _watcher.raised.discard(thread)
    try:
        try:
            _watcher.ends[thread] = time.monotonic() + seconds
            return function()
        finally:
            _watcher.release(thread)
    except TimeLimit:
        while True:
            try:
                _watcher.release(thread)
                break
            except TimeLimit:
                continue
        raise


class _Kept(io.StringIO):
    """Keeps the first characters written and drops the rest."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, KEPT_OUTPUT - self.tell())])
        return len(text)

    def close(self) -> None:
        """Stay open: whoever closes it closes what is not theirs."""


@contextlib.contextmanager
def quiet() -> Iterator[io.StringIO]:
    """Silence warnings, logging and stderr, C code's too; yields the start of what is printed."""
    printed = _Kept()
    disabled = logging.root.manager.disable
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(_descriptor_closed(2))
        stack.enter_context(contextlib.redirect_stdout(printed))
        stack.enter_context(contextlib.redirect_stderr(_Kept()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield printed
        finally:
            logging.disable(disabled)


@contextlib.contextmanager
def _descriptor_closed(descriptor: int) -> Iterator[None]:
    """Point a file descriptor at nothing for a while."""
    saved = os.dup(descriptor)
    try:
        _flush()
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, descriptor)
        os.close(nothing)
        yield
    finally:
        _flush()
        os.dup2(saved, descriptor)
        os.close(saved)


def _flush() -> None:
    """Let what Python still holds for stderr go where the descriptor points now."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.__stderr__.flush()  # type: ignore[union-attr]


def crash_report(error: BaseException) -> Crash:
    """Tell an exception by the last line of code that its author wrote.

    Frames of the standard library, of installed packages and of this package are skipped.
    """
    message = ""
    with contextlib.suppress(Exception):
        message = str(error) if isinstance(error, Exception) else ""
    found: types.TracebackType | None = None
    trace = error.__traceback__
    while trace is not None:
        if not _is_installed(trace.tb_frame.f_code.co_filename):
            found = trace
        trace = trace.tb_next
    if found is None:
        return Crash(type(error).__name__, message[:500])
    code = found.tb_frame.f_code
    text = linecache.getline(code.co_filename, found.tb_lineno).strip()
    return Crash(type(error).__name__, message[:500], code.co_name, found.tb_lineno, text[:200])


def read_crash(data: dict[Any, Any]) -> Crash:
    """A crash from data that may be anything."""
    texts = {
        name: str(data.get(name, ""))[:500] for name in ("type", "message", "function", "text")
    }
    line = data.get("line")
    return Crash(**texts, line=line if isinstance(line, int) else 0)


_PACKAGE = str(Path(__file__).parents[2])
_INSTALLED = (
    _PACKAGE,
    sysconfig.get_paths()["stdlib"],
    sysconfig.get_paths()["purelib"],
    sysconfig.get_paths()["platlib"],
    sys.prefix + os.sep + "lib",
)


def _is_installed(filename: str) -> bool:
    return filename.startswith(_INSTALLED) or filename.startswith("<frozen")
