"""What `make test`, `make test-full` and `make check` run: every step, and then a summary.

Steps that use one core run two at a time, and what each says is printed when it ends. With
GROKEDU_CI=1 a skipped test is a failure.
"""

from __future__ import annotations

import argparse
import ctypes.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from tests.nearest import changed, nearest

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
STEP_SECONDS = 1800
# `make check` takes two minutes: the tests that have started by then may take the rest.
CHECK_SECONDS = 100
# To collect the tests of more files would take the time in which the nearest can run.
CHECK_FILES = 40
QUICK = ("lint", "format", "floors", "types")
# Kept out of the step "unit", each a step of its own. The longest come first, so that two at a
# time end together.
APART = ("grading", "browser", "notebooks", "attacks", "pins", "binder")


@dataclass(frozen=True)
class Program:
    """A program that tests need beside Python."""

    package: str
    is_there: Callable[[], object]
    needed_for: str
    how: str


PROGRAMS = (
    Program(
        "chromium",
        lambda: any(map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))),
        "the tests in a browser",
        "apt-get install chromium (Debian), or brew install --cask chromium (macOS)",
    ),
    Program(
        "bubblewrap",
        lambda: shutil.which("bwrap"),
        "tests of the sandbox and attacks on it",
        "apt-get install bubblewrap (Debian); it is for Linux only",
    ),
    Program(
        "libseccomp2",
        lambda: ctypes.util.find_library("seccomp"),
        "tests of the sandbox and attacks on it",
        "apt-get install libseccomp2 (Debian); it is for Linux only",
    ),
    Program(
        "postgresql",
        lambda: list(Path("/usr/lib/postgresql").glob("*/bin/initdb")),
        "tests of a shared gradebook in `make test-full`",
        "apt-get install postgresql (Debian)",
    ),
)


@dataclass(frozen=True)
class Step:
    """A command.

    Attributes:
        cores: how many it keeps busy.
        may_be_empty: whether it passes when pytest finds no test.
    """

    name: str
    command: list[str]
    cores: int = 1
    may_be_empty: bool = False


