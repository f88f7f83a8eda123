"""Removing a student's data wherever a course keeps it, after listing what would go.

Gradebook and ledger go before files, so that whenever this is killed, doing it again completes it.
Backups hold everybody's data: a fresh one is made without it, and the earlier ones go.
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import timezone
from functools import partial
from pathlib import Path

from nbgrader.api import MissingEntry

from grokedu.grading.book.backup import back_up, backups
from grokedu.grading.book.connection import WAIT_SECONDS
from grokedu.grading.book.course import Course
from grokedu.grading.book.ledger import check_student

# What was handed in goes last: its age decides whose turn it is, should this be killed before.
STEPS = ("feedback", "autograded", "replaced", "submitted")
DAY = 24 * 60 * 60


@dataclass(frozen=True)
class Removal:
    """What goes, or went.

    Attributes:
        entries: by student, how many submissions the gradebook has; None where it has no entry.
        paths: by student, the folders and files.
        backups: the backups that hold their data too.
        notes: what a person may want to look at besides.
        applied: whether it is gone.
    """

    entries: dict[str, int | None]
    paths: dict[str, list[Path]]
    backups: list[Path]
    notes: list[str]
    applied: bool

    def lines(self, root: Path) -> list[str]:
        """The removal in words, a line each; paths are given from the course's folder."""
        if not self.entries:
            return ["Nobody's data is that old."]
        lines = []
        for student, count in self.entries.items():
            if count is not None:
                lines.append(f"{student}: the gradebook's entry with {count} submissions")
            lines += [f"{student}: {os.path.relpath(each, root)}" for each in self.paths[student]]
            if count is None and not self.paths[student]:
                lines.append(f"{student}: nothing is kept")
        lines += [f"backup: {os.path.relpath(each, root)}" for each in self.backups]
        return lines + self.notes


def forget(
    course: Course,
    students: Iterable[str] | None = None,
    older_than_days: float | None = None,
    apply: bool = False,
) -> Removal:
    """Remove all data of some students, or of those whose newest file or submission is too old.

    Links are removed, never followed, and nothing outside the course's folder is.

    Args:
        students: their ids; or
        older_than_days: everyone of whom nothing is as new as that.
        apply: remove it; otherwise it is only said what would go.

    Raises:
        ValueError: an invalid id, neither or both ways to say whom, or a folder of the
            course that leads out of it.
        OSError: something cannot be removed; what was not removed yet is still found.
    """
    if (students is None) == (older_than_days is None):
        raise ValueError("say whom to forget: either students' ids, or --older-than such as 365")
    if older_than_days is not None:
        if not older_than_days > 0:
            raise ValueError(f"--older-than is {older_than_days}; wanted days such as 365")
        students = _older_than(course, time.time() - older_than_days * DAY)
    chosen = sorted(set(students or ()))
    for student in chosen:
        check_student(student)
    removal = Removal(
        entries={student: _submissions(course, student) for student in chosen},
        paths={student: list(_paths(course, student)) for student in chosen},
        backups=_backups_with(course, chosen),
        notes=_notes(course, chosen) if chosen else [],
        applied=apply,
    )
    if apply:
        _remove(course, removal)
    return removal


def _remove(course: Course, removal: Removal) -> None:
    book = course.gradebook
    for student, count in removal.entries.items():
        if count is not None:
            book.change(partial(book.remove_student, student))
        for path in removal.paths[student]:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
    if book.is_sqlite:  # what is deleted stays in the file's free pages until it is written anew
        course.close()
        file = str(course.gradebook.url.database)
        with closing(sqlite3.connect(file, timeout=WAIT_SECONDS, isolation_level=None)) as database:
            database.execute("VACUUM")
    if removal.backups:
        fresh = back_up(course)
        for path in removal.backups:
            if path != fresh:
                path.unlink(missing_ok=True)


def _submissions(course: Course, student: str) -> int | None:
    book = course.gradebook
    try:
        return book.look(lambda: len(book.find_student(student).submissions))
    except MissingEntry:
        return None


