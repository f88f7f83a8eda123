from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from grokedu.grading.book import connection
from grokedu.grading.book.course import Course, enter_lesson, open_course
from grokedu.grading.book.gradebook import publish
from tests.grading.coursefolder import (
    CHECK,
    START,
    course_folder,
    empty_course_folder,
    everything,
    grades,
    result,
)


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
