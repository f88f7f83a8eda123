from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from grokedu.classroom.grading import connection
from grokedu.classroom.grading.gradebook import (
    Course,
    enter_lesson,
    open_course,
    penalise,
    publish,
)
from grokedu.classroom.grading.result import NEEDS_REVIEW, Result
from tests.classroom.grading.coursefolder import (
    GROKKING,
    START,
    change_release,
    course_folder,
    empty_course_folder,
    everything,
    grades,
    hand_in,
    result,
    score_by_hand,
)

CHECK = "weight_norm-check"


@pytest.fixture
def course(tmp_path: Path) -> Iterator[Course]:
    with open_course(course_folder(tmp_path / "course")) as course:
        yield course


def penalty(course: Course, student: str, lesson: str = START) -> float | None:
    book = course.gradebook
    return book.look(
        lambda: book.find_submission_notebook(lesson, lesson, student).late_submission_penalty
    )


# --- the course


@pytest.mark.parametrize("content", [None, "import nowhere_to_be_found", "c.x = (", "BAD_TRAIT"])
def test_a_folder_without_a_sound_configuration_is_refused(tmp_path: Path, content: str | None):
    if content is not None:
        bad = "c = get_config()\nc.CourseDirectory.db_url = 3\n"
        (tmp_path / "nbgrader_config.py").write_text(bad if content == "BAD_TRAIT" else content)
    with pytest.raises(ValueError, match=r"nbgrader_config\.py") as raised:
        open_course(tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_the_course_is_where_it_is_opened_not_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, url in ((here, "sqlite:///here.db"), (there, "sqlite:///sub/there.db")):
        folder.mkdir()
        config = f"c = get_config()\nc.CourseDirectory.db_url = {url!r}\n"
        (folder / "nbgrader_config.py").write_text(config)
    monkeypatch.chdir(here)
    course = open_course(there)
    assert course.root == there
    assert course.coursedir.db_url == f"sqlite:///{there}/sub/there.db"
    assert course.folder("submitted", "ada", START) == there / "submitted" / "ada" / START


def test_a_missing_driver_is_named(tmp_path: Path):
    config = "c = get_config()\nc.CourseDirectory.db_url = 'postgresql+pg8000://user:pw@h/d'\n"
    (tmp_path / "nbgrader_config.py").write_text(config)
    with pytest.raises(ValueError, match=r"grokedu\[postgres\]") as raised:
        _ = open_course(tmp_path).gradebook
    assert "pw" not in str(raised.value)


# --- lessons


def without_ids(tables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    def is_id(value: Any) -> bool:
        return isinstance(value, str) and len(value) == 32 and set(value) <= set("0123456789abcdef")

    return {
        name: sorted(
            (tuple(v for at, v in enumerate(row) if not (is_id(v) and at != 5)) for row in rows),
            key=repr,
        )
        for name, rows in tables.items()
    }


@pytest.mark.grading
@pytest.mark.parametrize("lesson", [START, GROKKING])
def test_a_lesson_is_entered_as_generate_assignment_enters_it(tmp_path: Path, lesson: str):
    theirs, ours = (empty_course_folder(tmp_path / name) for name in ("theirs", "ours"))
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_assignment", lesson, "--force"],
        cwd=theirs,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    release = ours / "course" / lesson / f"{lesson}.ipynb"
    before = release.read_bytes()
    with open_course(ours) as mine, open_course(theirs) as nbgraders:
        enter_lesson(mine, lesson)
        assert without_ids(everything(mine)) == without_ids(everything(nbgraders))
        whole = everything(nbgraders)
        enter_lesson(nbgraders, lesson)
        assert everything(nbgraders) == whole
    assert release.read_bytes() == before


def test_a_lesson_can_be_entered_from_its_release_alone(tmp_path: Path, course: Course):
    folder = course_folder(tmp_path / "bare")
    shutil.rmtree(folder / "solutions")
    with open_course(folder) as bare:
        before = everything(bare)
        enter_lesson(bare, START)
        assert everything(bare) == before


def test_changed_points_reach_the_gradebook_and_the_due_date_stays(course: Course):
    due = datetime(2026, 12, 1, 12)
    book = course.gradebook
    book.change(lambda: book.update_or_create_assignment(START, duedate=due))
    publish(course, result("ada"))

    def worth_five(notebook: dict[str, Any]) -> None:
        for cell in notebook["cells"]:
            if cell["id"] == CHECK:
                cell["metadata"]["nbgrader"]["points"] = 5

    change_release(course.root, START, worth_five)
    enter_lesson(course, START)
    lesson = book.find_assignment(START)
    assert (lesson.max_score, lesson.duedate) == (5.0, due)
    assert grades(course, "ada")[CHECK][0] == 2.0

    notes = publish(course, result("ada"))
    assert notes == [f"{CHECK} is worth 5 in the gradebook but 2 where it was graded"]
    assert grades(course, "ada")[CHECK][0] == 2.0


def test_a_graded_cell_more_is_refused_once_there_are_submissions(course: Course):
    publish(course, result("ada"))
    before = everything(course)

    def one_more(notebook: dict[str, Any]) -> None:
        cell = json.loads(json.dumps(next(c for c in notebook["cells"] if c["id"] == CHECK)))
        cell["metadata"]["nbgrader"]["grade_id"] = cell["id"] = "another-check"
        notebook["cells"].append(cell)

    change_release(course.root, START, one_more)
    with pytest.raises(ValueError, match="another name"):
        enter_lesson(course, START)
    assert everything(course) == before


def test_an_unknown_lesson_is_named(course: Course):
    with pytest.raises(ValueError, match="99_nothing"):
        enter_lesson(course, "99_nothing")


# --- publishing


def test_points_of_checks_become_automatic_scores(course: Course):
    given = result("ada", GROKKING, share=0.5)
    assert publish(course, given) == []
    found = grades(course, "ada", GROKKING)
    checks = {id.removesuffix("-check"): row for id, row in found.items() if "check" in id}
    assert {id: row[0] for id, row in checks.items()} == {
        id: each["points"] for id, each in given.exercises.items()
    }
    assert not any(needs for _, _, needs in checks.values())
    assert found["norm-reflect"] == (None, None, True)
    file = course.folder("autograded", "ada", GROKKING) / f"{GROKKING}.ipynb"
    assert file.read_text(encoding="utf-8") == given.notebook
    assert file.stat().st_mode & 0o777 == 0o444


def test_a_reflection_left_as_released_earns_nothing_and_says_so(course: Course):
    released = course.folder("release", ".", GROKKING) / f"{GROKKING}.ipynb"
    publish(course, result("ada", GROKKING, notebook=released.read_text(encoding="utf-8")))
    assert grades(course, "ada", GROKKING)["norm-reflect"] == (0.0, None, False)
    book = course.gradebook
    comment = book.look(lambda: book.find_comment("forward", GROKKING, GROKKING, "ada").comment)
    assert comment == "No response."


def test_publishing_again_changes_nothing(course: Course):
    given = result("ada", GROKKING, share=0.5)
    publish(course, given)
    course.ledger.write(given)
    before = everything(course)
    publish(course, given)
    assert everything(course) == before


REASON = 'two notebooks: <img src=x onerror="alert(1)">.ipynb, [b](javascript:x).ipynb'


@pytest.mark.parametrize("has_notebook", [True, False])
def test_what_needs_review_is_left_to_a_person_and_is_no_zero(course: Course, has_notebook: bool):
    changes = {} if has_notebook else {"notebook": "", "exercises": {}}
    given = result("ada", GROKKING, 0.0, status=NEEDS_REVIEW, reasons=(REASON,), **changes)
    assert publish(course, given) == []
    assert set(grades(course, "ada", GROKKING).values()) == {(None, None, True)}
    book = course.gradebook
    listed = book.look(lambda: book.submission_dicts(GROKKING))
    assert [(each["student"], each["needs_manual_grade"]) for each in listed] == [("ada", True)]
    comments = book.look(
        lambda: [c.comment for c in book.find_submission(GROKKING, "ada").notebooks[0].comments]
    )
    assert set(comments) == {None}
    file = course.folder("autograded", "ada", GROKKING) / f"{GROKKING}.ipynb"
    notebook = json.loads(file.read_text(encoding="utf-8"))
    if not has_notebook:
        assert notebook["metadata"]["grokedu"] == {"status": NEEDS_REVIEW, "reasons": [REASON]}
        shown = "".join(notebook["cells"][0]["source"])
        assert "<img" not in shown
        assert "](" not in shown
        assert "alert" in shown


def test_graded_before_and_now_in_need_of_review_keeps_no_old_score(course: Course):
    publish(course, result("ada"))
    publish(course, result("ada", status=NEEDS_REVIEW, reasons=("it ended early",)))
    assert set(grades(course, "ada").values()) == {(None, None, True)}
    publish(course, result("ada"))
    assert grades(course, "ada") == {CHECK: (2.0, None, False)}


def test_what_a_person_gave_stays_and_stays_settled(course: Course):
    given = result("ada", GROKKING)
    publish(course, given)
    course.ledger.write(given)
    score_by_hand(course, "ada", GROKKING, norm_reflect=2.5, forward_check=1.0)
    before = everything(course)
    publish(course, given)
    assert everything(course) == before

    again = result("ada", GROKKING, share=0.5)
    publish(course, again)
    found = grades(course, "ada", GROKKING)
    assert found["norm-reflect"] == (None, 2.5, False)
    assert found["forward-check"] == (1.5, 1.0, True)
    comments = [row[-1] for row in everything(course)["comment"]]
    assert comments == ["well put"] * len(comments)


def test_a_new_submission_is_put_up_for_another_look(course: Course):
    given = result("ada", GROKKING)
    publish(course, given)
    course.ledger.write(given)
    score_by_hand(course, "ada", GROKKING, norm_reflect=2.5)
    publish(course, result("ada", GROKKING, submission="c" * 64))
    assert grades(course, "ada", GROKKING)["norm-reflect"] == (None, 2.5, True)


@pytest.mark.parametrize(
    ("exercises", "score", "says"),
    [
        ({"weight_norm": {"points": 9.0, "of": 9.0}}, 2.0, "worth 2 in the gradebook but 9"),
        ({"weight_norm": {"points": -1.0, "of": 2.0}}, 0.0, ""),
        ({"weight_norm": {"points": float("nan"), "of": 2.0}}, None, "a person gives its points"),
        ({}, None, "a person gives its points"),
    ],
)
def test_points_that_do_not_fit_lose_no_student(
    course: Course, exercises: dict[str, Any], score: float | None, says: str
):
    notes = publish(course, result("ada", exercises=exercises))
    assert grades(course, "ada") == {CHECK: (score, None, score is None)}
    assert says in " ".join(notes)
    assert bool(notes) == bool(says)


def test_a_cell_that_the_gradebook_lacks_is_a_note(course: Course):
    given = result("ada", GROKKING)
    publish(course, given)
    book = course.gradebook
    gone = text(
        "DELETE FROM grade WHERE cell_id IN (SELECT id FROM base_cell WHERE name = 'forward-check')"
    )
    book.change(lambda: book.db.execute(gone))
    notes = publish(course, given)
    assert notes == ["forward-check is not in the gradebook: its points were not entered"]


def test_lone_surrogates_in_a_notebook_lose_no_student(course: Course):
    given = result("ada")
    broken = json.loads(given.notebook)
    broken["cells"][0]["source"] = "\ud800"
    raw = json.dumps(broken, ensure_ascii=False)
    publish(course, result("ada", notebook=raw))
    assert grades(course, "ada") == {CHECK: (2.0, None, False)}


@pytest.mark.parametrize("student", ["../ben", "", "a\0b"])
def test_an_id_that_leads_elsewhere_is_refused(course: Course, student: str):
    before = everything(course)
    with pytest.raises(ValueError, match="cannot be a student's id"):
        publish(course, result(student))
    assert everything(course) == before


def test_a_lesson_that_was_not_entered_is_named(course: Course):
    with pytest.raises(ValueError, match="99_nothing"):
        publish(course, Result("ada", "99_nothing", "graded", notebook=result("ada").notebook))


# --- late days


LATE = """
from nbgrader.plugins import LateSubmissionPlugin
class Hourly(LateSubmissionPlugin):
    def late_submission_penalty(self, student_id, score, total_seconds_late):
        if student_id == "raises":
            raise RuntimeError("no such table of days")
        return 0.25 * total_seconds_late / 3600
c.AssignLatePenalties.plugin_class = Hourly
"""


@pytest.fixture
def late_course(tmp_path: Path) -> Iterator[Course]:
    with open_course(course_folder(tmp_path / "late", config=LATE)) as course:
        book = course.gradebook
        due = datetime(2026, 12, 1, 12)
        book.change(lambda: book.update_or_create_assignment(START, duedate=due))
        yield course


@pytest.mark.parametrize(
    ("timestamp", "expected"),
    [
        ("2026-12-01 12:00:00 UTC", None),
        ("2026-12-01 14:00:00 UTC", 0.5),
        ("2026-12-01 15:00:00.000000 Europe/Berlin", 0.5),
        ("2026-12-01T16:00:00+02:00", 0.5),
        ("2026-12-05 12:00:00 UTC", 2.0),
    ],
)
def test_late_penalties_are_the_configured_plugins(
    late_course: Course, timestamp: str, expected: float | None
):
    hand_in(late_course, "ada", timestamp=timestamp)
    publish(late_course, result("ada"))
    assert penalty(late_course, "ada") == expected
    autograded = late_course.folder("autograded", "ada", START)
    submitted = late_course.folder("submitted", "ada", START)
    times = [late_course.coursedir.get_existing_timestamp(str(f)) for f in (autograded, submitted)]
    assert times[0] == times[1]


def test_an_extension_counts_at_the_next_publishing(late_course: Course):
    hand_in(late_course, "ada", timestamp="2026-12-01 14:00:00 UTC")
    publish(late_course, result("ada"))
    book = late_course.gradebook
    book.change(lambda: book.grant_extension(START, "ada", hours=1))
    publish(late_course, result("ada"))
    assert penalty(late_course, "ada") == 0.25


def test_penalties_follow_what_a_person_gave_later(late_course: Course):
    hand_in(late_course, "ada", timestamp="2026-12-01 14:00:00 UTC")
    hand_in(late_course, "ben", timestamp="2026-12-01 13:00:00 UTC")
    publish(late_course, result("ada", status=NEEDS_REVIEW, reasons=("it ended early",)))
    publish(late_course, result("ben"))
    assert (penalty(late_course, "ada"), penalty(late_course, "ben")) == (0.0, 0.25)
    score_by_hand(late_course, "ada", weight_norm_check=1.5)
    book = late_course.gradebook
    book.change(lambda: book.grant_extension(START, "ben", hours=1))
    assert penalise(late_course, START) == []
    assert (penalty(late_course, "ada"), penalty(late_course, "ben")) == (0.5, None)


def test_an_extension_where_nothing_is_due_is_none(course: Course):
    moment = datetime(2026, 12, 1)
    publish(course, result("ada"), timestamp=moment)
    book = course.gradebook
    book.change(lambda: book.grant_extension(START, "ada", days=1))
    assert publish(course, result("ada"), timestamp=moment + timedelta(days=9)) == []
    assert penalty(course, "ada") is None


def test_a_plugin_that_raises_is_a_note(late_course: Course):
    hand_in(late_course, "raises", timestamp="2026-12-02 12:00:00 UTC")
    notes = publish(late_course, result("raises"))
    assert "no such table of days" in notes[0]
    assert grades(late_course, "raises") == {CHECK: (2.0, None, False)}


def make_timestamp(path: Path, kind: str) -> None:
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a link":
        path.symlink_to("/etc/hostname")
    elif kind == "a folder":
        path.mkdir()
    else:
        path.write_bytes({"binary": b"\xff\x00\xfe", "words": b"yesterday", "empty": b" \n"}[kind])


@pytest.mark.parametrize("kind", ["a pipe", "a link", "a folder", "binary", "words", "empty"])
def test_a_timestamp_that_is_none_stops_nothing(course: Course, kind: str):
    folder = hand_in(course, "ada")
    make_timestamp(folder / "timestamp.txt", kind)
    notes = publish(course, result("ada"))
    assert [("timestamp.txt" in note) for note in notes] == ([] if kind == "empty" else [True])
    assert grades(course, "ada") == {CHECK: (2.0, None, False)}


# --- many writers, and writers that are killed


def publish_some(root: Path, students: list[str]) -> None:
    with open_course(root) as course:
        for student in students:
            publish(course, result(student))


def in_processes(root: Path, groups: list[list[str]]) -> list[int | None]:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=publish_some, args=(root, group)) for group in groups]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    return [worker.exitcode for worker in workers]


