"""What `make` says before pip starts: what cannot be supported is refused in one line."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from scripts.supported import Machine, why_not

DEBIAN_12 = Machine(python=(3, 11, 2), glibc=(2, 36))
MAC = Machine(python=(3, 13, 0), system="Darwin", processor="arm64", macos=(14, 0))


@pytest.mark.parametrize("wanted", ["learn", "dev"])
@pytest.mark.parametrize(
    "machine",
    [
        DEBIAN_12,
        Machine(python=(3, 10, 0), glibc=(2, 28), processor="aarch64"),
        MAC,
        Machine(python=(3, 12, 0), system="Windows", processor="amd64"),
    ],
)
def test_what_is_supported(machine: Machine, wanted: str) -> None:
    assert why_not(wanted, machine) == ""


@pytest.mark.parametrize(
    ("machine", "says"),
    [
        (Machine(python=(3, 9, 18)), "needs Python 3.10 or newer, and this is Python 3.9.18"),
        (Machine(python=(3, 15, 0)), "Python 3.15.0 is too new"),
        (Machine(python=(3, 14, 1)), "Python 3.14.1 cannot be used"),
        (Machine(implementation="PyPy"), "no wheels for PyPy"),
        (Machine(bits=32, processor="i686"), "a 32-bit Python"),
        (Machine(system="Darwin", macos=(15, 1)), "Intel's processors"),
        (replace(MAC, macos=(13, 6)), "needs macOS 14 or newer, and this is 13.6"),
        (Machine(glibc=(2, 27)), "needs glibc 2.28 or newer, and this system has glibc 2.27"),
        (Machine(), "has another C library"),
        (Machine(glibc=(2, 36), processor="riscv64"), "Linux on riscv64"),
        (Machine(system="Windows", processor="arm64"), "Windows on arm64"),
        (Machine(system="FreeBSD", processor="amd64"), "FreeBSD on amd64"),
    ],
)
def test_what_is_refused_in_a_line(machine: Machine, says: str) -> None:
    reason = why_not("learn", machine)
    assert says in reason
    assert "\n" not in reason


def test_the_tests_need_an_older_python_than_the_lessons() -> None:
    newest = Machine(python=(3, 14, 0), glibc=(2, 36))
    assert why_not("learn", newest) == ""
    assert "Use Python 3.10 to 3.13" in why_not("dev", newest)


@pytest.fixture
def clone(root: Path, tmp_path: Path) -> Path:
    """What environment.sh reads, and a folder `bin` with the programs that it calls."""
    folder = tmp_path / "clone"
    shutil.copytree(root / "scripts", folder / "scripts")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(root / name, folder)
    (folder / "bin").mkdir()
    for name in ("sh", "cat", "cksum", "dirname", "rm", "sed", "uname"):
        program = shutil.which(name)
        assert program is not None
        (folder / "bin" / name).symlink_to(program)
    return folder


def program(clone: Path, name: str, *lines: str) -> Path:
    """A shell script among the programs of a clone."""
    path = clone / "bin" / name
    path.write_text("\n".join(["#!/bin/sh", *lines, ""]))
    path.chmod(0o755)
    return path


def environment(clone: Path, wanted: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", str(clone / "scripts" / "environment.sh"), wanted],
        env={"PATH": str(clone / "bin"), "TORCH_INDEX": "", **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_no_python_at_all(clone: Path) -> None:
    run = environment(clone, "learn")
    assert (run.returncode, run.stdout) == (1, "")
    assert run.stderr == (
        "No Python was found: grokedu needs Python 3.10 or newer."
        " Name another Python: make learn PYTHON=/path/to/python3\n"
    )


def test_an_old_python_is_refused_before_anything_is_made(clone: Path) -> None:
    program(clone, "python3", '[ "$1" = --version ] && echo "Python 3.9.2"')
    run = environment(clone, "dev")
    assert run.returncode == 1
    assert run.stderr.startswith("grokedu needs Python 3.10 or newer, and this is Python 3.9.2.")
    assert run.stderr.count("\n") == 1
    assert not (clone / ".venv").exists()


def test_a_python_that_is_named_is_the_only_one_tried(clone: Path) -> None:
    program(clone, "python3", "exit 0")
    run = environment(clone, "learn", PYTHON="nowhere/python3")
    assert run.stderr.startswith("No Python was found")


def test_the_reason_of_supported_py_is_passed_on(clone: Path) -> None:
    says = (
        'case $1 in --version) echo "Python 3.13.0" ;; *.py) echo "a reason." >&2; exit 1 ;; esac'
    )
    program(clone, "python3", says)
    run = environment(clone, "learn")
    assert (run.returncode, run.stderr) == (
        1,
        "a reason. Name another Python: make learn PYTHON=/path/to/python3\n",
    )


MAKES_AN_ENVIRONMENT = """\
case "$*" in
  --version) echo "Python 3.12.0" ;;
  "-m venv .venv") /bin/mkdir -p .venv/bin; /bin/cp "$0" .venv/bin/python ;;
  "-m pip install"*) {pip} ;;
esac
"""


def test_pip_is_not_silent(clone: Path) -> None:
    pip = "for n in 1 2; do echo Collecting package-$n; done; echo Installing collected packages"
    program(clone, "python3", MAKES_AN_ENVIRONMENT.format(pip=pip))
    run = environment(clone, "learn")
    assert run.returncode == 0, run.stderr
    assert "Packages found: 1 (package-1)\n" in run.stdout
    assert "Installing them" in run.stdout
    assert (clone / ".venv" / "ready-learn").exists()
    assert environment(clone, "learn").stdout == ""


def test_an_installation_that_fails_is_not_taken_for_done(clone: Path) -> None:
    program(clone, "python3", MAKES_AN_ENVIRONMENT.format(pip="echo conflict >&2; exit 1"))
    run = environment(clone, "learn")
    assert run.returncode != 0
    assert "conflict" in run.stderr
    assert not (clone / ".venv" / "ready-learn").exists()
