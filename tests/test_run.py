"""The steps of `make test`: which run, which of them side by side, and what is said is missing."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from tests import run
from tests.run import Program, Step


def step(name: str, code: str, cores: int = 1) -> Step:
    return Step(name, [sys.executable, "-c", code], cores)


def main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["run", *arguments])
    return run.main()


@pytest.fixture
def three(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three steps instead of all; the last one fails."""
    chosen = [
        step("one", "print(1)"),
        step("two", "print(2)", 2),
        step("bad", "raise SystemExit(3)"),
    ]
    monkeypatch.setattr(run, "steps", lambda full: chosen)
    monkeypatch.setattr(run, "PROGRAMS", ())


@pytest.mark.usefixtures("three")
@pytest.mark.parametrize("only", ["one,two", "one two", " one, two "])
def test_steps_can_be_chosen(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], only: str
) -> None:
    assert main(monkeypatch, "--only", only) == 0
    said = capfd.readouterr().out
    assert "2 passed, 0 failed, 0 skipped" in said
    assert "=== bad" not in said


@pytest.mark.usefixtures("three")
def test_all_are_run_and_one_that_fails_is_named(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(monkeypatch, "--only", "") == 1
    said = capfd.readouterr().out
    assert "2 passed, 1 failed, 0 skipped" in said
    assert "exit status 3" in said


@pytest.mark.usefixtures("three")
def test_a_step_that_is_not_there_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(monkeypatch, "--only", "one,units")
    assert "there is no step 'units'; there are: one, two, bad" in capsys.readouterr().err


def test_steps_of_one_core_run_side_by_side_and_others_by_themselves(tmp_path: Path) -> None:
    """Either of two steps ends only when it sees the other one; the third sees that both ended."""
    meet = (
        "import pathlib, sys, time\n"
        "own, other = (pathlib.Path({folder!r}, name) for name in {names!r})\n"
        "own.touch()\n"
        "end = time.monotonic() + 60\n"
        "while not other.exists() and time.monotonic() < end: time.sleep(0.01)\n"
        "sys.exit(not other.exists())\n"
    )
    folder = str(tmp_path)
    outcomes = run.run_all(
        [
            step("alone", f"import os, sys; sys.exit(len(os.listdir({folder!r})) != 2)", 2),
            step("a", meet.format(folder=folder, names=["a", "b"])),
            step("b", meet.format(folder=folder, names=["b", "a"])),
        ],
        dict(os.environ),
    )
    assert [(each.name, each.passed) for each in outcomes] == [("a", 1), ("b", 1), ("alone", 1)]


@pytest.mark.parametrize("may_be_empty", [False, True])
def test_a_step_without_tests_fails_unless_it_may_be_empty(may_be_empty: bool) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "binder", "tests/conftest.py"]
    chosen = [Step("empty", command, may_be_empty=may_be_empty)]
    [outcome] = run.run_all(chosen, dict(os.environ))
    assert outcome.failed == (not may_be_empty)


def test_a_step_that_takes_too_long_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "STEP_SECONDS", 0.5)
    started = time.monotonic()
    [outcome] = run.run_all([step("slow", "import time; time.sleep(60)")], dict(os.environ))
    assert (outcome.failed, outcome.note) == (1, "stopped after 0.5 s")
    assert time.monotonic() - started < 30


def test_what_is_missing_is_named_and_installed_in_ci_only(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed: list[str] = []
    program = Program("chrome", lambda: installed, "the tests in a browser", "buy it")
    monkeypatch.setattr(run, "PROGRAMS", (program,))
    monkeypatch.setattr("shutil.which", lambda name: name)
    monkeypatch.setattr(run, "_install", installed.extend)
    for name in ("CI", "GROKEDU_CI"):
        monkeypatch.delenv(name, raising=False)
    run.provide_programs()
    assert installed == []
    assert capsys.readouterr().out == (
        "chrome is missing, so the tests in a browser are skipped. To get it: buy it\n"
    )
    monkeypatch.setenv("GROKEDU_CI", "1")
    run.provide_programs()
    assert installed == ["chrome"]
    assert capsys.readouterr().out == ""