def test_eight_writers_lose_nothing(tmp_path: Path):
    root = course_folder(tmp_path / "course")
    students = [f"student-{number:02}" for number in range(24)]
    # Each writer has students of its own, and the last ones are everybody's.
    groups = [students[at:16:8] + students[16:] for at in range(8)]
    assert in_processes(root, groups) == [0] * 8
    with open_course(root) as course:
        assert sorted(each.id for each in course.gradebook.students) == students
        for student in students:
            assert grades(course, student) == {CHECK: (2.0, None, False)}
        assert len(everything(course)["submitted_assignment"]) == len(students)


def test_a_forked_process_has_a_connection_of_its_own(course: Course):
    publish(course, result("ada"))
    mine = course.gradebook
    pid = os.fork()
    if pid == 0:
        os._exit(0 if course.gradebook is not mine else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert course.gradebook is mine


def test_a_locked_gradebook_is_waited_for(course: Course, monkeypatch: pytest.MonkeyPatch):
    book = course.gradebook
    holder = sqlite3.connect(str(book.url.database), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    book.look(lambda: book.db.execute(text("PRAGMA busy_timeout = 0")))
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 20:
            holder.execute("ROLLBACK")

    clock = SimpleNamespace(monotonic=time.monotonic, sleep=sleep)  # other threads sleep too
    monkeypatch.setattr(connection, "time", clock)
    publish(course, result("ada"))
    holder.close()
    assert len(waits) == 20
    assert grades(course, "ada") == {CHECK: (2.0, None, False)}


def test_the_wait_is_bounded(course: Course, monkeypatch: pytest.MonkeyPatch):
    book = course.gradebook
    holder = sqlite3.connect(str(book.url.database), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    book.look(lambda: book.db.execute(text("PRAGMA busy_timeout = 0")))
    monkeypatch.setattr(connection, "WAIT_SECONDS", 0.0)
    with pytest.raises(OperationalError, match="locked"):
        publish(course, result("ada"))
    holder.close()


def killed_at_flush(root: Path, number: int) -> bool:
    """Publish in a process that is killed when it sends the database its n-th change."""
    pid = os.fork()
    if pid == 0:
        with open_course(root) as course:
            _ = course.gradebook
            whole, seen = connection._HeldSession.flush, [0]

            def flush(self: Any, objects: Any = None) -> None:
                whole(self)
                seen[0] += 1
                if seen[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)

            connection._HeldSession.flush = flush  # type: ignore[method-assign]
            publish(course, result("ada", share=0.5))
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL


def test_killed_anywhere_it_is_all_there_or_nothing_and_can_be_repeated(tmp_path: Path):
    root = course_folder(tmp_path / "course")
    with open_course(root) as course:
        publish(course, result("ben"))
        before, number = everything(course), 1
        course.close()
        while killed_at_flush(root, number):
            assert everything(course) == before
            course.close()
            number += 1
        assert number > 3
        assert grades(course, "ada") == {CHECK: (1.0, None, False)}
        publish(course, result("ada", share=0.5))
        assert grades(course, "ben") == {CHECK: (2.0, None, False)}


def test_a_new_gradebook_is_made_whole_by_whoever_is_first(tmp_path: Path):
    root = empty_course_folder(tmp_path / "course")
    context = multiprocessing.get_context("fork")

    def enter() -> None:
        with open_course(root) as course:
            enter_lesson(course, START)
            publish(course, result(f"student-{os.getpid()}"))

    workers = [context.Process(target=enter) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0] * 3
    with open_course(root) as course:
        tables = everything(course)
        assert len(tables["submitted_assignment"]) == 3
        assert len(tables["alembic_version"]) == 1
        assert len(tables["assignment"]) == 1
