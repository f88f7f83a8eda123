"""The process inside the sandbox that learners' sessions are forked from.

Started as ``python -m grokedu.grading.sandbox.zygote`` with one end of a Unix socket as its
standard input. It imports torch and runs the lesson's own setup, once; then, for each session asked
for, it forks a process that limits itself and serves one learner. It runs no learner's code.

From the judge come a line of JSON with the settings, and then one byte at a time: ``S`` with a
socket attached starts a session on it, ``E`` ends it and wipes the folders. Each is answered by a
byte; ``x`` after ``E`` says that they could not be wiped, and that the next session needs another
sandbox.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import socket
from pathlib import Path
from typing import Any

READY = b"R"
START, STARTED = b"S", b"s"
END, ENDED, SOILED = b"E", b"e", b"x"
# More files than honest code makes; to be rid of a sandbox is quicker than to remove as many.
MOST_FILES = 10_000
# Nothing else counts threads: the kernel's own limit does not hold where root grades.
MOST_THREADS, GLANCE_SECONDS = 64, 0.05


def main() -> None:
    """Serve until the judge closes its end."""
    control = socket.socket(fileno=os.dup(0))
    settings = json.loads(control.makefile("rb").readline())
    folder, confined = Path(settings["folder"]), settings["confined"]
    os.chdir(folder)
    _silence()
    _prepare(settings)
    from grokedu.grading.sandbox import confine

    if confined:
        confine.hide()
    places = [folder, Path("/dev/shm")] if confined else [folder]
    for place in places:  # so that the first session finds what every other finds
        _wipe(place, confined)
    control.sendall(READY)
    child = 0
    while True:
        while confined and child and not select.select([control], [], [], GLANCE_SECONDS)[0]:
            if _threads(child) > MOST_THREADS:
                os.kill(child, signal.SIGKILL)
        command, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if command == START and descriptors:
            child = _fork(settings, control, descriptors[0])
            os.close(descriptors[0])
            control.sendall(STARTED)
        elif command == END:
            _kill(child)
            child = 0
            wiped = [_wipe(place, confined) for place in places]
            control.sendall(ENDED if all(wiped) else SOILED)
        else:
            _kill(child)
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
    from grokedu.grading.sandbox import worker

    worker.load_torch()
    worker.prepare(settings["lesson"], settings["references"], settings["setup"])


def _fork(settings: dict[str, Any], control: socket.socket, descriptor: int) -> int:
    """Fork the process of one session; it never returns from here."""
    child = os.fork()
    if child:
        return child
    try:
        control.close()
        session = socket.socket(fileno=descriptor)
        _limit(settings)
        from grokedu.grading.sandbox import worker

        worker.serve(session)
    finally:
        os._exit(0)


def _limit(settings: dict[str, Any]) -> None:
    from grokedu.grading.sandbox import confine

    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 2)
    os.close(nothing)
    confine.limit(settings["memory"], settings["seconds"], settings["file_size"])
    if settings["confined"]:
        confine.filter_system_calls()


def _threads(child: int) -> int:
    """How many threads a process has: the 20th entry of its line, proc_pid_stat(5)."""
    return int(Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[17])


def _kill(child: int) -> None:
    """End a session's process, if there is one."""
    if child:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _wipe(place: Path, confined: bool) -> bool:
    """Remove what a session wrote; False when that takes long or cannot be done."""
    try:
        os.chmod(place, 0o700)
        space = os.statvfs(place)
        if confined and space.f_files - space.f_ffree > MOST_FILES:
            return False
        for entry in list(os.scandir(place)):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, ignore_errors=True)
            else:
                os.unlink(entry.path)
        return not os.listdir(place)
    except (OSError, RecursionError):
        return False


if __name__ == "__main__":
    main()
