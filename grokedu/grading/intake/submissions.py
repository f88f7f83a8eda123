"""What was handed in, read from where nbgrader looks for it, however it came there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from grokedu.grading.intake.files import Refused, open_folder, read_file
from grokedu.grading.intake.intake import REFUSED, REPLACED, Taken
from grokedu.grading.intake.naming import choose, id_problem, is_junk, look_alikes, stand_in
from grokedu.grading.judging.result import Submission


def handed_in(submitted: Path, lesson: str, taken: Iterable[Taken] = ()) -> Iterator[Submission]:
    """Each student's notebook for a lesson, in order of their ids; none stops the others.

    Args:
        taken: what `collect` said: its notes are passed on, and students of whom nothing could be
            taken are there with the reason.
    """
    said = {each.student: each for each in taken if each.student}
    names = _students(submitted, lesson)
    alike = look_alikes({*names, *said})
    for student in sorted({*names, *said}):
        if student in names:
            found = _read_one(submitted, student, lesson)
        else:
            found = Submission(student, None, "nothing handed in")
        if student in said:
            found = _with_report(found, said[student])
        if student in alike:
            others = ", ".join(sorted(map(ascii, alike[student])))
            note = f"another id differs only by case or by its letters' form: {others}"
            found = replace(found, notes=(*found.notes, note))
        yield replace(found, student=stand_in(student))


def _students(submitted: Path, lesson: str) -> set[str]:
    """The names of folders that may hold a hand-in of the lesson."""
    names = set()
    for item in os.scandir(submitted) if submitted.is_dir() else ():
        if is_junk([item.name]) or not (item.is_symlink() or item.is_dir()):
            continue
        # A folder that cannot be looked into may hold one; reading it says what is wrong.
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            with contextlib.suppress(PermissionError):
                os.lstat(os.path.join(item.path, lesson))
            names.add(item.name)
    return names


def _read_one(submitted: Path, student: str, lesson: str) -> Submission:
    if wrong := id_problem(student):
        return Submission(student, None, wrong)
    with contextlib.ExitStack() as opened:
        try:
            folder = open_folder(submitted / student)
            opened.callback(os.close, folder)
            folder = open_folder(lesson, within=folder)
            opened.callback(os.close, folder)
            own = [name for name in os.listdir(folder) if not is_junk([name])]
            name, problem, notes = choose(set(own) - {"timestamp.txt"}, lesson)
            if name is None:
                return Submission(student, None, problem)
            return Submission(student, read_file(name, within=folder), notes=notes)
        except Refused as refusal:
            return Submission(student, None, str(refusal))
        except OSError as error:
            why = (error.strerror or type(error).__name__).lower()
            return Submission(student, None, f"its folder cannot be read: {why}")


def _with_report(found: Submission, report: Taken) -> Submission:
    """A submission with what was said when it was collected."""
    notes = [note for note in report.notes if note not in found.notes]
    if report.outcome == REFUSED:
        if found.content is None:
            return replace(found, problem=report.problem, notes=(*found.notes, *notes))
        notes.append(f"a later upload was refused, this one stands: {report.problem}")
    if report.outcome == REPLACED:
        notes.append("replaces an earlier hand-in")
    return replace(found, notes=(*found.notes, *notes))