def _paths(course: Course, student: str) -> Iterator[Path]:
    """Everything that stands under a student's own name."""
    if course.ledger.folder.is_dir():
        for folder in sorted(_inside(course, course.ledger.folder).iterdir()):
            if folder.is_dir() and not folder.is_symlink():
                own = course.ledger.file(folder.name, student)
                yield from sorted(folder.glob(f"{own.stem}.*"))
    for step in STEPS:
        folder = _step(course, step, student)
        # By the folder's own list: file systems that ignore case would give another student's.
        if folder.parent.is_dir() and student in os.listdir(_inside(course, folder.parent)):
            yield folder


def _step(course: Course, step: str, student: str) -> Path:
    """A student's folder of one step; nbgrader's layout may be configured, but not so far."""
    kept = "submitted" if step == "replaced" else step
    folder = course.folder(kept, student, "lesson")
    if (folder.name, folder.parent.name) != ("lesson", student):
        raise ValueError(
            f"directory_structure is {course.coursedir.directory_structure!r}; students' data can "
            "be found only where it is {nbgrader_step}/{student_id}/{assignment_id}"
        )
    folder = folder.parent
    return folder.parent.parent / "replaced" / student if step == "replaced" else folder


def _inside(course: Course, folder: Path) -> Path:
    if not folder.resolve().is_relative_to(course.root.resolve()):
        raise ValueError(f"{folder} leads out of {course.root}: nothing is removed there")
    return folder


def _backups_with(course: Course, students: Sequence[str]) -> list[Path]:
    """All backups, if the students are in the gradebook or in any of them."""
    folder = backups(course)
    if not folder.is_dir():
        return []
    found = sorted(path for path in _inside(course, folder).iterdir() if not path.is_dir())
    known = any(_submissions(course, student) is not None for student in students)
    return found if known or any(_holds(path, students) for path in found) else []


def _holds(path: Path, students: Sequence[str]) -> bool:
    """Whether a backup has one of the students, or cannot be asked."""
    if path.suffix != ".db":
        return bool(students)
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as database:
            ids = {id for (id,) in database.execute("SELECT id FROM student")}
    except sqlite3.Error:
        return bool(students)
    return not ids.isdisjoint(students)


def _older_than(course: Course, moment: float) -> list[str]:
    """The students of whom there is something, and nothing newer than a moment."""
    book, newest = course.gradebook, dict[str, float]()

    def note(student: str, when: float) -> None:
        newest[student] = max(when, newest.get(student, 0.0))

    def ask() -> None:
        for student in book.students:
            for submission in student.submissions:
                if submission.timestamp is not None:
                    note(student.id, submission.timestamp.replace(tzinfo=timezone.utc).timestamp())

    book.look(ask)
    for step in STEPS:
        folder = _step(course, step, "student").parent
        for path in folder.iterdir() if folder.is_dir() else ():
            newest.setdefault(path.name, 0.0)
    for lesson in course.ledger.folder.glob("*/"):
        for student in course.ledger.all(lesson.name).results:
            newest.setdefault(student, 0.0)
    known = [student for student in newest if _is_id(student)]
    for student in known:
        for path in _paths(course, student):
            files = [path] if not path.is_dir() else [f for f in path.rglob("*") if not f.is_dir()]
            for file in files or [path]:
                note(student, file.lstat().st_mtime)
    return [student for student in known if newest[student] < moment]


def _is_id(name: str) -> bool:
    try:
        check_student(name)
    except ValueError:
        return False
    return True


def _notes(course: Course, students: Sequence[str]) -> list[str]:
    """Where else students may be named, which only a person can tell."""
    folder = course.root / "gradebook"
    found = [*folder.glob("*.csv"), *(path for path in folder.glob("downloaded/*"))]
    notes = [f"look yourself whether it names them: {path}" for path in sorted(found)]
    for lesson in sorted(course.ledger.folder.glob("*/")):
        for other, result in course.ledger.all(lesson.name).results.items():
            named = {word for flag in result.flags for word in re.split(r"[\s,;:'\"]+", flag)}
            if other not in students and named & set(students):
                notes.append(f"the record of {other} in {lesson.name} names them in its flags")
    return notes
