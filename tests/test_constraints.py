"""The pins: no Python that a line is meant for is refused by its release, and all of them resolve.

Nothing is installed. The resolver is uv, which can act as any Python on any system and reads only
metadata. Wheels are asked for, since learners have no compilers. The extras of the tests are
resolved on Windows too, though grading's sandbox runs on Linux only: building lessons does not need
it. torch is resolved from the index like the rest. Its CUDA packages are the only ones without a
pin: torch itself requires exact releases of them, and none is downloaded.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import metadata
from itertools import product
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from scripts.supported import NEWEST, Machine, why_not

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.10.0", "3.11.0", "3.11.2", "3.12.0", "3.13.0")
# Lessons run on it, and the tests do not.
LEARNERS_ONLY = "3.14.0"
LEARNER, CONTRIBUTOR = ("learn", "lab"), ("learn", "lab", "grade", "dev")
# uv's names of the systems, with Python's own.
SYSTEMS = {
    "x86_64-manylinux_2_28": "linux",
    "aarch64-apple-darwin": "darwin",
    "x86_64-pc-windows-msvc": "win32",
}
MACOS = "14.0"
OF_CUDA = re.compile(r"(cuda|nvidia)-.*|triton")


@cache
def pins() -> tuple[Requirement, ...]:
    """The lines of constraints.txt."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return tuple(Requirement(line) for line in lines if line and not line.startswith("#"))


def applies(pin: Requirement, python: str, system: str) -> bool:
    """Whether a line is meant for a Python on a system."""
    minor = ".".join(python.split(".")[:2])
    here = {"python_full_version": python, "python_version": minor, "sys_platform": system}
    return pin.marker is None or pin.marker.evaluate(here)


def every_python() -> Iterator[str]:
    """The releases that `make learn` accepts, and more of them than there are yet."""
    for minor, patch in product(range(10, NEWEST["learn"][1] + 1), range(25)):
        if not why_not("learn", Machine(python=(3, minor, patch), glibc=(2, 36))):
            yield f"3.{minor}.{patch}"


def refused(pin: Requirement, requires: str) -> list[str]:
    """The Pythons that a line is meant for and its release refuses."""
    accepted = SpecifierSet(requires)
    return [
        python
        for python in every_python()
        if python not in accepted
        and any(applies(pin, python, system) for system in SYSTEMS.values())
    ]


def test_no_line_is_meant_for_a_python_that_its_release_refuses() -> None:
    looked_at, wrong = 0, {}
    for pin in pins():
        try:
            release = metadata.distribution(pin.name)
        except metadata.PackageNotFoundError:
            continue
        # torch adds the name of its build to the version.
        if pin.specifier.contains(release.version.partition("+")[0]):
            looked_at += 1
            if pythons := refused(pin, release.metadata["Requires-Python"] or ""):
                wrong[str(pin)] = pythons
    assert looked_at > 100
    assert wrong == {}


def test_a_line_for_too_many_pythons_is_noticed() -> None:
    pin = Requirement('soupsieve==4.1.2 ; python_version >= "3.11"')
    assert refused(pin, ">=3.11.5") == ["3.11.0", "3.11.1", "3.11.2", "3.11.3", "3.11.4"]


def test_a_python_is_refused_for_the_release_that_refuses_it() -> None:
    """Whoever removes 3.14.1 from the refused ones is told by the first test."""
    assert "3.14.1" not in every_python()
    assert "3.14.1" not in SpecifierSet(metadata.metadata("networkx")["Requires-Python"])


def test_no_package_has_two_pins_at_once() -> None:
    for python, system in product(every_python(), set(SYSTEMS.values())):
        names = [canonicalize_name(pin.name) for pin in pins() if applies(pin, python, system)]
        assert len(names) == len(set(names)), (python, system)


@cache
def pip_settings() -> dict[str, str]:
    """What pip is configured to do here; the environment goes before the files."""
    command = [sys.executable, "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.findall(r"^(:env:|install|global)\.([\w-]+)='(.*)'$", listed, re.MULTILINE)
    ranked = sorted(found, key=lambda each: ("global", "install", ":env:").index(each[0]))
    return {name: value for _, name, value in ranked}


def resolved(
    requirements: Sequence[str], python: str, system: str, folder: Path
) -> tuple[list[str], str]:
    """The names that uv finds for some requirements, or else why it finds none.

    Args:
        folder: where uv keeps what it has read.
    """
    settings = pip_settings()
    # uv does not read pip's configuration. pip takes the best release of all its indexes.
    indexes = ["--index-strategy", "unsafe-best-match"]
    if "index-url" in settings:
        indexes += ["--default-index", settings["index-url"]]
    for address in settings.get("extra-index-url", "").split():
        indexes += ["--index", address]
    for host in settings.get("trusted-host", "").split():
        indexes += ["--allow-insecure-host", host]
    environment = os.environ | {"MACOSX_DEPLOYMENT_TARGET": MACOS}
    if "cert" in settings:
        environment["SSL_CERT_FILE"] = settings["cert"]
    command = [sys.executable, "-m", "uv", "pip", "compile", *requirements, *indexes]
    command += ["--python-version", python, "--python-platform", system]
    command += ["--constraints", "constraints.txt", "--cache-dir", str(folder)]
    command += ["--quiet", "--no-build", "--no-python-downloads", "--no-header", "--no-annotate"]
    run = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120
    )
    if run.returncode != 0:
        return [], run.stderr
    return re.findall(r"^([\w.-]+)==", run.stdout, re.MULTILINE), ""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for what uv reads, where the package index can be reached."""
    folder = tmp_path_factory.mktemp("uv")
    asked = folder / "requirements.in"
    asked.write_text("six\n")
    _, problem = resolved([str(asked)], "3.12.0", "x86_64-manylinux_2_28", folder)
    if problem:
        pytest.skip(f"no package index can be reached: {problem.strip().splitlines()[-1]}")
    return folder


@pytest.mark.pins
@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    ("python", "extras"),
    [*((python, CONTRIBUTOR) for python in PYTHONS), (LEARNERS_ONLY, LEARNER)],
    ids=lambda value: value if isinstance(value, str) else ",".join(value),
)
def test_the_pins_resolve(python: str, extras: tuple[str, ...], system: str, folder: Path) -> None:
    wanted = ["pyproject.toml", *(f"--extra={extra}" for extra in extras)]
    names, problem = resolved(wanted, python, system, folder)
    assert not problem
    assert "torch" in names
    active = [pin for pin in pins() if applies(pin, python, SYSTEMS[system])]
    pinned = {canonicalize_name(pin.name) for pin in active}
    assert {name for name in names if not OF_CUDA.fullmatch(name)} <= pinned
