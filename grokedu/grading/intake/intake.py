"""Taking in what a class handed in, whatever is in it, to where nbgrader looks for it.

`collect` brings a zip from an LMS or a folder into ``submitted/STUDENT/LESSON/LESSON.ipynb``, bytes
unchanged.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from grokedu.classroom.files import write_whole
from grokedu.grading.intake.archives import Archive, Entry, FolderArchive, ZipArchive
from grokedu.grading.intake.naming import (
    Owner,
    choose,
    common_folder,
    id_problem,
    is_junk,
    listed,
    look_alikes,
    owner,
    shown,
    substitute_id,
)
from grokedu.grading.intake.reading import Refused, open_folder, read_file
from grokedu.grading.result import Submission

UNDATED = "when it came is not known"


class Arrival(str, Enum):
    """What became of a file that was handed in.

    >>> f"{Arrival.SAME}"
    'unchanged'
    """

    TAKEN = "taken"
    REPLACED = "replaced"
    SAME = "unchanged"
    REFUSED = "refused"
    LEFT = "left alone"

    __str__ = str.__str__


@dataclass(frozen=True)
class Taken:
    """What was made of one student's files, or of a file that belongs to no student.

    Attributes:
        file: its name where it came from.
        student: whose it is; empty when its name does not say.
        outcome: what became of it.
        problem: why it was refused or left alone, in a line.
        notes: what was odd about it, a line each.
    """

    file: str
    student: str
    outcome: str
    problem: str = ""
    notes: tuple[str, ...] = ()


def collect(
    source: Path, lesson: str, submitted: Path, student_ids: Mapping[str, str] | None = None
) -> list[Taken]:
    """Bring a lesson's notebooks to where nbgrader looks for them; say what became of each file.

    Args:
        source: a zip from Canvas or Moodle, unpacked or not; a zip or folder of ``ID.ipynb`` or
            ``ID/own name.ipynb``; or ``submitted`` itself, of which nothing is copied.
        lesson: the lesson's full name.
        submitted: nbgrader's folder. An earlier hand-in of other bytes moves to
            ``submitted/../replaced/STUDENT/LESSON/``, and its ``timestamp.txt`` with it.
        student_ids: the course's own id by the LMS's, where the two differ.

    Returns:
        one entry a student, and one for each file that is no student's, in order of their names.

    Raises:
        ValueError: the source is neither a folder nor a sound zip, or holds too many files.
        OSError: it cannot be read, or `submitted` cannot be written.
    """
    if source.is_dir():
        if submitted.is_dir() and source.samefile(submitted):
            return []
        archive: ZipArchive | FolderArchive = FolderArchive(source)
    elif source.exists():
        archive = ZipArchive(source)
    else:
        raise ValueError(
            f"{source} is not there; wanted a zip from the LMS or a folder of notebooks, "
            "such as downloads/submissions.zip"
        )
    with archive:
        files, strays = _sort_out(archive.entries, lesson)
        theirs = {(student_ids or {}).get(whose, whose): found for whose, found in files.items()}
        at_hand = os.listdir(submitted) if submitted.is_dir() else []
        alike = look_alikes({*theirs, *at_hand})
        taken = [
            _take(archive, student, theirs[student], lesson, submitted, alike)
            for student in sorted(theirs)
        ]
    return taken + strays


def _sort_out(
    entries: list[Entry], lesson: str
) -> tuple[dict[str, list[tuple[Entry, Owner]]], list[Taken]]:
    """Each student's files, and the files that are no one's."""
    sound = [entry for entry in entries if entry.path and not is_junk(entry.path)]
    top = common_folder([entry.path for entry in sound], lesson)
    whose = {entry: owner(entry.path[top:]) for entry in sound}
    # nbgrader's own layout, STUDENT/LESSON/own name: other lessons' files are there too.
    laid_out = any(each.own.startswith(f"{lesson}/") for each in whose.values())
    files: dict[str, list[tuple[Entry, Owner]]] = {}
    strays: list[Taken] = []
    for entry in entries:
        if entry.path and entry not in whose:
            continue
        each = whose.get(entry, Owner("", ""))
        if laid_out and each.student and not each.own.startswith(f"{lesson}/"):
            strays.append(Taken(shown(entry.name), "", Arrival.LEFT, f"not of {lesson}"))
        elif each.student:
            files.setdefault(each.student, []).append((entry, each))
        elif entry.problem:
            strays.append(Taken(shown(entry.name), "", Arrival.REFUSED, entry.problem))
        else:
            said = "neither a notebook nor in a student's folder"
            strays.append(Taken(shown(entry.name), "", Arrival.LEFT, said))
    return files, strays


def _take(
    archive: Archive,
    student: str,
    files: list[tuple[Entry, Owner]],
    lesson: str,
    submitted: Path,
    alike: Mapping[str, list[str]],
) -> Taken:
    """Bring one student's notebook to its place."""
    by_name = {whose.own: entry for entry, whose in files}
    name, problem, notes = choose([whose.own for _, whose in files], lesson)
    if name and name == f"{files[0][1].student}.ipynb":
        notes = ()  # it is the id that named it, as it should
    if any(whose.late for _, whose in files):
        notes = (*notes, "late, says the LMS")
    file = shown(by_name[name].name) if name else listed([entry.name for entry, _ in files])
    try:
        if wrong := id_problem(student):
            raise Refused(wrong)
        if name is None:
            raise Refused(next((entry.problem for entry, _ in files if entry.problem), problem))
        if by_name[name].problem:
            raise Refused(by_name[name].problem)
        content = archive.read(by_name[name])
        outcome, odd = _place(submitted, student, lesson, content, student in alike)
    except Refused as refusal:
        return Taken(file, substitute_id(student), Arrival.REFUSED, str(refusal), notes)
    return Taken(file, student, outcome, notes=(*notes, *odd))


