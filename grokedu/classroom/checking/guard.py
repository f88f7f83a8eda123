"""Run a learner's function under a time limit, in silence, and report where it crashed."""

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
    """Raised in a function that ran past its time limit.

    It is not an Exception, so that `except Exception` in the function does not catch it.
    """


@dataclass(frozen=True)
class Crash:
    """An error that a function raised, and the last line of the author's own code before it.

    Attributes:
        type, message: the error's.
        function, line, text: where it happened; 0 and empty if that is not known.
    """

    type: str
    message: str
    function: str = ""
    line: int = 0
    text: str = ""

    def as_data(self) -> dict[str, Any]:
        """The crash as a plain dictionary; `read_crash` reads it.

        >>> read_crash(Crash("ValueError", "no").as_data())
        Crash(type='ValueError', message='no', function='', line=0, text='')
        """
        return asdict(self)


class _Watcher(threading.Thread):
    """Interrupts the threads whose time is up. One serves the whole process, and looks every 50 ms.

    Attributes:
        ends: for each watched thread, when its time is up.
        raised: the threads that were interrupted.
        busy: whether it is just interrupting threads.
    """

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
        """Stop watching a thread, and let an interruption that is on its way arrive here."""
        self.ends.pop(thread, None)
        while self.busy:
            time.sleep(0.001)
        for _ in range(100 if thread in self.raised else 0):
            pass


_watcher = _Watcher()


def call_within(seconds: float, function: Callable[[], Any]) -> Any:
    """Call ``function()`` and interrupt it when its time is up.

    This works in any thread and on any system, because the interpreter itself raises the error
    between two bytecodes. It is raised again and again, so that a function which catches it is
    still stopped. A long call into C is interrupted only when it returns to the interpreter.

    Args:
        seconds: the time limit.
        function: what to call.

    Returns:
        What the function returned.

    Raises:
        TimeLimit: the time was up.

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


class _FirstCharacters(io.StringIO):
    """Keeps the first `KEPT_OUTPUT` characters that are written and drops the rest."""

    def write(self, text: str) -> int:
        super().write(text[: max(0, KEPT_OUTPUT - self.tell())])
        return len(text)

    def close(self) -> None:
        """Stay open, because the learner's code may close a stream that it did not open."""


@contextlib.contextmanager
def quiet() -> Iterator[io.StringIO]:
    """Silence warnings, logging and stderr, including what C code writes there.

    Yields:
        The stream that receives what is printed; it keeps the first `KEPT_OUTPUT` characters.

    >>> with quiet() as printed:
    ...     print("hello")
    >>> printed.getvalue()
    'hello\\n'
    """
    printed = _FirstCharacters()
    disabled = logging.root.manager.disable
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):
            stack.enter_context(_descriptor_closed(2))
        stack.enter_context(contextlib.redirect_stdout(printed))
        stack.enter_context(contextlib.redirect_stderr(_FirstCharacters()))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield printed
        finally:
            logging.disable(disabled)


@contextlib.contextmanager
def _descriptor_closed(descriptor: int) -> Iterator[None]:
    """Send what is written to a file descriptor nowhere for a while."""
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
    """Write what Python has buffered for stderr to where the descriptor points now."""
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.__stderr__.flush()  # type: ignore[union-attr]


def crash_report(error: BaseException) -> Crash:
    """Describe an exception by the last line of the author's own code.

    Args:
        error: a caught exception. Frames of the standard library, of installed packages and of this
            package are skipped.
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
    """A crash from data that cannot be trusted.

    >>> read_crash({"type": "ValueError", "line": "seven"}).line
    0
    """
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
