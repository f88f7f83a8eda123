"""The sandbox a learner's code runs in: no network, no files of the host, nothing that stays.

`bubblewrap <https://github.com/containers/bubblewrap>`_ makes it and starts the zygote in it;
`Sandbox` talks to that process, and hands out one session at a time.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import tempfile

from grokedu.grading.sandbox import confine, zygote
from grokedu.grading.sandbox.bubblewrap import (
    SandboxSettings,
    bubblewrap_command,
    environment,
    namespaces,
    writable,
)

BUBBLEWRAP, NONE = "bubblewrap", "none"
START_SECONDS = 120.0
_INSTALL = "on Debian or Ubuntu: apt install bubblewrap libseccomp2"


class SandboxError(RuntimeError):
    """The sandbox could not be made, or is gone; this says nothing about the learner's code."""


class SandboxLostError(SandboxError):
    """The sandbox was there, and is gone."""


def why_not() -> str:
    """Why no sandbox can be made here, in a line; empty when it can."""
    if not sys.platform.startswith("linux"):
        return "the sandbox needs Linux (on other systems, grade in a container or with WSL)"
    if shutil.which("bwrap") is None:
        return f"bubblewrap is not installed ({_INSTALL})"
    missing = confine.why_unconfined()
    if missing:
        return missing
    probe = ["bwrap", *namespaces(), "--ro-bind", "/", "/", "true"]
    try:
        tried = subprocess.run(probe, env={}, capture_output=True, text=True, timeout=30)
    except subprocess.TimeoutExpired:
        return "bubblewrap cannot start here: no end after 30 s"
    return f"bubblewrap cannot start here: {tried.stderr.strip()}" if tried.returncode else ""


class Sandbox:
    """A sandbox with a zygote in it, which comes up while other things are done."""

    def __init__(self, settings: SandboxSettings) -> None:
        self.settings = settings
        self._start()

    def _start(self) -> None:
        chosen = self.settings
        # Confined, a session writes to memory only: there is no folder that could be left behind.
        self._folder = None if chosen.confined else tempfile.TemporaryDirectory(prefix="grokedu-")
        inside = self._folder.name if self._folder else writable()
        self._said = tempfile.TemporaryFile()  # noqa: SIM115
        self._control, inner = socket.socketpair()
        python = [sys.executable, "-s", "-B", "-m", zygote.__name__]
        command = [*bubblewrap_command(chosen), *python] if chosen.confined else python
        with inner:
            self._process = subprocess.Popen(
                command,
                stdin=inner.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._said,
                env={} if chosen.confined else environment(inside),
                cwd="/" if chosen.confined else inside,
                start_new_session=True,
            )
        settings = {
            "folder": inside,
            "lesson": chosen.lesson,
            "setup": chosen.setup,
            "references": dict(chosen.references),
            "confined": chosen.confined,
            "memory": chosen.memory,
            "file_size": chosen.file_size,
            "seconds": chosen.seconds,
        }
        self._control.settimeout(START_SECONDS)
        self._control.sendall(json.dumps(settings).encode() + b"\n")
        self._ready = False

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def wait(self) -> None:
        """Wait until the zygote has imported what sessions need.

        Raises:
            SandboxError: the sandbox did not come up; the message has what was said.
        """
        if not self._ready:
            try:
                self._hear(zygote.READY)
            except SandboxLostError as error:
                raise SandboxError(str(error)) from None
            self._ready = True

    def open(self) -> socket.socket:
        """Start a session, and return our end of its socket.

        Raises:
            SandboxError: the sandbox did not come up.
            SandboxLostError: the zygote is gone.
        """
        self.wait()
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

        Where that cannot be done, the next session gets another sandbox.

        Raises:
            SandboxLostError: the zygote is gone.
        """
        session.close()
        try:
            self._control.sendall(zygote.END)
        except OSError:
            raise self._gone() from None
        if self._hear(zygote.ENDED, zygote.SOILED) == zygote.SOILED:
            self.close()
            self._start()

    def close(self) -> None:
        """End everything in the sandbox, and the sandbox."""
        self._control.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said.close()
        if self._folder:
            self._folder.cleanup()

    def _hear(self, *wanted: bytes) -> bytes:
        try:
            heard = self._control.recv(1)
        except OSError:
            heard = b""
        if heard not in wanted:
            raise self._gone()
        return heard

    def _gone(self) -> SandboxLostError:
        self._said.seek(0)
        said = self._said.read()[-500:].decode("utf-8", "replace").strip()
        return SandboxLostError("the sandbox is gone" + (f": {said}" if said else ""))
