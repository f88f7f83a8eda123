"""Running someone else's function: stopped in time, silent, and a crash told by its own line."""

from __future__ import annotations

import ctypes
import logging
import os
import subprocess
import sys
import threading
import time
import warnings

import pytest
import torch

from grokedu.classroom.checking.guard import (
    KEPT_OUTPUT,
    TimeLimit,
    call_within,
    crash_report,
    quiet,
)


def endless():
    while True:
        pass


def swallows_in_finally():
    try:
        endless()
    finally:
        endless()


def draws_forever():
    weights = torch.zeros(3)
    while True:
        weights = weights + 1


def prints_forever():
    while True:
        print("x" * 1000)


ENDLESS = [endless, swallows_in_finally, draws_forever]


def stopped_after(function, seconds=0.1) -> float:
    start = time.monotonic()
    with pytest.raises(TimeLimit):
        call_within(seconds, function)
    return time.monotonic() - start


@pytest.mark.parametrize("function", ENDLESS)
def test_endless_functions_are_stopped(function):
    assert 0.1 <= stopped_after(function) < 5.0


def test_swallowing_the_interruption_does_not_help_for_long():
    tries = 0

    def swallows_ten_times():
        nonlocal tries
        while tries < 10:
            try:
                endless()
            except BaseException:
                tries += 1
        endless()

    assert stopped_after(swallows_ten_times) < 10.0
    assert tries == 10


def test_a_function_that_swallows_and_returns_is_an_ordinary_return():
    def gives_up():
        try:
            endless()
        except BaseException:
            return "late"

    assert call_within(0.1, gives_up) == "late"
    for _ in range(200_000):
        pass


def test_endless_functions_are_stopped_in_another_thread():
    outcomes = []

    def work():
        outcomes.append(stopped_after(endless))
        outcomes.append(call_within(5.0, lambda: "alive"))

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(outcomes) == 6
    assert outcomes.count("alive") == 3


def test_what_returns_is_returned_and_what_is_raised_is_raised():
    assert call_within(5.0, lambda: [1]) == [1]
    with pytest.raises(KeyError, match="x"):
        call_within(5.0, lambda: {}["x"])
    with pytest.raises(KeyboardInterrupt):
        call_within(5.0, lambda: (_ for _ in ()).throw(KeyboardInterrupt()))


def test_nothing_fires_after_the_call_returned():
    """Calls that end just about when their time does; whatever fires later would fail the loop."""
    late = 0
    for extra in range(40):
        ends = time.monotonic() + 0.03 + extra * 0.001

        def works(ends=ends):
            while time.monotonic() < ends:
                pass

        try:
            call_within(0.05, works)
        except TimeLimit:
            late += 1
        after = time.monotonic() + 0.01
        while time.monotonic() < after:
            pass
    after = time.monotonic() + 0.3
    while time.monotonic() < after:
        pass
    assert late < 40


def test_a_forked_child_has_its_own_limits():
    code = (
        "import os, sys\n"
        "from grokedu.classroom.checking.guard import call_within, TimeLimit\n"
        "call_within(1.0, int)\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    try:\n"
        "        call_within(0.1, lambda: [0 for _ in iter(int, 1)])\n"
        "    except TimeLimit:\n"
        "        os._exit(7)\n"
        "    os._exit(1)\n"
        "sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 7


def writes_everywhere():
    print("to stdout")
    print("to stderr", file=sys.stderr)
    sys.__stderr__.write("kept by Python, with no line end")
    os.write(2, b"to the descriptor\n")
    libc = ctypes.CDLL(None)
    libc.dprintf(2, b"from C\n")
    warnings.warn("a warning", stacklevel=1)
    logging.getLogger("x").critical("a log")
    logging.warning("another")
    sys.stderr.close()


def test_nothing_reaches_stderr_and_print_is_kept(capfd):
    with quiet() as printed:
        writes_everywhere()
    sys.__stderr__.flush()
    assert capfd.readouterr() == ("", "")
    assert printed.getvalue() == "to stdout\n"


def test_silence_ends_with_the_call(capfd):
    with pytest.raises(ValueError, match="x"), quiet():
        raise ValueError("x")
    print("out")
    print("err", file=sys.stderr)
    os.write(2, b"fd\n")
    logging.getLogger("x").setLevel(logging.INFO)
    assert logging.getLogger("x").isEnabledFor(logging.INFO)
    out, err = capfd.readouterr()
    assert (out, sorted(err.split())) == ("out\n", ["err", "fd"])


def test_what_was_written_before_is_not_lost(capfd):
    sys.__stderr__.write("before")
    with quiet():
        pass
    assert capfd.readouterr().err == "before"


def test_endless_printing_takes_no_memory():
    with quiet() as printed:
        stopped_after(prints_forever)
    assert len(printed.getvalue()) == KEPT_OUTPUT


def report_of(function):
    try:
        function()
    except BaseException as error:
        return crash_report(error)


def test_a_crash_is_told_by_its_authors_last_line():
    def inner(rows):
        return torch.stack(rows)  # their line

    def outer():
        return inner([torch.zeros(2), torch.zeros(3)])

    crash = report_of(outer)
    assert (crash.type, crash.function) == ("RuntimeError", "inner")
    assert crash.text == "return torch.stack(rows)  # their line"
    assert "stack expects each tensor to be equal size" in crash.message


def test_a_crash_in_a_notebooks_cell_shows_the_cells_line():
    source = "def forward(x):\n    y = x + 1\n    return y / 0\n"
    names = {}
    exec(compile(source, "/tmp/ipykernel_12/345.py", "exec"), names)
    import linecache

    linecache.cache["/tmp/ipykernel_12/345.py"] = (len(source), None, source.splitlines(True), "")
    crash = report_of(lambda: names["forward"](1))
    assert (crash.function, crash.line, crash.text) == ("forward", 3, "return y / 0")


class BadText(Exception):
    def __str__(self):
        raise RuntimeError


def test_errors_that_cannot_be_told_are_told_by_type():
    def fails():
        raise BadText

    assert (report_of(fails).type, report_of(fails).message) == ("BadText", "")
    assert report_of(sys.exit).type == "SystemExit"
    assert report_of(lambda: int("x" * 9000)).message[-1] == "x"
    assert len(report_of(lambda: int("x" * 9000)).message) <= 500
