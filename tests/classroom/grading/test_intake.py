from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from grokedu.classroom.grading import files
from grokedu.classroom.grading.intake import (
    LEFT,
    REFUSED,
    REPLACED,
    SAME,
    TAKEN,
    Taken,
    collect,
    read,
)
from grokedu.classroom.grading.naming import LONGEST_ID, id_problem, stand_in
from grokedu.classroom.grading.result import Submission

LESSON = "01_grokking"
Layout = dict[str, bytes]


def unpacked(folder: Path, layout: Layout) -> Path:
    for name, content in layout.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def zipped(file: Path, layout: Layout) -> Path:
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in layout.items():
            archive.writestr(name, content)
    return file


@pytest.fixture(params=["zip", "folder"])
def hand_in(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[Layout], Path]:
    """The same files as a zip and as a folder."""
    if request.param == "zip":
        return lambda layout: zipped(tmp_path / "class.zip", layout)
    return lambda layout: unpacked(tmp_path / "class", layout)


@pytest.fixture
def submitted(tmp_path: Path) -> Path:
    return tmp_path / "gradebook" / "submitted"


def put(submitted: Path, student: str, name: str = f"{LESSON}.ipynb", text: str = "{}") -> Path:
    file = submitted / student / LESSON / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def by_student(taken: list[Taken]) -> dict[str, Taken]:
    return {each.student: each for each in taken}


def only(submitted: Path, *taken: Taken) -> Submission:
    (found,) = read(submitted, LESSON, taken)
    return found


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
    assert {each.student: each.outcome for each in taken} == dict.fromkeys(students, TAKEN)
    contents = [b"ada's", b"ben's", b"anon's"]
    for student, content in zip(students, contents, strict=True):
        assert (submitted / student / LESSON / f"{LESSON}.ipynb").read_bytes() == content
    got = {each.student: each.content for each in read(submitted, LESSON)}
    assert got == dict(zip(students, contents, strict=True))


def test_what_canvas_marked_late_and_what_was_renamed_is_said(tmp_path: Path, submitted: Path):
    taken = collect(zipped(tmp_path / "c.zip", CANVAS), LESSON, submitted)
    notes = ("was named my work.ipynb", "late, says the LMS")
    assert by_student(taken)["4712"].notes == notes
    assert {each.student: each.notes for each in read(submitted, LESSON, taken)} == {
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
    assert [each.outcome for each in taken] == [REPLACED, SAME]
    name = hashlib.sha256(b"one").hexdigest()[:8] + ".ipynb"
    kept = submitted.parent / "replaced" / "ada" / LESSON / name
    assert kept.read_bytes() == b"one"
    assert [each for each in submitted.parent.rglob("*") if each.is_file()].count(kept) == 1
    assert (submitted / "ada" / LESSON / f"{LESSON}.ipynb").read_bytes() == b"two"
    assert not (kept.parents[2] / "ben").exists()
    ada, ben = read(submitted, LESSON, taken)
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
    [found] = read(submitted, LESSON, [taken])
    assert (found.content, found.notes.count("when it came is not known")) == (b"two", 1)


def test_the_same_handed_in_again_keeps_its_time(tmp_path: Path, submitted: Path):
    stamp = put(submitted, "ada", text="one").with_name("timestamp.txt")
    stamp.write_text("2026-01-01 00:00:00 UTC\n")
    again = zipped(tmp_path / "again.zip", {"ada.ipynb": b"one"})
    assert [(each.outcome, each.notes) for each in collect(again, LESSON, submitted)] == [
        (SAME, ())
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
        ("ada/a.ipynb, ada/b.ipynb", "ada", REFUSED),
        ("ben.zip", "ben", REFUSED),
        ("cy.pdf", "cy", REFUSED),
        ("dee.ipynb", "dee", TAKEN),
        ("eve/e.ipynb", "eve", TAKEN),
        ("grades.csv", "", LEFT),
    }
    found = {each.student: each for each in read(submitted, LESSON, taken)}
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
        ("ada", TAKEN),
        ("", LEFT),
        ("", LEFT),
    ]


BAD_IDS = ["..", "...", "a\nb", " ada", "ada ", "ada\u202ecod", "x" * (LONGEST_ID + 1), "é" * 121]


