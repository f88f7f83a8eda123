from __future__ import annotations

import os
import shutil
import sqlite3
import stat
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from grokedu.grading.book import backup
from grokedu.grading.book.backup import all_backups, back_up, backups
from grokedu.grading.book.course import Course
from grokedu.grading.book.gradebook import publish
from tests.grading.coursefolder import everything, grades, result


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time, one second later at each look; set its step by the second entry."""
    times = [datetime(2026, 12, 1, 13, tzinfo=timezone(timedelta(hours=1))), timedelta(seconds=1)]

    class Clock:
        @staticmethod
        def now(zone: timezone) -> Any:
            times[0] += times[1]
            return times[0].astimezone(zone)

    monkeypatch.setattr(backup, "datetime", Clock)
    return times


def test_a_copy_put_back_restores_the_gradebook(course: Course):
    publish(course, result("ada"))
    before = everything(course)
    path = back_up(course)
    publish(course, result("ben"))
    assert everything(course) != before
    course.close()
    shutil.copy(path, str(course.gradebook.url.database))
    course.close()
    assert everything(course) == before
    assert list(grades(course, "ada").values()) == [(2.0, None, False)]


def test_a_copy_is_for_its_owner_and_named_by_the_time(course: Course, clock: list[Any]):
    path = back_up(course)
    assert path == course.root / "gradebook" / "backups" / "gradebook-20261201-120001.db"
    modes = [stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent)]
    assert modes == [0o600, 0o700]
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_the_copy_is_of_one_moment_though_a_writer_is_at_work(course: Course):
    publish(course, result("ada"))
    before = everything(course)
    writer = sqlite3.connect(str(course.gradebook.url.database), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("DELETE FROM student")
    path = back_up(course)
    writer.execute("ROLLBACK")
    writer.close()
    course.close()
    shutil.copy(path, course.root / "gradebook" / "gradebook.db")
    assert everything(course) == before


@pytest.mark.parametrize("step", [timedelta(seconds=1), timedelta(milliseconds=50)])
def test_the_newest_ten_stay(course: Course, clock: list[Any], step: timedelta):
    clock[1] = step
    made = [back_up(course) for _ in range(13)]
    assert all_backups(course) == made[-10:]


def test_the_one_just_made_stays_though_others_seem_to_be_later(course: Course):
    backups(course).mkdir(parents=True)
    for number in range(10):
        (backups(course) / f"gradebook-2099010{number}-000000.db").touch()
    path = back_up(course)
    assert path in all_backups(course)
    assert len(all_backups(course)) == 10


def test_a_copy_that_fails_leaves_nothing(course: Course, monkeypatch: pytest.MonkeyPatch):
    def fails(*_arguments: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    monkeypatch.setitem(backup._COPIES, "sqlite", (".db", fails))
    with pytest.raises(sqlite3.OperationalError):
        back_up(course)
    assert list(backups(course).iterdir()) == []


def test_without_pg_dump_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ValueError, match="apt-get install postgresql-client"):
        backup._copy_postgresql(make_url("postgresql+psycopg://ada@db/grades"), tmp_path / "x")


PG_DUMP = """#!/bin/sh
printf '%s\\n' "$@" > "$TOLD"; printf '%s\\n' "$PGPASSWORD" >> "$TOLD"
case "$FAILS" in yes) echo 'FATAL: no such database' >&2; exit 1;; esac
"""


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What a stand-in for pg_dump is told: its arguments, then the password it finds."""
    program = tmp_path / "programs" / "pg_dump"
    program.parent.mkdir()
    program.write_text(PG_DUMP)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TOLD", str(tmp_path / "told"))
    return tmp_path / "told"


@pytest.mark.parametrize("where", ["ada:se'cret@db:5433/grades", "/grades?host=/run/pg&user=ada"])
def test_the_password_is_not_on_the_command_line(tmp_path: Path, told: Path, where: str):
    backup._copy_postgresql(make_url(f"postgresql+psycopg://{where}"), tmp_path / "x.dump")
    *arguments, password = told.read_text().splitlines()
    assert password == ("se'cret" if "secret" in where.replace("'", "") else "")
    assert not any("cret" in argument for argument in arguments)
    database = "host='db' port='5433' user='ada' dbname='grades'"
    if "@" not in where:
        database = "user='ada' dbname='grades' host='/run/pg'"
    assert sorted(arguments[-1].removeprefix("--dbname=").split()) == sorted(database.split())
    assert "--format=custom" in arguments


def test_what_pg_dump_says_is_passed_on(
    tmp_path: Path, told: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FAILS", "yes")
    with pytest.raises(RuntimeError, match="no such database"):
        backup._copy_postgresql(make_url("postgresql+psycopg://ada@db/grades"), tmp_path / "x")


def test_a_pg_dump_without_end_is_no_backup(
    tmp_path: Path, told: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(backup, "DUMP_SECONDS", 0.0)
    with pytest.raises(RuntimeError, match="no end after 0"):
        backup._copy_postgresql(make_url("postgresql+psycopg://ada@db/grades"), tmp_path / "x")


def test_a_database_of_another_kind_is_named(course: Course):
    course.gradebook  # noqa: B018
    course.coursedir.db_url = "mysql://ada@db/grades"
    with pytest.raises(ValueError, match="mysql"):
        back_up(course)
