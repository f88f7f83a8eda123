from __future__ import annotations

import os
from pathlib import Path

import pytest

from grokedu.grading.intake.intake import Arrival, Taken, collect, handed_in
from grokedu.grading.intake.naming import LONGEST_ID, id_problem, substitute_id
from tests.grading.handins import LESSON, put, zipped


@pytest.fixture
def submitted(tmp_path: Path) -> Path:
    return tmp_path / "gradebook" / "submitted"


def by_student(taken: list[Taken]) -> dict[str, Taken]:
    return {each.student: each for each in taken}


BAD_IDS = ["..", "...", "a\nb", " ada", "ada ", "ada\u202ecod", "x" * (LONGEST_ID + 1), "é" * 121]


@pytest.mark.parametrize("student", ["", ".", "a/b", "a\\b", "a\0b", "\ud800", *BAD_IDS])
def test_what_is_no_id(student: str):
    assert id_problem(student)
    assert not id_problem(substitute_id(student))


@pytest.mark.parametrize(
    "student", ["ada", "007", "żółć", "李明", "o'neil", "a b", "-x", ".x", "x" * 128]
)
def test_what_is_an_id(student: str):
    assert id_problem(student) == ""
    assert substitute_id(student) == student


@pytest.mark.parametrize("student", BAD_IDS[1:6])
def test_a_bad_id_is_reported_and_nothing_written(tmp_path: Path, submitted: Path, student: str):
    layout = {f"{student}/x.ipynb": b"1", "ben.ipynb": b"2"}
    taken = collect(zipped(tmp_path / "c.zip", layout), LESSON, submitted)
    assert sorted(os.listdir(submitted)) == ["ben"]
    refused = by_student(taken)[substitute_id(student)]
    assert (refused.outcome, refused.problem) == (Arrival.REFUSED, id_problem(student))
    put(submitted, student)
    found = {each.student: each.problem for each in handed_in(submitted, LESSON, taken)}
    assert found == {"ben": "", substitute_id(student): id_problem(student)}


def test_ids_that_look_alike_are_both_taken_and_both_told_of(tmp_path: Path, submitted: Path):
    layout = {"ada.ipynb": b"1", "Ada.ipynb": b"2", "é.ipynb": b"3", "e\u0301.ipynb": b"4"}
    collect(zipped(tmp_path / "c.zip", {**layout, "ben.ipynb": b"5"}), LESSON, submitted)
    found = {each.student: each for each in handed_in(submitted, LESSON)}
    assert [found[name].content for name in ("ada", "Ada", "é", "e\u0301")] == [
        b"1",
        b"2",
        b"3",
        b"4",
    ]
    assert found["ada"].notes[0].endswith("'Ada'")
    assert found["Ada"].notes[0].endswith("'ada'")
    assert found["e\u0301"].notes[0].endswith(r"'\xe9'")
    assert found["ben"].notes == ()


def test_a_disk_that_cannot_tell_two_ids_apart_loses_neither(
    tmp_path: Path, submitted: Path, monkeypatch: pytest.MonkeyPatch
):
    put(submitted, "Ada", text="hers")
    (submitted / "ada").symlink_to(submitted / "Ada")  # as on a disk that folds case
    honest = Path.is_symlink
    monkeypatch.setattr(Path, "is_symlink", lambda self: self.name != "ada" and honest(self))
    listing = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: [n for n in listing(path) if n != "ada"])
    (taken,) = collect(zipped(tmp_path / "c.zip", {"ada.ipynb": b"1"}), LESSON, submitted)
    assert "cannot tell" in taken.problem
    assert (submitted / "Ada" / LESSON / f"{LESSON}.ipynb").read_text() == "hers"