@dataclass
class Outcome:
    """What one step gave."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0
    note: str = ""


_PRINTING = threading.Lock()


def main() -> int:
    """Run the steps, print the summary, return an exit status."""
    began = time.time()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="full scale; up to an hour")
    parser.add_argument(
        "--changed",
        action="store_true",
        help="the quick steps and the unit tests nearest to what has changed; two minutes",
    )
    parser.add_argument(
        "--only", metavar="STEPS", default="", help="run only these, separated by commas or spaces"
    )
    given = parser.parse_args()
    environment = _environment(given.full)
    known = steps(given.full)
    if given.changed:
        known = [step for step in known if step.name in QUICK] + nearest_tests(began)
    names = [step.name for step in known]
    wanted = re.findall(r"[^\s,]+", given.only) or names
    for name in wanted:
        if name not in names:
            parser.error(f"there is no step {name!r}; there are: {', '.join(names)}")
    if not given.changed:
        provide_programs()
    outcomes = run_all([step for step in known if step.name in wanted], environment)
    strict = environment.get("GROKEDU_CI") == "1"
    return summarise(outcomes, strict=strict, seconds=time.time() - began)


def steps(full: bool) -> list[Step]:
    """All steps."""
    python = sys.executable
    return [
        Step("lint", [python, "-m", "ruff", "check", "."]),
        Step("format", [python, "-m", "ruff", "format", "--check", "."]),
        Step("floors", [str(BIN / "lint-imports"), "--no-logo"]),
        Step("types", [python, "-m", "mypy"]),
        Step("drift", [python, "-m", "grokedu.cli", "build", "--check"]),
        *(
            # At full scale a lesson's time is measured, so nothing may run beside it. A browser
            # and the servers it asks keep two cores busy, and its waiting has limits.
            Step(
                name,
                _pytest("tests", marker=name, full=full),
                2 if full or name == "browser" else 1,
            )
            for name in APART
        ),
        Step("unit", _pytest("-n", "2", "--dist", "worksteal", apart=APART, full=full), 2),
    ]


def nearest_tests(began: float) -> list[Step]:
    """The unit tests of what has changed, nearest first, as long as there is time."""
    try:
        files = nearest(ROOT, changed(ROOT))
    except RuntimeError as problem:
        sys.exit(str(problem))
    if not files:
        print("Nothing has changed that has unit tests.")
        return []
    if len(files) > CHECK_FILES:
        print(f"The change touches {len(files)} files of tests; the nearest {CHECK_FILES} are run.")
    # Named first, since pytest reads the conftest.py of the files that it is given only.
    arguments = [
        "tests/conftest.py",
        *files[:CHECK_FILES],
        f"--stop-at={began + CHECK_SECONDS:.0f}",
    ]
    # Workers take one test after another, so that the nearest are run first.
    one_by_one = ["-n", "2", "--dist", "load", "--maxschedchunk", "1"]
    return [Step("unit", _pytest(*one_by_one, *arguments, apart=APART, full=False), 2, True)]


def run_all(chosen: Sequence[Step], environment: dict[str, str]) -> list[Outcome]:
    """Run steps of one core two at a time, and then the others one after another."""
    pairs = [step for step in chosen if step.cores == 1]
    alone = [step for step in chosen if step.cores > 1]
    running: set[subprocess.Popen[bytes]] = set()
    with ThreadPoolExecutor(2) as pool:
        try:
            done = list(pool.map(lambda step: run(step, environment, running), pairs))
            return done + [run(step, environment, running) for step in alone]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                _end(process)


def run(step: Step, environment: dict[str, str], running: set[subprocess.Popen[bytes]]) -> Outcome:
    """Run one step, and end all it started when it takes too long or is interrupted."""
    outcome, command = Outcome(step.name), step.command
    started = time.monotonic()
    head = f"\n=== {step.name}: {textwrap.shorten(' '.join(map(_shown, command)), 400)}"
    with tempfile.TemporaryDirectory() as folder:
        report, said = Path(folder, "report.xml"), Path(folder, "said")
        if "pytest" in command:
            command = [*command, f"--junitxml={report}"]
        with said.open("wb") as stream:
            shared = step.cores == 1
            if not shared:
                print(head, flush=True)
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
                stdout=stream if shared else None,
                stderr=subprocess.STDOUT if shared else None,
            )
            running.add(process)
            try:
                status = process.wait(timeout=STEP_SECONDS)
            except subprocess.TimeoutExpired:
                status, outcome.note = 1, f"stopped after {STEP_SECONDS} s"
            finally:
                _end(process)
                running.discard(process)
        if status == 5 and step.may_be_empty:
            status, outcome.note = 0, "no unit tests were found"
        if shared:
            with _PRINTING:
                print(f"{head}\n{said.read_text(errors='replace')}", end="", flush=True)
        _count(outcome, report if "pytest" in command else None, status)
    outcome.seconds = time.monotonic() - started
    return outcome


def summarise(outcomes: list[Outcome], strict: bool, seconds: float) -> int:
    """Print what ran, what was skipped and how long it took; the last line has the totals."""
    print("\n=== summary")
    print(f"{'step':10} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for each in outcomes:
        counts = f"{each.passed:7} {each.failed:7} {len(each.skipped):8} {each.seconds:8.1f}"
        print(f"{each.name:10} {counts}  {each.note}".rstrip())
    if not _has_cuda():
        print("Not run: tests marked gpu, as there is no CUDA device.")
    for each in outcomes:
        for reason in each.skipped:
            print(f"Skipped in {each.name}: {reason}")
    passed = sum(each.passed for each in outcomes)
    failed = sum(each.failed for each in outcomes)
    skipped = sum(len(each.skipped) for each in outcomes)
    if strict and skipped:
        print(f"With GROKEDU_CI=1 the {skipped} skipped count as failed.")
        failed, skipped = failed + skipped, 0
    print(f"{seconds:.0f} s in all")
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed else 0


def provide_programs() -> None:
    """Name the programs that are missing; in CI on Debian, install them."""
    missing = [program for program in PROGRAMS if not program.is_there()]
    if missing and _in_ci() and shutil.which("apt-get"):
        _install([program.package for program in missing])
        missing = [program for program in missing if not program.is_there()]
    for program in missing:
        print(f"{program.package} is missing, so {program.needed_for} are skipped.", end=" ")
        print(f"To get it: {program.how}")


def _install(packages: list[str]) -> None:
    print(f"Installing {', '.join(packages)} ...", flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n", "-E"]
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        subprocess.run([*as_root, *command], env=quiet, stdout=subprocess.DEVNULL, check=False)


def _in_ci() -> bool:
    return any(os.environ.get(name, "") not in ("", "0", "false") for name in ("CI", "GROKEDU_CI"))


def _pytest(
    *arguments: str, marker: str = "", apart: tuple[str, ...] = (), full: bool
) -> list[str]:
    """A command that runs tests."""
    said = [marker] if marker else []
    said += [f"not {name}" for name in apart]
    if not full:
        said.append("not full")
    if not _has_cuda():
        said.append("not gpu")
    return [sys.executable, "-m", "pytest", "-q", "-m", " and ".join(said), *arguments]


def _environment(full: bool) -> dict[str, str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    environment["PATH"] = f"{BIN}{os.pathsep}{environment.get('PATH', '')}"
    if not full:
        environment["GROKEDU_SCALE"] = "test"
    return environment


def _count(outcome: Outcome, report: Path | None, status: int) -> None:
    """Count tests from pytest's report; any other step is one test."""
    if report is not None and report.exists():
        for case in ElementTree.parse(report).getroot().iter("testcase"):
            name = f"{case.get('classname', '')}::{case.get('name', '')}"
            skipped = case.find("skipped")
            if case.find("failure") is not None or case.find("error") is not None:
                outcome.failed += 1
            elif skipped is not None and skipped.get("type") != "pytest.xfail":
                outcome.skipped.append(f"{name}: {skipped.get('message', '')}")
            else:
                outcome.passed += 1
        if status == 5:
            outcome.note = "no tests were found"
    elif status == 0:
        outcome.passed = 1
    strict = os.environ.get("GROKEDU_CI") == "1" and outcome.skipped
    if status != 0 and not outcome.failed and not strict:
        outcome.failed = 1
        outcome.note = outcome.note or f"exit status {status}"


def _end(process: subprocess.Popen[bytes]) -> None:
    """End whatever the step left behind."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _has_cuda() -> bool:
    return shutil.which("nvidia-smi") is not None


def _shown(argument: str) -> str:
    if argument == sys.executable:
        return "python"
    return f'"{argument}"' if " " in argument else argument


if __name__ == "__main__":
    sys.exit(main())