def _place(
    submitted: Path, student: str, lesson: str, content: bytes, alike: bool
) -> tuple[str, tuple[str, ...]]:
    """Write a notebook where nbgrader looks for it, keep what it replaces; what is odd about it."""
    folder = submitted / student / lesson
    submitted.mkdir(parents=True, exist_ok=True)
    for made in (folder.parent, folder):
        with contextlib.suppress(FileExistsError):
            made.mkdir()
        if made.is_symlink() or not made.is_dir():
            raise Refused(f"where it belongs is a link or a file: remove {shown(str(made))}")
    if alike and student not in os.listdir(submitted):
        raise Refused("this disk cannot tell the student's id from another that looks like it")
    file = folder / f"{lesson}.ipynb"
    stamp, kept = folder / "timestamp.txt", submitted.parent / "replaced" / student / lesson
    stem, stamped = "earlier", os.path.lexists(stamp)
    outcome = Arrival.REPLACED if os.path.lexists(file) else Arrival.TAKEN
    try:
        if outcome == Arrival.REPLACED:
            earlier = read_file(file)
            if earlier == content:
                return Arrival.SAME, ()
            stem = hashlib.sha256(earlier).hexdigest()[:8]
            kept.mkdir(parents=True, exist_ok=True)
            write_whole(kept / f"{stem}.ipynb", earlier)
        if stamped:  # it says when the earlier one came, whatever that was called
            kept.mkdir(parents=True, exist_ok=True)
            os.replace(stamp, kept / f"{stem}.timestamp.txt")
    except Refused as refusal:
        raise Refused(f"what was handed in earlier cannot be replaced: {refusal}") from None
    write_whole(file, content)
    return outcome, (UNDATED,) if stamped else ()


def handed_in(submitted: Path, lesson: str, taken: Iterable[Taken] = ()) -> Iterator[Submission]:
    """Each student's notebook for a lesson, in order of their ids; no student's stops the others'.

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
        yield replace(found, student=substitute_id(student))


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
    if report.outcome == Arrival.REFUSED:
        if found.content is None:
            return replace(found, problem=report.problem, notes=(*found.notes, *notes))
        notes.append(f"a later upload was refused, this one stands: {report.problem}")
    if report.outcome == Arrival.REPLACED:
        notes.append("replaces an earlier hand-in")
    return replace(found, notes=(*found.notes, *notes))