@pytest.mark.parametrize("student", ["", ".", "a/b", "a\\b", "a\0b", "\ud800", *BAD_IDS])
def test_what_is_no_id(student: str):
    assert id_problem(student)
    assert not id_problem(stand_in(student))


@pytest.mark.parametrize(
    "student", ["ada", "007", "żółć", "李明", "o'neil", "a b", "-x", ".x", "x" * 128]
)
def test_what_is_an_id(student: str):
    assert id_problem(student) == ""
    assert stand_in(student) == student


@pytest.mark.parametrize("student", BAD_IDS[1:6])
def test_a_bad_id_is_reported_and_nothing_written(tmp_path: Path, submitted: Path, student: str):
    layout = {f"{student}/x.ipynb": b"1", "ben.ipynb": b"2"}
    taken = collect(zipped(tmp_path / "c.zip", layout), LESSON, submitted)
    assert sorted(os.listdir(submitted)) == ["ben"]
    refused = by_student(taken)[stand_in(student)]
    assert (refused.outcome, refused.problem) == (REFUSED, id_problem(student))
    put(submitted, student)
    found = {each.student: each.problem for each in read(submitted, LESSON, taken)}
    assert found == {"ben": "", stand_in(student): id_problem(student)}


def test_ids_that_look_alike_are_both_taken_and_both_told_of(tmp_path: Path, submitted: Path):
    layout = {"ada.ipynb": b"1", "Ada.ipynb": b"2", "é.ipynb": b"3", "e\u0301.ipynb": b"4"}
    collect(zipped(tmp_path / "c.zip", {**layout, "ben.ipynb": b"5"}), LESSON, submitted)
    found = {each.student: each for each in read(submitted, LESSON)}
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
    assert {each.outcome for each in taken} == {REFUSED}
    assert [path for path in outside.rglob("*") if path.is_file()] == []


def test_an_unsafe_path_in_a_zip_is_told_of(tmp_path: Path, submitted: Path):
    layout = {"../../evil.ipynb": b"1", "ben.ipynb": b"2"}
    taken = collect(zipped(tmp_path / "c.zip", layout), LESSON, submitted)
    assert [(each.file, each.student, each.outcome) for each in taken] == [
        ("ben.ipynb", "ben", TAKEN),
        ("../../evil.ipynb", "", REFUSED),
    ]
    assert not list(tmp_path.rglob("evil.ipynb"))


def test_a_refused_upload_leaves_the_earlier_one_standing(tmp_path: Path, submitted: Path):
    put(submitted, "ada", text="first")
    taken = collect(zipped(tmp_path / "c.zip", {"ada.pdf": b"%PDF-"}), LESSON, submitted)
    found = only(submitted, *taken)
    assert found.content == b"first"
    assert found.notes == (
        "a later upload was refused, this one stands: no notebook; found ada.pdf",
    )


def test_a_source_that_is_not_there_is_an_error(tmp_path: Path, submitted: Path):
    with pytest.raises(ValueError, match=r"no\.zip is not there; wanted a zip"):
        collect(tmp_path / "no.zip", LESSON, submitted)


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
    ada, ben = read(submitted, LESSON)
    assert ada.content is None
    assert said in ada.problem
    assert ben.content == b"{}"


def test_a_file_that_grows_while_it_is_read_is_not_read_past_the_cap(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"123456")
    assert files.read_file(tmp_path / "x", most=6) == b"123456"
    with pytest.raises(files.Refused, match="longer"):
        files.read_file(tmp_path / "x", most=5)


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
    assert [each.problem for each in read(submitted, LESSON)] == [
        "the file cannot be read: permission denied",
        "its folder cannot be opened: permission denied",
    ]


def test_students_come_sorted_and_those_without_the_lesson_not_at_all(submitted: Path):
    for student in ("ben", "ada", "10", "9"):
        put(submitted, student)
    (submitted / "cy" / "00_start").mkdir(parents=True)
    (submitted / "notes.txt").write_text("mine")
    assert [each.student for each in read(submitted, LESSON)] == ["10", "9", "ada", "ben"]
    assert list(read(submitted / "nowhere", LESSON)) == []


def test_a_name_that_is_no_unicode_is_reported(submitted: Path):
    put(submitted, os.fsdecode(b"ad\xff"))
    found = only(submitted)
    assert found.content is None
    assert found.student.encode()
    assert "control characters" in found.problem
