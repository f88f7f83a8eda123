from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from grokedu.grading.intake.intake import Taken, collect, handed_in
from grokedu.grading.result import Submission
from tests.grading.handins import LESSON, put, zipped


@pytest.fixture
def submitted(tmp_path: Path) -> Path:
    return tmp_path / "gradebook" / "submitted"


def only(submitted: Path, *taken: Taken) -> Submission:
    (found,) = handed_in(submitted, LESSON, taken)
    return found


def test_a_refused_upload_leaves_the_earlier_one_standing(tmp_path: Path, submitted: Path):
    put(submitted, "ada", text="first")
    taken = collect(zipped(tmp_path / "c.zip", {"ada.pdf": b"%PDF-"}), LESSON, submitted)
    found = only(submitted, *taken)
    assert found.content == b"first"
    assert found.notes == (
        "a later upload was refused, this one stands: no notebook; found ada.pdf",
    )


@pytest.mark.parametrize(
    ("names", "content", "problem", "notes"),
    [
        ([f"{LESSON}.ipynb", "timestamp.txt"], b"{}", "", ()),
        (["x.ipynb"], b"{}", "", ("was named x.ipynb",)),
        (["X.IPYNB", "~$X.IPYNB"], b"{}", "", ("was named X.IPYNB",)),
        (
            [f"{LESSON}.ipynb", "x.ipynb"],
            b"{}",
            "",
            ("also handed in, not read: x.ipynb",),
        ),
        (["a.ipynb", "b.ipynb"], None, "two notebooks: a.ipynb, b.ipynb; which is meant?", ()),
        (["a.html", "timestamp.txt"], None, "no notebook; found a.html", ()),
        ([".DS_Store", "timestamp.txt"], None, "nothing handed in", ()),
        (["a\n\x1b[31m.py"], None, "no notebook; found a\ufffd\ufffd[31m.py", ()),
    ],
)
def test_which_file_is_read(
    submitted: Path, names: list[str], content: bytes | None, problem: str, notes: tuple[str, ...]
):
    for name in names:
        put(submitted, "ada", name)
    assert only(submitted) == Submission("ada", content, problem, notes)


def link(file: Path) -> None:
    file.symlink_to(file.parents[4] / "secret")


def hard_link(file: Path) -> None:
    os.link(file.parents[4] / "secret", file)


def linked_lesson(file: Path) -> None:
    file.parent.rmdir()
    file.parent.symlink_to(file.parents[4] / "folder")


def linked_student(file: Path) -> None:
    file.parent.rmdir()
    file.parents[1].rmdir()
    file.parents[1].symlink_to(file.parents[4] / "folder")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (link, "a link"),
        (hard_link, "a hard link"),
        (linked_lesson, "a link"),
        (linked_student, "a link"),
        (os.mkfifo, "not an ordinary file"),
        (Path.mkdir, "not an ordinary file"),
        (lambda file: os.truncate(os.open(file, os.O_CREAT | os.O_WRONLY), 2**25), "16 MB"),
    ],
)
def test_what_is_no_plain_file_is_refused_and_the_rest_goes_on(
    tmp_path: Path, submitted: Path, make: Callable[[Path], None], said: str
):
    (tmp_path / "secret").write_text("the answers")
    (tmp_path / "folder" / LESSON).mkdir(parents=True)
    (tmp_path / "folder" / LESSON / f"{LESSON}.ipynb").write_text("the answers")
    file = put(submitted, "ada")
    file.unlink()
    make(file)
    put(submitted, "ben")
    ada, ben = handed_in(submitted, LESSON)
    assert ada.content is None
    assert said in ada.problem
    assert ben.content == b"{}"


def test_what_may_not_be_read_is_a_problem_not_an_error(
    submitted: Path, monkeypatch: pytest.MonkeyPatch
):
    put(submitted, "ada")
    put(submitted, "ben")
    honest = os.open

    def refuse(path: str | Path, *given: int, dir_fd: int | None = None) -> int:
        if str(path).endswith((f"{LESSON}.ipynb", "ben")):
            raise PermissionError(13, "Permission denied")
        return honest(path, *given, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    assert [each.problem for each in handed_in(submitted, LESSON)] == [
        "the file cannot be read: permission denied",
        "its folder cannot be opened: permission denied",
    ]


def test_students_come_sorted_and_those_without_the_lesson_not_at_all(submitted: Path):
    for student in ("ben", "ada", "10", "9"):
        put(submitted, student)
    (submitted / "cy" / "00_start").mkdir(parents=True)
    (submitted / "notes.txt").write_text("mine")
    assert [each.student for each in handed_in(submitted, LESSON)] == ["10", "9", "ada", "ben"]
    assert list(handed_in(submitted / "nowhere", LESSON)) == []


def test_a_name_that_is_no_unicode_is_reported(submitted: Path):
    put(submitted, os.fsdecode(b"ad\xff"))
    found = only(submitted)
    assert found.content is None
    assert found.student.encode()
    assert "control characters" in found.problem
