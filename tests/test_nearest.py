"""Which tests a change touches, and that the run of them ends in time."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.nearest import changed, nearest


def git(repository: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=repository, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with a commit on its main branch and a branch on top of it."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "kept.py").write_text("")
    (folder / "edited.py").write_text("")
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "switch", "-q", "-c", "branch")
    return folder


def test_a_change_is_what_the_branch_and_the_folder_have_beyond_main(repository: Path) -> None:
    assert changed(repository) == []
    (repository / "committed.py").write_text("")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "second")
    (repository / "edited.py").write_text("1\n")
    (repository / "new.py").write_text("")
    assert changed(repository) == ["committed.py", "edited.py", "new.py"]


def test_without_git_the_reason_is_said(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="use `make test`"):
        changed(tmp_path)


def test_the_module_itself_and_its_mirror_come_first(root: Path) -> None:
    found = nearest(root, ["grokedu/llc/along.py"])
    assert found[:2] == ["grokedu/llc/along.py", "tests/llc/test_along.py"]


def test_what_imports_it_is_found(root: Path) -> None:
    importing = ["tests/test_constraints.py", "tests/test_environment.py"]
    assert nearest(root, ["scripts/supported.py"]) == importing


@pytest.mark.parametrize(
    ("file", "test"),
    [
        ("README.md", "tests/test_readme.py"),
        ("constraints.txt", "tests/test_constraints.py"),
        ("scripts/environment.sh", "tests/test_environment.py"),
        ("tests/llc/test_along.py", "tests/llc/test_along.py"),
    ],
)
def test_other_files_have_mirrors_too(root: Path, file: str, test: str) -> None:
    assert nearest(root, [file]) == [test]


def test_a_fixture_reaches_the_tests_of_its_folder(root: Path) -> None:
    found = nearest(root, ["tests/browser/conftest.py"])
    assert "tests/browser/test_lessons.py" in found
    assert all(path.startswith("tests/browser/") for path in found)


def test_a_file_that_is_gone_touches_nothing(root: Path) -> None:
    assert nearest(root, ["grokedu/gone.py", "docs/gone.md"]) == []


@pytest.mark.parametrize("workers", [(), ("-n", "2")])
@pytest.mark.parametrize(("seconds", "says"), [(-1, "3 tests further"), (3600, "3 passed")])
def test_no_test_starts_after_the_time(
    root: Path, tmp_path: Path, workers: tuple[str, ...], seconds: float, says: str
) -> None:
    (tmp_path / "test_three.py").write_text(
        "import pytest\n@pytest.mark.parametrize('n', range(3))\ndef test_one(n):\n    pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "--rootdir", str(tmp_path), "-c", "/dev/null"]
    command += [f"--stop-at={time.time() + seconds}", *workers, "-p", "tests.conftest", "."]
    environment = {"PYTHONPATH": str(root), "PATH": ""}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert says in run.stdout, run.stdout + run.stderr
