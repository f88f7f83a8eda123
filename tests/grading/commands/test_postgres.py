"""A department's gradebook: PostgreSQL through nbgrader's own ``db_url``, and eight writers."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from grokedu.grading.book.backup import back_up
from grokedu.grading.book.course import Course, enter_lesson, open_course
from grokedu.grading.book.export import export
from grokedu.grading.book.forget import forget
from grokedu.grading.book.gradebook import publish
from grokedu.grading.book.scores import scores
from grokedu.grading.result import Result, Status
from tests.grading.coursefolder import (
    GROKKING,
    course_folder,
    empty_course_folder,
    grades,
    result,
)

pytestmark = [pytest.mark.grading, pytest.mark.full]
STUDENTS = [f"student-{number:02}" for number in range(40)]
WRITERS = 8


@dataclass(frozen=True)
class Server:
    """A server of the test's own, reached by a socket in its folder."""

    programs: Path
    folder: Path
    user: str

    def run(self, program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one of the server's programs, not as root: it refuses that."""
        demoted = ["setpriv", f"--reuid={self.user}", "--clear-groups"] if os.geteuid() == 0 else []
        run = subprocess.run(
            [*demoted, str(self.programs / program), *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        return run

    def url(self, database: str) -> str:
        """The ``db_url`` of a new, empty database."""
        self.run("createdb", f"--host={self.folder}", "--username=grader", database)
        return f"postgresql+psycopg://grader@/{database}?host={self.folder}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if not (found or on_path):
        pytest.skip("no PostgreSQL server is installed (Debian: apt-get install postgresql)")
    programs = found[-1].parent if found else Path(str(on_path)).resolve().parent
    users = {each.pw_name for each in pwd.getpwall()}
    user = "postgres" if "postgres" in users else "nobody"
    # A socket's path is at most 107 bytes long, which pytest's folders may exceed.
    with tempfile.TemporaryDirectory(prefix="pg-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, user)
        here = Server(programs, folder, user)
        here.run("initdb", f"--pgdata={folder / 'data'}", "--username=grader", "--auth=trust")
        options = f"-c listen_addresses='' -k {folder} -c fsync=off"
        data, log = f"--pgdata={folder / 'data'}", f"--log={folder / 'log'}"
        here.run("pg_ctl", "start", "--wait", data, log, f"--options={options}")
        try:
            yield here
        finally:
            here.run("pg_ctl", "stop", "--mode=immediate", data)


def course_on(folder: Path, url: str) -> Path:
    root = empty_course_folder(folder)
    with (root / "nbgrader_config.py").open("a") as config:
        config.write(f"c.CourseDirectory.db_url = {url!r}\n")
    return root


def given(student: str) -> Result:
    """A tenth of the students need review; the others have all or half of the points."""
    number = int(student[-2:])
    if number % 10 == 9:
        return result(student, GROKKING, status=Status.NEEDS_REVIEW, reasons=("It ended early.",))
    return result(student, GROKKING, share=1.0 if number % 2 else 0.5)


def write(root: Path, students: list[str], start: object) -> None:
    with open_course(root) as course:
        start.wait()  # type: ignore[attr-defined]
        for student in students:
            publish(course, given(student))


def record(course: Course) -> None:
    for student in STUDENTS:
        course.ledger.write(given(student))


def table(course: Course) -> str:
    to = course.root / "scores.csv"
    export(course, GROKKING, "csv", to)
    return to.read_text()


def test_eight_writers_and_one_that_repeats_lose_no_score(server: Server, tmp_path: Path):
    root = course_on(tmp_path / "department", server.url("writers"))
    with open_course(root) as course:
        enter_lesson(course, GROKKING)
    context = multiprocessing.get_context("fork")
    start = context.Barrier(WRITERS + 1)
    shares = [STUDENTS[at::WRITERS] for at in range(WRITERS)] + [STUDENTS[::-1] * 2]
    workers = [context.Process(target=write, args=(root, share, start)) for share in shares]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0] * len(workers)

    with open_course(course_folder(tmp_path / "laptop")) as sqlite, open_course(root) as department:
        for student in STUDENTS:
            publish(sqlite, given(student))
            assert grades(department, student, GROKKING) == grades(sqlite, student, GROKKING)
        record(sqlite)
        record(department)
        assert table(department) == table(sqlite)
        assert len(scores(department, GROKKING)) == len(STUDENTS)


def enter(root: Path, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    with open_course(root) as course:
        enter_lesson(course, GROKKING)
        publish(course, given(f"student-{os.getpid() % 9:02}"))


def test_a_new_gradebook_is_made_once_by_whoever_is_first(server: Server, tmp_path: Path):
    url = server.url("made_once")
    root = course_on(tmp_path / "department", url)
    context = multiprocessing.get_context("fork")
    start = context.Barrier(4)
    workers = [context.Process(target=enter, args=(root, start)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(300)
    assert [worker.exitcode for worker in workers] == [0] * 4
    with create_engine(url).connect() as connection:
        for name in ("alembic_version", "assignment", "notebook"):
            assert connection.execute(text(f"SELECT count(*) FROM {name}")).scalar() == 1


def test_a_dump_restores_what_was_there_and_a_student_goes(server: Server, tmp_path: Path):
    root = course_on(tmp_path / "department", server.url("dumped"))
    with open_course(root) as course:
        enter_lesson(course, GROKKING)
        for student in STUDENTS[:3]:
            publish(course, given(student))
        before = table(course)
        dump = back_up(course)
        assert dump.suffix == ".dump"
        assert dump.stat().st_mode & 0o777 == 0o600
        forget(course, STUDENTS[:1], apply=True)
        assert [row.student for row in scores(course, GROKKING)] == STUDENTS[1:3]
        assert not dump.exists()
        fresh = next((root / "gradebook" / "backups").glob("*.dump"))
        after = table(course)
    assert before != after
    url = server.url("restored")
    shutil.copy(fresh, server.folder / "dump")
    if os.geteuid() == 0:
        shutil.chown(server.folder / "dump", server.user)
    place = [f"--host={server.folder}", "--username=grader", "--dbname=restored"]
    server.run("pg_restore", *place, str(server.folder / "dump"))
    with open_course(course_on(tmp_path / "again", url)) as course:
        assert table(course) == after
