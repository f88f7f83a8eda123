"""What a process may no longer do once it is confined, each tried in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from grokedu.grading.sandbox.confine import why_unconfined

pytestmark = pytest.mark.skipif(bool(why_unconfined()), reason=why_unconfined() or "it can be")
FILTERED = """\
import ctypes, errno, fcntl, os, resource, signal, socket, threading
from grokedu.grading.sandbox import confine
confine.filter_system_calls()
"""


def tried(source: str) -> str:
    """What a process prints that confines itself and goes on."""
    done = subprocess.run(
        [sys.executable, "-c", FILTERED + source], capture_output=True, text=True, timeout=60
    )
    return done.stdout.strip() or done.stderr.strip().rpartition("\n")[2] or str(done.returncode)


@pytest.mark.parametrize(
    "call",
    [
        "os.fork()",
        "os.posix_spawn('/bin/true', ['true'], {})",
        "os.execv('/bin/true', ['true'])",
        "socket.socket()",
        "os.kill(os.getppid(), 0)",
        "os.kill(-1, 0)",
        "resource.prlimit(os.getppid(), resource.RLIMIT_AS)",
        "fcntl.fcntl(0, fcntl.F_SETOWN, os.getppid())",
        "fcntl.ioctl(0, 0x8901, bytes(4))",
        "os.setpriority(os.PRIO_PROCESS, os.getppid(), 5)",
        "os.sched_setaffinity(0, {0})",
        "os.setxattr('/tmp', 'user.note', b'1')",
        "os.memfd_create('left')",
    ],
)
def test_it_reaches_nobody_else(call: str) -> None:
    assert "PermissionError" in tried(f"print({call})")


@pytest.mark.parametrize(
    ("call", "gives"),
    [
        ("os.kill(os.getpid(), 0)", "None"),
        ("len(socket.socketpair())", "2"),
        ("resource.getrlimit(resource.RLIMIT_CORE)[0] >= -1", "True"),
        ("fcntl.fcntl(0, fcntl.F_GETFD) >= 0", "True"),
        ("os.getpid() > 0", "True"),
    ],
)
def test_it_still_works_by_itself(call: str, gives: str) -> None:
    assert tried(f"print({call})") == gives


def test_threads_still_start() -> None:
    source = "made = threading.Thread(target=print, args=('ran',)); made.start(); made.join()"
    assert tried(source) == "ran"


def test_calls_that_came_later_are_said_not_to_exist() -> None:
    source = (
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "print(libc.syscall(467, -100, b'/', 1, 0, 0), ctypes.get_errno() == errno.ENOSYS)"
    )
    assert tried(source) == "-1 True"


@pytest.mark.parametrize(
    ("name", "most"), [("FSIZE", 1000), ("NOFILE", 256), ("CORE", 0), ("CPU", 7)]
)
def test_limits_hold_for_good(name: str, most: int) -> None:
    source = f"""\
confine.limit(2**30, 7, 1000)
which = resource.RLIMIT_{name}
print(resource.getrlimit(which) == ({most}, {most}))
"""
    assert tried(source) == "True"


def test_memory_beyond_what_it_has_is_refused() -> None:
    source = "confine.limit(2**26, 60, 1000)\nbytearray(2**20)\nbytearray(2**27)"
    assert "MemoryError" in tried(source)


def test_a_hidden_process_cannot_be_traced() -> None:
    get_dumpable = "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    assert tried(get_dumpable) == "1"
    assert tried(f"confine.hide()\n{get_dumpable}") == "0"


def test_it_dies_with_the_process_that_started_it() -> None:
    inner = (
        "import os, signal; from grokedu.grading.sandbox.confine import die_with_parent;"
        "die_with_parent(); os.write(1, b'up'); signal.pause()"
    )
    outer = (
        "import os, subprocess, sys;"
        f"made = subprocess.Popen([sys.executable, '-c', {inner!r}], stdout=subprocess.PIPE);"
        "made.stdout.read(2); os.kill(os.getpid(), 9)"
    )
    read, write = os.pipe()
    process = subprocess.Popen([sys.executable, "-c", outer], stderr=write)
    os.close(write)
    with os.fdopen(read) as stream:
        assert stream.read() == ""  # to its end: nobody holds the other side any more
    assert process.wait(timeout=60) == -signal.SIGKILL
