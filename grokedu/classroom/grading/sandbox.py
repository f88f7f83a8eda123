"""The room a learner's code runs in: no network, no files of the host, nothing that stays.

`bubblewrap <https://github.com/containers/bubblewrap>`_ makes the room and starts the zygote in it;
`Sandbox` talks to that process, and hands out one session at a time.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import shutil
import site
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import grokedu
from grokedu.classroom.grading import confine, zygote

BUBBLEWRAP, NONE = "bubblewrap", "none"
START_SECONDS = 120.0
MB = 2**20
_INSTALL = "on Debian or Ubuntu: apt install bubblewrap libseccomp2"


class SandboxError(RuntimeError):
    """The sandbox could not be made, or is gone; nothing is said about the learner's code."""


@dataclass(frozen=True)
class Room:
    """What is in the room, and how much of it there is.

    Attributes:
        lesson: the lesson's name, which its stand-in goes by.
        setup: the sources of its own cells before the first answer; they are run once.
        references: by exercise, for the stand-in: see `LessonStandIn`.
        confined: whether bubblewrap and seccomp hold the code; if not, only limits do.
        hidden: files and folders that stay out though they are inside what is let in.
        memory, file_size: bytes a session may take, and may write to a file or to all of them.
        seconds: processor time a session may take.
    """

    lesson: str
    setup: tuple[str, ...] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    confined: bool = True
    hidden: tuple[str, ...] = ()
    memory: int = 2048 * MB
    file_size: int = 64 * MB
    seconds: int = 300


def why_not() -> str:
    """Why no sandbox can be made here, in a line; empty when it can."""
    if not sys.platform.startswith("linux"):
        return "the sandbox needs Linux (on other systems, grade in a container or with WSL)"
    if shutil.which("bwrap") is None:
        return f"bubblewrap is not installed ({_INSTALL})"
    missing = confine.why_unconfined()
    if missing:
        return missing
    probe = ["bwrap", *_namespaces(), "--ro-bind", "/", "/", "true"]
    tried = subprocess.run(probe, env={}, capture_output=True, text=True, timeout=30, check=False)
    return f"bubblewrap cannot start here: {tried.stderr.strip()}" if tried.returncode else ""


class Sandbox:
    """A room with a zygote in it.

    Raises:
        SandboxError: it did not come up; the message has what was said.
    """

    def __init__(self, room: Room) -> None:
        self.room = room
        self._folder = tempfile.TemporaryDirectory(prefix="grokedu-session-")
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._control, inner = socket.socketpair()
        inside = "/tmp/session" if room.confined else self._folder.name
        python = [sys.executable, "-s", "-B", "-m", zygote.__name__]
        command = [*_bubblewrap(room), *python] if room.confined else python
        with inner:
            self._process = subprocess.Popen(
                command,
                stdin=inner.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                env={} if room.confined else _environment(self._folder.name),
                cwd=self._folder.name,
                start_new_session=True,
            )
        settings = {
            "folder": inside,
            "lesson": room.lesson,
            "setup": room.setup,
            "references": dict(room.references),
            "confined": room.confined,
            "memory": room.memory,
            "file_size": room.file_size,
            "seconds": room.seconds,
        }
        self._control.settimeout(START_SECONDS)
        self._control.sendall(json.dumps(settings).encode() + b"\n")
        self._ready = False

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def open(self) -> socket.socket:
        """Start a session, and return our end of its socket.

        Raises:
            SandboxError: the zygote is gone.
        """
        if not self._ready:
            self._hear(zygote.READY)
            self._ready = True
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [zygote.START], [theirs.fileno()])
            except OSError:
                ours.close()
                raise self._gone() from None
        self._hear(zygote.STARTED)
        return ours

    def end(self, session: socket.socket) -> None:
        """End a session: its process is killed, and what it wrote removed.

        Raises:
            SandboxError: the zygote is gone.
        """
        session.close()
        try:
            self._control.sendall(zygote.END)
        except OSError:
            raise self._gone() from None
        self._hear(zygote.ENDED)

    def close(self) -> None:
        """End everything in the room, and the room."""
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()
        self._folder.cleanup()

    def _hear(self, wanted: bytes) -> None:
        try:
            heard = self._control.recv(1)
        except OSError:
            heard = b""
        if heard != wanted:
            raise self._gone()

    def _gone(self) -> SandboxError:
        self._said.seek(0)
        said = self._said.read()[-500:].decode("utf-8", "replace").strip()
        return SandboxError("the sandbox is gone" + (f": {said}" if said else ""))


def _namespaces() -> list[str]:
    return ["--unshare-all", "--cap-drop", "ALL", "--die-with-parent", "--new-session"]


def _bubblewrap(room: Room) -> list[str]:
    """The command that makes the room."""
    size = str(room.file_size)
    made = ["bwrap", *_namespaces(), "--as-pid-1", "--uid", "65534", "--gid", "65534"]
    made += ["--hostname", "sandbox", "--ro-bind", "/usr", "/usr"]
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        if Path("/", name).is_symlink():
            made += ["--symlink", os.readlink(f"/{name}"), f"/{name}"]
        elif Path("/", name).is_dir():
            made += ["--ro-bind", f"/{name}", f"/{name}"]
    for name in ("ld.so.cache", "alternatives", "localtime", "fonts"):
        made += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    made += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", "/dev/shm"):
        made += ["--size", size, "--tmpfs", folder]
    made += ["--dir", "/tmp/session"]
    for path in _let_in():
        made += ["--ro-bind", path, path]
    for path in (*_lessons(), *room.hidden):
        made += ["--tmpfs", path] if Path(path).is_dir() else ["--ro-bind", "/dev/null", path]
    for path in ("/dev", "/"):
        made += ["--remount-ro", path]
    for name, value in _environment("/tmp/session").items():
        made += ["--setenv", name, value]
    return [*made, "--chdir", "/tmp/session"]


def _let_in() -> list[str]:
    """The folders of the host that Python, its packages and this one are in, outermost only."""
    package = Path(grokedu.__file__).parent
    wanted = [Path(sys.prefix), Path(sys.base_prefix), package, *map(Path, site.getsitepackages())]
    wanted = [path for path in wanted if path.is_dir() and not path.is_relative_to("/usr")]
    roots = {
        path
        for path in wanted
        if not any(path != other and path.is_relative_to(other) for other in wanted)
    }
    return sorted(map(str, roots))


def _lessons() -> list[str]:
    """Where the lessons are, ours and those of other packages: references and hidden cases."""
    hidden = {str(Path(grokedu.__file__).parent / "lessons")}
    for entry in importlib.metadata.entry_points(group="grokedu.lessons"):
        found = importlib.util.find_spec(entry.module.partition(".")[0])
        if found is not None:
            hidden |= {*(found.submodule_search_locations or []), found.origin or ""}
    return sorted(path for path in hidden if path and Path(path).exists())


def _environment(folder: str) -> dict[str, str]:
    """All that the code may know of the instructor's environment: nothing but this."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": folder,
        "USER": "learner",
        "LANG": "C.UTF-8",
        "TMPDIR": folder,
        "MPLBACKEND": "agg",
        "MPLCONFIGDIR": f"{folder}/matplotlib",
        "IPYTHONDIR": f"{folder}/ipython",
        "GROKEDU_HOME": f"{folder}/progress",
        "OMP_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "NBGRADER_EXECUTION": "autograde",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
