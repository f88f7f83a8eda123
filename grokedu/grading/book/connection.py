"""nbgrader's gradebook, kept open, whose changes are made whole or not at all.

nbgrader's own methods commit at every step: a process killed between two of them leaves half a
student, and each step waits for the disk. Here they run inside one transaction. Writers that are in
each other's way wait for their turn.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock
from nbgrader.api import Gradebook, InvalidEntry
from sqlalchemy import URL, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.orm.exc import FlushError, StaleDataError
from sqlalchemy.pool import NullPool

WAIT_SECONDS = 60.0
ATTEMPTS = 6
# Any number serves as the name of PostgreSQL's advisory lock; this one is "groked" in ASCII.
_ADVISORY_LOCK = 0x67726F6B6564
_CONFLICTS = (OperationalError, IntegrityError, InvalidEntry, FlushError, StaleDataError)
T = TypeVar("T")


class WholeGradebook(Gradebook):
    """nbgrader's gradebook with transactions.

    Args:
        url: as nbgrader's ``db_url``; where SQLite's file is not there, it is made.
        course_id: nbgrader's name of the course.

    Raises:
        ValueError: its driver is not installed.
        sqlalchemy.exc.SQLAlchemyError: the database cannot be reached or read.
    """

    def __init__(self, url: str, course_id: str) -> None:
        self.url = make_url(url)
        _load_driver(self.url)
        with self.exclusively(), _own_programs():
            if self.is_sqlite and not Path(self.url.database or "").exists():
                _make_sqlite(self.url)
            super().__init__(self.patient_url, course_id)
        self.close()
        self.engine = _engine(self.url)
        self.db = scoped_session(sessionmaker(bind=self.engine, class_=_HeldSession))

    @property
    def is_sqlite(self) -> bool:
        """Whether the gradebook is a file of SQLite's."""
        return bool(self.url.get_backend_name() == "sqlite")

    @property
    def patient_url(self) -> str:
        """The ``db_url`` for nbgrader's own steps, with a longer wait for the other writers."""
        url = self.url
        if self.is_sqlite:
            url = url.update_query_dict({"timeout": str(WAIT_SECONDS)})
        return str(url.render_as_string(hide_password=False))

    @contextmanager
    def exclusively(self) -> Iterator[None]:
        """Keep out the other processes that ask for this: for changes to the course itself."""
        if self.is_sqlite:
            file = Path(self.url.database or "")
            file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(file.with_name(f".{file.name}.lock"), timeout=WAIT_SECONDS):
                yield
        elif self.url.get_backend_name() == "postgresql":
            engine = create_engine(self.url, poolclass=NullPool)
            with engine.connect() as connection:
                connection.execute(text(f"SELECT pg_advisory_lock({_ADVISORY_LOCK})"))
                yield
        else:
            yield

    def change(self, work: Callable[[], T]) -> T:
        """Do work in one transaction, once more when another writer was in the way.

        Raises:
            sqlalchemy.exc.SQLAlchemyError: it did not succeed in about a minute.
        """
        return _patiently(lambda: self._once(work))

    def look(self, work: Callable[[], T]) -> T:
        """Do work that only reads, all of it at one moment of the gradebook, and let go of it."""
        try:
            return work()
        finally:
            self.db.rollback()

    def _once(self, work: Callable[[], T]) -> T:
        try:
            # A reader that becomes a writer cannot wait for another one, SQLite has it fail at
            # once (https://www.sqlite.org/lang_transaction.html): so a writer says so at first.
            self.db.connection(execution_options={"sqlite_begin": "BEGIN IMMEDIATE"})
            self.db.info["held"] = True
            value = work()
            self.db.info["held"] = False
            self.db.commit()
            return value
        except BaseException:
            self.db.rollback()
            raise
        finally:
            self.db.info["held"] = False


class _HeldSession(Session):
    """A session that, while it is held, sends a change to the database but commits nothing."""

    def commit(self) -> None:
        if self.info.get("held"):
            self.flush()
        else:
            super().commit()


def _load_driver(url: URL) -> None:
    try:
        url.get_dialect().import_dbapi()
    except (ImportError, ArgumentError) as error:
        raise ValueError(
            f"the gradebook at {url.render_as_string()} needs a driver that is not installed "
            f"({error}); for PostgreSQL: pip install 'grokedu[postgres]', and "
            "db_url = 'postgresql+psycopg://...'"
        ) from None


def _make_sqlite(url: URL) -> None:
    """Make an empty gradebook beside its place and move it there, so that it is whole."""
    file = Path(url.database or "")
    part = file.with_name(f".{file.name}.new")
    part.unlink(missing_ok=True)
    Gradebook(f"sqlite:///{part}").close()
    part.replace(file)


@contextmanager
def _own_programs() -> Iterator[None]:
    """For a new gradebook nbgrader calls `alembic` by name; it stands beside the interpreter."""
    before = os.environ.get("PATH", os.defpath)
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), before])
    try:
        yield
    finally:
        os.environ["PATH"] = before


def _engine(url: URL) -> Engine:
    engine = create_engine(url)
    if url.get_backend_name() == "sqlite":
        # Python's driver begins transactions late and by itself; SQLAlchemy's documentation has
        # this way to say when ("Serializable isolation / Savepoints / Transactional DDL").
        @event.listens_for(engine, "connect")
        def _leave_transactions(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            connection.execute(f"PRAGMA busy_timeout = {int(WAIT_SECONDS * 1000)}")

        @event.listens_for(engine, "begin")
        def _begin(connection: Any) -> None:
            begin = connection.get_execution_options().get("sqlite_begin", "BEGIN")
            connection.exec_driver_sql(begin)

    return engine


def _patiently(work: Callable[[], T]) -> T:
    """Do work again while another writer holds the database, and a few times at any conflict."""
    deadline = time.monotonic() + WAIT_SECONDS
    attempt = 0
    while True:
        attempt += 1
        try:
            return work()
        except _CONFLICTS as error:
            locked = "database is locked" in str(error)
            if time.monotonic() > deadline or not (locked or attempt < ATTEMPTS):
                raise
            time.sleep(random.uniform(0.01, 0.05) * min(attempt, 10))
