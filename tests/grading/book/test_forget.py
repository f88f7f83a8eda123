from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path

import pytest

from grokedu.cli import main
from grokedu.grading.book import forget as module
from grokedu.grading.book.backup import all_backups, back_up
from grokedu.grading.book.course import Course, open_course
from grokedu.grading.book.forget import DAY, Removal, forget
from grokedu.grading.book.gradebook import publish
from grokedu.grading.book.scores import scores
from tests.grading.coursefolder import (
    GROKKING,
    START,
    course_folder,
    everything,
    grades,
    hand_in,
    result,
    score_by_hand,
)


def fill(course: Course, student: str, lesson: str = START) -> None:
    """All that grading leaves of a student."""
    hand_in(course, student, lesson)
    given = result(student, lesson)
    publish(course, given)
    course.ledger.write(given)
    for step in ("feedback", "replaced"):
        folder = course.root / "gradebook" / step / student / lesson
        folder.mkdir(parents=True)
        (folder / f"{lesson}.html").write_text(f"a page for {student}")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two students who differ in case, in two lessons, and a backup that has both."""
    root = course_folder(tmp_path_factory.mktemp("filled") / "course")
    with open_course(root) as course:
        for student in ("zyx-17", "ZYX-17"):
            for lesson in (START, GROKKING):
                fill(course, student, lesson)
        score_by_hand(course, "zyx-17", GROKKING, norm_reflect=2.0)
        back_up(course)
    return root


@pytest.fixture
def course(filled: Path, tmp_path: Path) -> Iterator[Course]:
    with open_course(shutil.copytree(filled, tmp_path / "course")) as course:
        yield course


def files(course: Course) -> dict[str, bytes]:
    folder = course.root / "gradebook"
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".db", ".lock") and path.name != ".lock"
    }


def test_first_it_only_says_what_would_go(course: Course):
    before = files(course), everything(course)
    removal = forget(course, ["zyx-17"])
    assert (files(course), everything(course)) == before
    assert not removal.applied
    lines = removal.lines(course.root)
    assert lines[0] == "zyx-17: the gradebook's entry with 2 submissions"
    ledger = [f"zyx-17: {os.path.relpath(course.ledger.file(lesson, 'zyx-17'), course.root)}"
              for lesson in (START, GROKKING)]  # fmt: skip
    folders = [f"zyx-17: gradebook/{step}/zyx-17" for step in module.STEPS]
    assert lines[1:-1] == ledger + folders
    assert lines[-1].startswith("backup: gradebook/backups/gradebook-")


def test_one_student_is_gone_everywhere_and_the_others_are_as_they_were(course: Course):
    others = {name: data for name, data in files(course).items() if "ZYX" in name}
    kept = grades(course, "ZYX-17", GROKKING), scores(course, START)[0]
    before = all_backups(course)
    removal = forget(course, ["zyx-17"], apply=True)
    assert removal.applied
    left = files(course)
    assert not [
        name for name in left if "zyx-17" in name and "ZYX" not in name and ".json" not in name
    ]
    assert {name: data for name, data in left.items() if "ZYX" in name} == others
    assert course.ledger.read(START, "zyx-17") is None
    assert course.ledger.read(START, "ZYX-17") is not None
    assert (grades(course, "ZYX-17", GROKKING), scores(course, START)[0]) == kept
    assert [row.student for row in scores(course, START)] == ["ZYX-17"]
    assert not set(all_backups(course)) & set(before)
    assert len(all_backups(course)) == 1


def test_nothing_of_the_student_stays_in_the_bytes(course: Course):
    for path in course.ledger.folder.rglob("*.json"):  # an earlier damaged record is theirs too
        if course.ledger.file(path.parent.name, "zyx-17") == path:
            shutil.copy(path, path.with_suffix(".0123abcd.damaged"))
    forget(course, ["zyx-17"], apply=True)
    course.close()
    for path in course.root.rglob("*"):
        if path.is_file():
            assert b"zyx-17" not in path.read_bytes(), path
    tables = everything(course)
    assert len(tables["student"]) == 1
    assert {len(tables[name]) for name in ("submitted_assignment", "submitted_notebook")} == {2}
    kept = len(grades(course, "ZYX-17", START)) + len(grades(course, "ZYX-17", GROKKING))
    assert len(tables["grade"]) == kept


def test_doing_it_again_finds_nothing(course: Course):
    forget(course, ["zyx-17"], apply=True)
    again = forget(course, ["zyx-17"], apply=True)
    assert again.lines(course.root) == ["zyx-17: nothing is kept"]


@pytest.mark.parametrize("place", ["remove_student", "rmtree", "back_up"])
def test_stopped_anywhere_it_is_completed_by_doing_it_again(
    course: Course, monkeypatch: pytest.MonkeyPatch, place: str
):
    def stops(*_arguments: object, **_named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if place == "remove_student":
            patch.setattr(course.gradebook, place, stops)
        else:
            patch.setattr(module.shutil if place == "rmtree" else module, place, stops)
        with pytest.raises(KeyboardInterrupt):
            forget(course, ["zyx-17"], apply=True)
    forget(course, ["zyx-17"], apply=True)
    assert forget(course, ["zyx-17"]).lines(course.root) == ["zyx-17: nothing is kept"]
    assert len(all_backups(course)) == 1


def age(course: Course, student: str, days: float) -> None:
    moment = time.time() - days * DAY
    for path in module._paths(course, student):
        for each in (path, *path.rglob("*")):
            os.utime(each, (moment, moment))


def old_enough(course: Course, days: float) -> list[str]:
    return list(forget(course, older_than_days=days).entries)


def test_those_of_whom_nothing_is_newer_are_chosen(course: Course):
    book = course.gradebook
    book.change(lambda: book.update_or_create_student("on-the-list-only"))
    assert old_enough(course, 30) == []
    age(course, "zyx-17", 40)
    assert old_enough(course, 30) == ["zyx-17"]
    assert old_enough(course, 50) == []
    newer = course.root / "gradebook" / "submitted" / "zyx-17" / START / "notes.txt"
    newer.write_text("just now")
    assert old_enough(course, 30) == []
    os.utime(newer, (0, 0))
    now = datetime.now(timezone.utc)
    book.change(lambda: book.update_or_create_submission(START, "zyx-17", timestamp=now))
    assert old_enough(course, 30) == []


def test_old_students_go(course: Course):
    age(course, "zyx-17", 40)
    forget(course, older_than_days=30, apply=True)
    assert [row.student for row in scores(course, START)] == ["ZYX-17"]


@pytest.mark.parametrize("student", ["..", "", "a/b", "../course", "a\0b", "."])
def test_ids_that_lead_elsewhere_are_refused(course: Course, student: str):
    before = files(course), everything(course)
    with pytest.raises(ValueError, match="cannot be a student's id"):
        forget(course, ["zyx-17", student], apply=True)
    assert (files(course), everything(course)) == before


@pytest.mark.parametrize("student", ["*", "?yx-17", "[z]yx-17", "zyx*"])
def test_an_id_is_no_pattern(course: Course, student: str):
    before = files(course), everything(course)
    assert forget(course, [student], apply=True).lines(course.root) == [
        f"{student}: nothing is kept"
    ]
    assert (files(course), everything(course)) == before


def test_links_are_removed_and_not_followed(course: Course, tmp_path: Path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "thesis.txt").write_text("dear to someone")
    (course.folder("submitted", "zyx-17", START) / "link").symlink_to(outside)
    shutil.rmtree(course.root / "gradebook" / "feedback" / "zyx-17")
    (course.root / "gradebook" / "feedback" / "zyx-17").symlink_to(outside)
    forget(course, ["zyx-17"], apply=True)
    assert (outside / "thesis.txt").read_text() == "dear to someone"
    assert "zyx-17" not in os.listdir(course.root / "gradebook" / "feedback")


def test_a_folder_that_leads_out_of_the_course_is_refused(course: Course, tmp_path: Path):
    outside = tmp_path / "outside"
    (outside / "zyx-17").mkdir(parents=True)
    feedback = course.root / "gradebook" / "feedback"
    shutil.rmtree(feedback)
    feedback.symlink_to(outside)
    with pytest.raises(ValueError, match="leads out of"):
        forget(course, ["zyx-17"], apply=True)
    assert (outside / "zyx-17").is_dir()
    assert grades(course, "zyx-17")


@pytest.mark.parametrize(
    "whom", [{}, {"students": ["a"], "older_than_days": 3}, {"older_than_days": float("nan")},
             {"older_than_days": 0}]
)  # fmt: skip
def test_whom_must_be_said_in_one_way(course: Course, whom: dict[str, object]):
    with pytest.raises(ValueError, match=r"--older-than.* such as 365"):
        forget(course, **whom)  # type: ignore[arg-type]


def test_where_there_is_nobody_to_forget_nobody_has_to_look(
    course: Course, capsys: pytest.CaptureFixture[str]
):
    (course.root / "gradebook" / "grades.csv").write_text("student_id\nzyx-17\n")
    removal = forget(course, older_than_days=30)
    assert removal.notes == []
    assert removal.lines(course.root) == ["Nobody's data is that old."]
    assert main(["forget", "--older-than", "30", "--root", str(course.root)]) == 0
    assert "--yes" not in capsys.readouterr().out


def test_what_only_a_person_can_tell_is_said(course: Course):
    (course.root / "gradebook" / "grades.csv").write_text("student_id\nzyx-17\n")
    course.ledger.write(result("ben", flags=("forward reads like zyx-17, ada",)))
    removal: Removal = forget(course, ["zyx-17"])
    assert removal.notes == [
        f"look yourself whether it names them: {course.root / 'gradebook' / 'grades.csv'}",
        f"the record of ben in {START} names them in its flags",
    ]
