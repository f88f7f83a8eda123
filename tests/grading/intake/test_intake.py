from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from grokedu.grading.intake.intake import (
    Arrival,
    Taken,
    collect,
    handed_in,
)
from tests.grading.handins import LESSON, Layout, put, unpacked, zipped


@pytest.fixture(params=["zip", "folder"])
def hand_in(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Layout], Path]:
    """The same files as a zip and as a folder."""
    if request.param == "zip":
        return lambda layout: zipped(tmp_path / "class.zip", layout)
    return lambda layout: unpacked(tmp_path / "class", layout)


@pytest.fixture
def submitted(tmp_path: Path) -> Path:
    return tmp_path / "gradebook" / "submitted"


def by_student(taken: list[Taken]) -> dict[str, Taken]:
    return {each.student: each for each in taken}


CANVAS = {
    "lovelaceada_4711_90210_01_grokking.ipynb": b"ada's",
    "byronben_LATE_4712_90211_my work.ipynb": b"ben's",
    "anon_x7Hk2_90212_01_grokking.ipynb": b"anon's",
}


MOODLE = {
    "Ada Lovelace_4711_assignsubmission_file_/01_grokking.ipynb": b"ada's",
    "Ada Lovelace_4711_assignsubmission_onlinetext_/onlinetext.html": b"<p>done",
    "Ben Byron_4712_assignsubmission_file/my work.ipynb": b"ben's",
    "Participant_4713_assignsubmission_file_01_grokking.ipynb": b"anon's",
}


@pytest.mark.parametrize(
    ("layout", "students"),
    [
        (CANVAS, ["4711", "4712", "x7Hk2"]),
        (MOODLE, ["4711", "4712", "4713"]),
        ({f"all of them/{name}": own for name, own in MOODLE.items()}, ["4711", "4712", "4713"]),
        (
            {"ada.ipynb": b"ada's", "ben/my work.ipynb": b"ben's", "007.ipynb": b"anon's"},
            ["ada", "ben", "007"],
        ),
        (
            {"c/ada.ipynb": b"ada's", "c/ben.ipynb": b"ben's", "c/007.ipynb": b"anon's"},
            ["ada", "ben", "007"],
        ),
        (
            {
                f"submitted/ada/{LESSON}/{LESSON}.ipynb": b"ada's",
                f"submitted/ben/{LESSON}/my work.ipynb": b"ben's",
                f"submitted/żółć/{LESSON}/{LESSON}.ipynb": b"anon's",
            },
            ["ada", "ben", "żółć"],
        ),
    ],
    ids=["canvas", "moodle", "moodle in a folder", "plain", "plain in a folder", "nbgrader's"],
)
def test_each_layout_gives_each_student_their_own_bytes(
    hand_in: Callable[[Layout], Path], submitted: Path, layout: Layout, students: list[str]
):
    taken = collect(hand_in(layout), LESSON, submitted)
    assert {each.student: each.outcome for each in taken} == dict.fromkeys(students, Arrival.TAKEN)
    contents = [b"ada's", b"ben's", b"anon's"]
    for student, content in zip(students, contents, strict=True):
        assert (submitted / student / LESSON / f"{LESSON}.ipynb").read_bytes() == content
    got = {each.student: each.content for each in handed_in(submitted, LESSON)}
    assert got == dict(zip(students, contents, strict=True))


def test_what_canvas_marked_late_and_what_was_renamed_is_said(tmp_path: Path, submitted: Path):
    taken = collect(zipped(tmp_path / "c.zip", CANVAS), LESSON, submitted)
    notes = ("was named my work.ipynb", "late, says the LMS")
    assert by_student(taken)["4712"].notes == notes
    assert {each.student: each.notes for each in handed_in(submitted, LESSON, taken)} == {
        "4711": (),
        "4712": notes,
        "x7Hk2": (),
    }


def test_an_id_of_the_lms_becomes_the_course_s(tmp_path: Path, submitted: Path):
    source = zipped(tmp_path / "c.zip", CANVAS)
    taken = collect(source, LESSON, submitted, {"4711": "ada"})
    assert {each.student for each in taken} == {"ada", "4712", "x7Hk2"}


def test_a_second_hand_in_replaces_the_first_which_is_kept(tmp_path: Path, submitted: Path):
    first = zipped(tmp_path / "1.zip", {"ada.ipynb": b"one", "ben.ipynb": b"one"})
    again = zipped(tmp_path / "2.zip", {"ada.ipynb": b"two", "ben.ipynb": b"one"})
    collect(first, LESSON, submitted)
    taken = collect(again, LESSON, submitted)
    assert [each.outcome for each in taken] == [Arrival.REPLACED, Arrival.SAME]
    name = hashlib.sha256(b"one").hexdigest()[:8] + ".ipynb"
    kept = submitted.parent / "replaced" / "ada" / LESSON / name
    assert kept.read_bytes() == b"one"
    assert [each for each in submitted.parent.rglob("*") if each.is_file()].count(kept) == 1
    assert (submitted / "ada" / LESSON / f"{LESSON}.ipynb").read_bytes() == b"two"
    assert not (kept.parents[2] / "ben").exists()
    ada, ben = handed_in(submitted, LESSON, taken)
    assert (ada.notes, ben.notes) == (("replaces an earlier hand-in",), ())


