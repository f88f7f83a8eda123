"""The process inside the sandbox that learners' sessions are forked from.

Started as ``python -m grokedu.classroom.grading.zygote`` with one end of a Unix socket as its
standard input. It imports torch and runs the lesson's own setup, once; then, for each session asked
for, it forks a process that limits itself and serves one learner. It runs no learner's code.

From the judge come a line of JSON with the settings, and then one byte at a time: ``S`` with a
socket attached starts a session on it, ``E`` ends it and wipes the folder. Each is answered by a
byte.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import sys
from pathlib import Path
from typing import Any

READY = b"R"
START, STARTED = b"S", b"s"
END, ENDED = b"E", b"e"


def main() -> None:
    """Serve until the judge closes its end."""
    control = socket.socket(fileno=os.dup(0))
    settings = json.loads(control.makefile("rb").readline())
    folder = Path(settings["folder"])
    os.chdir(folder)
    _silence()
    _prepare(settings)
    from grokedu.classroom.grading import confine

    if settings["confined"]:
        confine.hide()
    control.sendall(READY)
    child = 0
    while True:
        command, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if command == START and descriptors:
            child = _fork(settings, control, descriptors[0])
            os.close(descriptors[0])
            control.sendall(STARTED)
        elif command == END:
            _end(child, folder)
            child = 0
            control.sendall(ENDED)
        else:
            _end(child, folder)
            return


def _silence() -> None:
    """Leave no way to the instructor's terminal."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)


def _prepare(settings: dict[str, Any]) -> None:
    """Import what sessions need, so that none pays for it, and start no thread."""
    import torch

    torch.set_num_threads(1)
    import matplotlib as mpl

    mpl.use("agg")
    # The first optimizer makes torch import its compiler; a backward pass loads its engine.
    weight = torch.ones(1, requires_grad=True)
    torch.optim.SGD([weight], lr=1.0)
    weight.square().sum().backward()

    from grokedu.classroom.grading import learner

    learner.prepare(settings["lesson"], settings["references"], settings["setup"])


def _fork(settings: dict[str, Any], control: socket.socket, descriptor: int) -> int:
    """Fork the process of one session; it never returns from here."""
    child = os.fork()
    if child:
        return child
    try:
        control.close()
        session = socket.socket(fileno=descriptor)
        _limit(settings)
        from grokedu.classroom.grading import learner

        learner.serve(session)
    finally:
        os._exit(0)


def _limit(settings: dict[str, Any]) -> None:
    from grokedu.classroom.grading import confine

    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 2)
    os.close(nothing)
    confine.limit(settings["memory"], settings["seconds"], settings["file_size"])
    if settings["confined"]:
        confine.filter_system_calls()


def _end(child: int, folder: Path) -> None:
    """Kill a session's process, and remove what it wrote."""
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    for place in {folder, Path("/dev/shm")} if os.getpid() == 1 else {folder}:
        for entry in place.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry, ignore_errors=True)
            else:
                entry.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
