"""What `make test` and `make test-full` run: every step, even when one fails, and a summary of all.

With GROKEDU_CI=1 a skipped test is a failure.
"""

from __future__ import annotations

import argparse
import ctypes.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
STEP_SECONDS = 1800
# Kept out of the first pytest step, each a step of its own.
APART = ("notebooks", "grading", "attacks", "browser", "binder")
# Debian's packages, and how to tell that each is there.
PROGRAMS: dict[str, Callable[[], object]] = {
    "chromium": lambda: shutil.which("chromium"),
    "bubblewrap": lambda: shutil.which("bwrap"),
    "libseccomp2": lambda: ctypes.util.find_library("seccomp"),
    "postgresql": lambda: list(Path("/usr/lib/postgresql").glob("*/bin/initdb")),
}


@dataclass
class Outcome:
    """What one step gave."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: list[str] = field(default_factory=list)
    seconds: float = 0.0
    note: str = ""


def main() -> int:
    """Run the steps, print the summary, return an exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="full scale; up to an hour")
    parser.add_argument("--only", metavar="STEP", action="append", help="run only this step")
    given = parser.parse_args()
    environment = _environment(given.full)
    install_programs()
    known = steps(given.full)
    for name in given.only or []:
        if name not in known:
            parser.error(f"no step {name!r}; there are: {', '.join(known)}")
    outcomes = []
    for name, command in known.items():
        if given.only and name not in given.only:
            continue
        print(f"\n=== {name}: {' '.join(map(_shown, command))}", flush=True)
        outcomes.append(run(name, command, environment))
    return summarise(outcomes, strict=environment.get("GROKEDU_CI") == "1")


def steps(full: bool) -> dict[str, list[str]]:
    """The commands, by the name of their step."""
    python = sys.executable
    deselected = [] if full else ["full"]
    if not _has_cuda():
        deselected.append("gpu")

    def pytest(*arguments: str, marker: str = "", apart: tuple[str, ...] = ()) -> list[str]:
        said = [marker] if marker else []
        said += [f"not {name}" for name in (*apart, *deselected)]
        return [python, "-m", "pytest", "-q", "-m", " and ".join(said), *arguments]

    return {
        "lint": [python, "-m", "ruff", "check", "."],
        "format": [python, "-m", "ruff", "format", "--check", "."],
        "types": [python, "-m", "mypy"],
        "floors": [str(BIN / "lint-imports"), "--no-logo"],
        "drift": [python, "-m", "grokedu.cli", "build", "--check"],
        "unit": pytest("-n", "2", "--dist", "worksteal", apart=APART),
        **{name: pytest("tests", marker=name) for name in APART},
    }


def run(name: str, command: list[str], environment: dict[str, str]) -> Outcome:
    """Run one step, and end all it started when it takes too long or is interrupted."""
    outcome = Outcome(name)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder, "report.xml")
        if "pytest" in command:
            command = [*command, f"--junitxml={report}"]
        process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
        try:
            status = process.wait(timeout=STEP_SECONDS)
        except subprocess.TimeoutExpired:
            status, outcome.note = 1, f"stopped after {STEP_SECONDS} s"
        finally:
            _end(process)
        _count(outcome, report if "pytest" in command else None, status)
    outcome.seconds = time.monotonic() - started
    return outcome


def summarise(outcomes: list[Outcome], strict: bool) -> int:
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
    print(f"{sum(each.seconds for each in outcomes):.0f} s in all")
    print(f"{passed} passed, {failed} failed, {skipped} skipped", flush=True)
    return 1 if failed else 0


def install_programs() -> None:
    """As root on Debian, install what tests need beside Python; elsewhere those are skipped."""
    missing = [package for package, is_there in PROGRAMS.items() if not is_there()]
    if not missing or not shutil.which("apt-get") or os.geteuid() != 0:
        return
    print(f"Installing {', '.join(missing)} ...", flush=True)
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *missing]
    for command in (["apt-get", "update", "-qq"], install):
        subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False)


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
