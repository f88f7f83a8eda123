"""What is in a sandbox and what is not, what stays after a session, and what ends it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from grokedu.grading.sandbox import confine, sandbox
from grokedu.grading.sandbox.bubblewrap import SandboxSettings, bubblewrap_command, writable
from grokedu.grading.sandbox.sandbox import Sandbox, SandboxError, SandboxLostError, why_not
from grokedu.grading.sandbox.session import Ran, Session

starts = [
    pytest.mark.attacks,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "a sandbox can be made"),
]
SECRET = "GROKEDU_TEST_SECRET"
WRITABLE = writable()


@pytest.fixture(scope="module")
def made() -> Iterator[Sandbox]:
    os.environ[SECRET] = "hunter2"
    with Sandbox(
        SandboxSettings("90_workbench", ("import torch\n",), memory=2**29, file_size=2**22)
    ) as started:
        started.wait()
        yield started
    del os.environ[SECRET]


def ran(made: Sandbox, source: str) -> Ran:
    with Session(made) as session:
        return session.run(source, 10.0)


def printed(made: Sandbox, source: str) -> str:
    found = ran(made, source)
    assert found.status == "ran", found
    return found.printed.strip()


def raised(made: Sandbox, source: str) -> str:
    found = ran(made, source)
    assert found.crash is not None, found
    return found.crash.type


class TestWhyNot:
    def test_without_bubblewrap_it_says_how_to_install_it(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: None)
        assert why_not().startswith("bubblewrap is not installed (on Debian")

    def test_elsewhere_than_on_linux(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sandbox.sys, "platform", "darwin")
        assert "needs Linux" in why_not()

    def test_without_libseccomp(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(confine, "why_unconfined", lambda: "libseccomp is not installed")
        assert why_not() == "libseccomp is not installed"

    def test_where_it_may_not_start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        said = subprocess.CompletedProcess([], 1, "", "bwrap: No permissions to create namespace\n")
        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(confine, "why_unconfined", lambda: "")
        monkeypatch.setattr(subprocess, "run", lambda *args, **kwargs: said)
        assert why_not() == (
            "bubblewrap cannot start here: bwrap: No permissions to create namespace"
        )

    def test_where_it_starts_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def hang(*args: object, timeout: float, **kwargs: object) -> None:
            raise subprocess.TimeoutExpired("bwrap", timeout)

        monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
        monkeypatch.setattr(confine, "why_unconfined", lambda: "")
        monkeypatch.setattr(subprocess, "run", hang)
        assert why_not() == "bubblewrap cannot start here: no end after 30 s"


class TestCommand:
    def test_what_is_hidden_is_covered_where_it_would_be_seen(self) -> None:
        package = Path(confine.__file__).parents[2]
        command = bubblewrap_command(
            SandboxSettings("90_workbench", hidden=(str(package / "models"),))
        )
        covered = [command[at + 1] for at, word in enumerate(command) if word == "--tmpfs"]
        assert {str(package / "lessons"), str(package / "models")} <= set(covered)

    def test_what_would_not_be_seen_is_not_there_to_be_covered(self, tmp_path: Path) -> None:
        command = bubblewrap_command(
            SandboxSettings("90_workbench", hidden=(str(tmp_path), str(tmp_path / "no")))
        )
        assert str(tmp_path) not in command
        assert str(tmp_path / "no") not in command

    def test_sessions_write_where_nothing_else_is(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("grokedu.grading.sandbox.bubblewrap._let_in", lambda: ["/tmp/env"])
        assert writable() == "/var/tmp"


class Confined:
    pytestmark = starts


class TestWhatIsNotThere(Confined):
    def test_the_environment(self, made: Sandbox) -> None:
        told = printed(made, "import os\nprint(os.environ)")
        assert "hunter2" not in told
        assert str(Path.home()) not in told

    def test_files_of_the_host(self, made: Sandbox, tmp_path: Path) -> None:
        (tmp_path / "seed").write_text("1")
        there = [str(tmp_path / "seed"), "/etc/passwd", "/etc/hostname", str(Path.home() / ".ssh")]
        assert (
            printed(made, f"import os\nprint(*map(os.path.exists, {there}))")
            == "False " * 3 + "False"
        )

    def test_the_lessons(self, made: Sandbox) -> None:
        source = (
            "import os, grokedu\nprint(os.listdir(os.path.dirname(grokedu.__file__) + '/lessons'))"
        )
        assert printed(made, source) == "[]"
        assert printed(made, "from grokedu.lessons import l90_workbench\nprint('ok')") == "ok"
        assert raised(made, "import grokedu.lessons.l01_grokking") == "ModuleNotFoundError"

    def test_the_network(self, made: Sandbox) -> None:
        assert raised(made, "import socket\nsocket.socket()") == "PermissionError"

    def test_other_processes(self, made: Sandbox) -> None:
        source = "import os\nfound = {p for p in os.listdir('/proc') if p.isdecimal()}\n"
        source += "print(found - {str(os.getpid())})"
        assert printed(made, source) == "{'1'}"
        assert raised(made, "open('/proc/1/cmdline')") == "FileNotFoundError"
        assert raised(made, "import os\nos.fork()") == "PermissionError"

    def test_settings_of_the_kernel(self, made: Sandbox) -> None:
        source = "open('/proc/sys/fs/file-max', 'r+b')"
        assert raised(made, source) in ("OSError", "PermissionError")

    def test_a_way_to_write_to_what_is_let_in(self, made: Sandbox) -> None:
        for module in ("grokedu", "torch"):
            assert raised(made, f"import {module}\nopen({module}.__file__, 'a')") == "OSError"
        source = "import grokedu, os\nopen(os.path.dirname(grokedu.__file__) + '/lessons/x', 'w')"
        assert raised(made, source) == "OSError"


class TestWhatThereIsOf(Confined):
    def test_memory(self, made: Sandbox) -> None:
        assert raised(made, "bytearray(2**30)") == "MemoryError"

    def test_disk(self, made: Sandbox) -> None:
        assert raised(made, "open('big', 'wb').write(bytes(2**23))") == "OSError"
        source = "for n in range(9):\n    open(f'{n}', 'wb').write(bytes(2**20))"
        assert raised(made, source) == "OSError"

    def test_open_files(self, made: Sandbox) -> None:
        assert raised(made, "held = [open('/dev/null') for _ in range(1000)]") == "OSError"

    def test_threads(self, made: Sandbox) -> None:
        source = (
            "import threading\nthreading.stack_size(2**15)\nhold = threading.Event()\nwhile True:\n"
        )
        source += "    threading.Thread(target=hold.wait, daemon=True).start()"
        assert ran(made, source).status == "ended"


class TestWhatStays(Confined):
    LISTING = f"import os\nprint(os.listdir('{WRITABLE}') + os.listdir('/dev/shm'))"

    @pytest.mark.parametrize("folder", [WRITABLE, "/dev/shm"])
    def test_no_file(self, made: Sandbox, folder: str) -> None:
        source = f"import os\nopen('{folder}/left', 'w')\nos.makedirs('{folder}/a/b')"
        assert ran(made, source).status == "ran"
        assert printed(made, self.LISTING) == "[]"

    def test_no_name(self, made: Sandbox) -> None:
        assert ran(made, "torch.left = left = 1").status == "ran"
        assert printed(made, "print('left' in globals(), hasattr(torch, 'left'))") == "False False"

    @pytest.mark.parametrize(
        "source",
        [
            pytest.param(f"p = '{WRITABLE}/a'; os.makedirs(p + '/b'); os.chmod(p, 0)", id="locked"),
            pytest.param(f"os.chmod('{WRITABLE}', 0)", id="all locked"),
            pytest.param("for _ in range(2000): os.mkdir('d'); os.chdir('d')", id="deep"),
            pytest.param("for n in range(20000): open(f'{n}', 'w').close()", id="many"),
        ],
    )
    def test_nothing_that_cannot_be_removed(self, made: Sandbox, source: str) -> None:
        assert ran(made, f"import os\n{source}").status == "ran"
        assert printed(made, self.LISTING) == "[]"


@pytest.mark.attacks
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "a sandbox can be made")
def test_a_room_that_is_gone_says_so_and_cannot_be_mistaken_for_one_that_never_was() -> None:
    with Sandbox(SandboxSettings("90_workbench")) as made:
        session = Session(made)
        os.kill(made._process.pid, signal.SIGKILL)
        made._process.wait()
        with pytest.raises(SandboxLostError, match="the sandbox is gone"):
            session.close()
        with pytest.raises(SandboxLostError):
            Session(made)


@pytest.mark.attacks
@pytest.mark.skipif(bool(why_not()), reason=why_not() or "a sandbox can be made")
def test_a_setup_that_raises_is_told() -> None:
    with Sandbox(SandboxSettings("90_workbench", ("1 / 0",))) as made:
        with pytest.raises(SandboxError, match="ZeroDivisionError") as caught:
            made.wait()
        assert not isinstance(caught.value, SandboxLostError)
