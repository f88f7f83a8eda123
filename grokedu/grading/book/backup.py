"""Copies of the gradebook, made before a run changes it.

An SQLite gradebook is copied back over the file, one of PostgreSQL's with ``pg_restore --clean``.
"""

from __future__ import annotations

import os
import secrets
import shutil
import sqlite3
import subprocess
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

from grokedu.grading.book.course import Course

KEPT = 10
DUMP_SECONDS = 600


def back_up(course: Course) -> Path:
    """Copy the gradebook to ``gradebook/backups``, and keep the newest ten copies.

    Other processes may write meanwhile: the copy has the gradebook as it is at one moment.

    Returns:
        The copy, which only its owner can read; its name holds the time in UTC.

    Raises:
        ValueError: the database is of a kind that cannot be copied here, or ``pg_dump`` is missing.
        RuntimeError: ``pg_dump`` failed; the message is its own.
        sqlite3.Error: the gradebook cannot be read.
    """
    _ = course.gradebook  # makes a new one, so that there is something to copy
    url = make_url(course.coursedir.db_url)
    kind = url.get_backend_name()
    if kind not in _COPIES:
        raise ValueError(
            f"no backup is made of a gradebook of {kind}; wanted sqlite or postgresql in db_url"
        )
    suffix, copy = _COPIES[kind]
    folder = backups(course)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    path = _free(folder, suffix)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        copy(url, part)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    # The one just made stays, even where a clock that was wrong named others later.
    others = [other for other in all_backups(course) if other != path]
    for old in others[: -(KEPT - 1)]:
        old.unlink(missing_ok=True)
    return path


def backups(course: Course) -> Path:
    """The folder of a course's backups."""
    return course.root / "gradebook" / "backups"


def all_backups(course: Course) -> list[Path]:
    """A course's backups, the oldest first."""
    found = [path for path in backups(course).glob("gradebook-*") if path.is_file()]
    return sorted(found, key=lambda path: path.stem)


def _free(folder: Path, suffix: str) -> Path:
    """A name by the time; two copies within a second get other names, and still sort by time."""
    moment = datetime.now(timezone.utc)
    name = f"gradebook-{moment:%Y%m%d-%H%M%S}"
    if any(folder.glob(f"{name}*")):
        name = f"gradebook-{moment:%Y%m%d-%H%M%S-%f}"
    return folder / f"{name}{suffix}"


def _copy_sqlite(url: URL, to: Path) -> None:
    """Copy by SQLite's online backup, which writers do not break (sqlite.org/backup.html)."""
    source = f"file:{Path(str(url.database)).as_posix()}?mode=ro"
    with closing(sqlite3.connect(source, uri=True)) as here, closing(sqlite3.connect(to)) as there:
        here.backup(there)


def _copy_postgresql(url: URL, to: Path) -> None:
    program = shutil.which("pg_dump")
    if program is None:
        raise ValueError(
            "a gradebook of PostgreSQL's is backed up by pg_dump, which is not installed; "
            "on Debian: apt-get install postgresql-client"
        )
    given: dict[str, Any] = dict(url.query)
    given |= {"host": url.host or given.get("host"), "port": url.port or given.get("port")}
    given |= {"user": url.username or given.get("user"), "dbname": url.database}
    given |= {"password": url.password or given.get("password")}
    password = str(given.pop("password") or "")
    command = [program, "--format=custom", "--no-password", f"--file={to}"]
    try:
        run = subprocess.run(
            [*command, f"--dbname={_connection_string(given)}"],
            env=os.environ | ({"PGPASSWORD": password} if password else {}),
            capture_output=True,
            text=True,
            timeout=DUMP_SECONDS,
        )
    except subprocess.TimeoutExpired:
        said = f"no end after {DUMP_SECONDS} s"
        raise RuntimeError(f"pg_dump could not copy the gradebook: {said}") from None
    if run.returncode != 0:
        raise RuntimeError(f"pg_dump could not copy the gradebook: {run.stderr.strip()}")


def _connection_string(settings: dict[str, Any]) -> str:
    r"""libpq's connection string; what is not set is left to libpq (PostgreSQL manual, 34.1.1).

    >>> _connection_string({"host": "db", "user": None, "dbname": "it's"})
    "host='db' dbname='it\\'s'"
    """
    quoted = {
        name: str(value).replace("\\", "\\\\").replace("'", "\\'")
        for name, value in settings.items()
        if value
    }
    return " ".join(f"{name}='{value}'" for name, value in quoted.items())


_COPIES = {"sqlite": (".db", _copy_sqlite), "postgresql": (".dump", _copy_postgresql)}