@pytest.mark.parametrize("name", [f"{LESSON}.ipynb", "draft.ipynb"])
def test_the_time_of_the_earlier_hand_in_is_not_that_of_the_later(
    tmp_path: Path, submitted: Path, name: str
):
    file = put(submitted, "ada", name, "one")
    stamp = file.with_name("timestamp.txt")
    stamp.write_text("2026-01-01 00:00:00 UTC\n")
    again = zipped(tmp_path / "again.zip", {"ada.ipynb": b"two"})
    [taken] = collect(again, LESSON, submitted)
    assert taken.notes == ("when it came is not known",)
    assert not stamp.exists()
    kept = submitted.parent / "replaced" / "ada" / LESSON
    stem = hashlib.sha256(b"one").hexdigest()[:8] if name != "draft.ipynb" else "earlier"
    assert (kept / f"{stem}.timestamp.txt").read_text() == "2026-01-01 00:00:00 UTC\n"
    [found] = handed_in(submitted, LESSON, [taken])
    assert (found.content, found.notes.count("when it came is not known")) == (b"two", 1)


def test_the_same_handed_in_again_keeps_its_time(tmp_path: Path, submitted: Path):
    stamp = put(submitted, "ada", text="one").with_name("timestamp.txt")
    stamp.write_text("2026-01-01 00:00:00 UTC\n")
    again = zipped(tmp_path / "again.zip", {"ada.ipynb": b"one"})
    assert [(each.outcome, each.notes) for each in collect(again, LESSON, submitted)] == [
        (Arrival.SAME, ())
    ]
    assert stamp.exists()


def test_collecting_what_is_in_place_copies_nothing(submitted: Path):
    file = put(submitted, "ada", "draft.ipynb")
    assert collect(submitted, LESSON, submitted) == []
    assert [path for path in submitted.rglob("*") if path.is_file()] == [file]


def test_one_bad_file_stops_no_other(hand_in: Callable[[Layout], Path], submitted: Path):
    layout = {
        "ada/a.ipynb": b"1",
        "ada/b.ipynb": b"2",
        "ben.zip": b"PK\x03\x04",
        "cy.pdf": b"%PDF-",
        "dee.ipynb": b"dee's",
        "eve/.DS_Store": b"",
        "eve/.ipynb_checkpoints/e-checkpoint.ipynb": b"old",
        "eve/e.ipynb": b"eve's",
        "grades.csv": b"ada,1",
    }
    taken = collect(hand_in(layout), LESSON, submitted)
    assert {(each.file, each.student, each.outcome) for each in taken} == {
        ("ada/a.ipynb, ada/b.ipynb", "ada", Arrival.REFUSED),
        ("ben.zip", "ben", Arrival.REFUSED),
        ("cy.pdf", "cy", Arrival.REFUSED),
        ("dee.ipynb", "dee", Arrival.TAKEN),
        ("eve/e.ipynb", "eve", Arrival.TAKEN),
        ("grades.csv", "", Arrival.LEFT),
    }
    found = {each.student: each for each in handed_in(submitted, LESSON, taken)}
    assert found["ada"].problem == "two notebooks: a.ipynb, b.ipynb; which is meant?"
    assert found["ben"].problem == "no notebook; found ben.zip"
    assert found["cy"].problem == "no notebook; found cy.pdf"
    assert {name: each.content for name, each in found.items() if each.content} == {
        "dee": b"dee's",
        "eve": b"eve's",
    }


def test_two_uploads_of_one_name_are_not_chosen_between(tmp_path: Path, submitted: Path):
    layout = {"b_1_2_01_grokking.ipynb": b"1", "b_1_3_01_grokking.ipynb": b"2"}
    (taken,) = collect(zipped(tmp_path / "c.zip", layout), LESSON, submitted)
    assert taken.problem == "two notebooks: 01_grokking.ipynb, 01_grokking.ipynb; which is meant?"


def test_other_lessons_of_nbgrader_s_layout_are_left_alone(tmp_path: Path, submitted: Path):
    layout = {
        f"ada/{LESSON}/{LESSON}.ipynb": b"1",
        "ada/00_start/00_start.ipynb": b"0",
        "ben/00_start/00_start.ipynb": b"0",
    }
    taken = collect(unpacked(tmp_path / "class", layout), LESSON, submitted)
    assert [(each.student, each.outcome) for each in taken] == [
        ("ada", Arrival.TAKEN),
        ("", Arrival.LEFT),
        ("", Arrival.LEFT),
    ]


def test_nothing_is_written_through_a_link(tmp_path: Path, submitted: Path):
    outside = tmp_path / "outside"
    (outside / LESSON).mkdir(parents=True)
    submitted.mkdir(parents=True)
    (submitted / "ada").symlink_to(outside)
    (submitted / "ben").mkdir()
    (submitted / "ben" / LESSON).symlink_to(outside)
    (submitted / "cy").write_text("a file")
    put(submitted, "dee").unlink()
    (submitted / "dee" / LESSON / f"{LESSON}.ipynb").symlink_to(outside / "x")
    source = zipped(
        tmp_path / "c.zip", {f"{who}.ipynb": b"1" for who in ("ada", "ben", "cy", "dee")}
    )
    taken = collect(source, LESSON, submitted)
    assert {each.outcome for each in taken} == {Arrival.REFUSED}
    assert [path for path in outside.rglob("*") if path.is_file()] == []


def test_an_unsafe_path_in_a_zip_is_told_of(tmp_path: Path, submitted: Path):
    layout = {"../../evil.ipynb": b"1", "ben.ipynb": b"2"}
    taken = collect(zipped(tmp_path / "c.zip", layout), LESSON, submitted)
    assert [(each.file, each.student, each.outcome) for each in taken] == [
        ("ben.ipynb", "ben", Arrival.TAKEN),
        ("../../evil.ipynb", "", Arrival.REFUSED),
    ]
    assert not list(tmp_path.rglob("evil.ipynb"))


def test_a_source_that_is_not_there_is_an_error(tmp_path: Path, submitted: Path):
    with pytest.raises(ValueError, match=r"no\.zip is not there; wanted a zip"):
        collect(tmp_path / "no.zip", LESSON, submitted)
