"""The record of what was graded: a file a student, written whole, beside nbgrader's gradebook.

It says what nbgrader's tables have no place for: why a submission needs review, which seed, release
and submission a score came from, and what it was before. A result that stands here is finished.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from filelock import FileLock

from grokedu.classroom.files import write_whole
from grokedu.grading.intake.naming import id_problem
from grokedu.grading.result import Result, Status

FORMAT = 1
LOCK_SECONDS = 60
_LESSON = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True)
class Records:
    """All that the ledger holds of one lesson.

    Attributes:
        results: by student, in their order.
        damaged: what is wrong with each file that could not be read.
    """

    results: dict[str, Result] = field(default_factory=dict)
    damaged: dict[Path, str] = field(default_factory=dict)


class Ledger:
    """The results of one course; they hold the grading seed, so only their owner can read them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, lesson: str, student: str) -> Path:
        """Where a student's record of a lesson is.

        Names stay apart where file systems ignore case or change how letters are composed.

        >>> Ledger(Path("ledger")).file("01_grokking", "Ada Ł.").as_posix()
        'ledger/01_grokking/ada-4dd37fb8e5dd.json'

        Raises:
            ValueError: one of them cannot be the name of a lesson or a student's id.
        """
        if not _LESSON.fullmatch(lesson):
            raise ValueError(f"{lesson!r} is no name of a lesson; wanted one such as 01_grokking")
        check_student(student)
        digest = hashlib.sha256(student.encode()).hexdigest()[:12]
        stem = re.sub(r"[^a-z0-9]+", "_", student.lower())[:40].strip("_") or "student"
        return self.folder / lesson / f"{stem}-{digest}.json"

    def read(self, lesson: str, student: str) -> Result | None:
        """A student's result, without the notebook; None when there is none.

        Raises:
            ValueError: the record is damaged; the message names its file.
        """
        path = self.file(lesson, student)
        return self._result(path, lesson) if path.exists() else None

    def write(self, result: Result) -> None:
        """Record a result; what it replaces goes to the history, a damaged file beside it.

        Recording the same again changes nothing.

        Raises:
            ValueError: the result holds what JSON cannot, such as points that are NaN.
        """
        path = self.file(result.lesson, result.student)
        content = {"format": FORMAT, "time": _now(), "history": [], **result.record()}
        json.dumps(content, allow_nan=False)
        self._make(path.parent)
        with FileLock(path.parent / ".lock", timeout=LOCK_SECONDS):
            if path.exists():
                try:
                    if _same(self._result(path, result.lesson), result):
                        return
                    content["history"] = _with_history(_content(path))
                except ValueError:
                    aside = path.with_suffix(f".{secrets.token_hex(4)}.damaged")
                    os.replace(path, aside)
                    content["history"] = [{"damaged": aside.name, "time": _now()}]
            write_whole(
                path, json.dumps(content, indent=1, allow_nan=False) + "\n", 0o600, durable=True
            )

    def history(self, lesson: str, student: str) -> list[dict[str, Any]]:
        """What was recorded before, the oldest first: status, points, seed, time, submission.

        Raises:
            ValueError: the record is damaged; the message names its file.
        """
        path = self.file(lesson, student)
        if not path.exists():
            return []
        self._result(path, lesson)
        return list(_content(path)["history"])

    def all(self, lesson: str) -> Records:
        """Every student's result of a lesson, and what could not be read."""
        records = Records()
        for path in sorted((self.folder / lesson).glob("*.json")):
            try:
                result = self._result(path, lesson)
                records.results[result.student] = result
            except ValueError as error:
                records.damaged[path] = str(error)
        return records

    def finished(self, lesson: str, student: str, submission: str) -> bool:
        """Whether a result is recorded for just this submission, given by its SHA-256.

        A damaged record counts as missing: the submission is graded again.
        """
        try:
            result = self.read(lesson, student)
        except ValueError:
            return False
        return result is not None and bool(submission) and result.submission == submission

    def _result(self, path: Path, lesson: str) -> Result:
        content = _content(path)
        try:
            result = Result.from_record({name: content[name] for name in _EMPTY})
            sound = _is_sound(content)
            sound = sound and self.file(lesson, result.student) == path and result.lesson == lesson
        except (KeyError, TypeError, AttributeError, ValueError):
            sound = False
        if not sound:
            raise ValueError(f"{path} is no whole record of {lesson}; grade the student again")
        return result

    def _make(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for each in (self.folder, folder):
            each.chmod(0o700)


def check_student(student: str) -> None:
    """Refuse an id that cannot stand for a student in file names and in the gradebook.

    >>> check_student("../ben")
    Traceback (most recent call last):
    ValueError: '../ben' cannot be a student's id: the student's id would name another folder; \
wanted one such as student-03

    Raises:
        ValueError: it is empty, too long, hides something or could lead out of a folder.
    """
    if wrong := id_problem(student):
        given = student if len(student) <= 60 else student[:60] + "…"
        raise ValueError(
            f"{given!r} cannot be a student's id: {wrong}; wanted one such as student-03"
        )


_EMPTY = Result(student="", lesson="", status=Status.GRADED).record()
_TEXTS = ("student", "lesson", "submission", "release", "sandbox", "time")


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} cannot be read: {error}; grade the student again") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{path} is no record of format {FORMAT}; grade the student again")
    return content


def _is_sound(content: dict[str, Any]) -> bool:
    """Whether a record has the shape that the rest of grading relies on."""
    exercises, history = content["exercises"], content["history"]
    return (
        all(isinstance(content[name], str) for name in _TEXTS)
        and all(isinstance(content[name], list) for name in ("reasons", "flags"))
        and all(isinstance(each, str) for each in (*content["reasons"], *content["flags"]))
        and content["status"] in (Status.GRADED, Status.NEEDS_REVIEW)
        and type(content["seed"]) is int
        and _is_finite(content["seconds"])
        and isinstance(content["answers"], dict)
        and all(isinstance(source, str) for source in content["answers"].values())
        and isinstance(exercises, dict)
        and all(_is_sound_exercise(each) for each in exercises.values())
        and isinstance(history, list)
        and all(isinstance(each, dict) for each in history)
    )


def _is_sound_exercise(each: dict[str, Any]) -> bool:
    return (
        isinstance(each["outcome"], str)
        and isinstance(each["misconception"], str)
        and _is_finite(each["points"])
        and _is_finite(each["of"])
        and type(each["version"]) is int
    )


def _is_finite(number: object) -> bool:
    """Whether it is a number that sums of points can hold: integers of JSON have no end either."""
    return isinstance(number, (int, float)) and type(number) is not bool and abs(number) < 1e15


def _same(one: Result, other: Result) -> bool:
    """Whether two results say the same, however long they took."""
    texts = [json.dumps(each.record() | {"seconds": 0}, sort_keys=True) for each in (one, other)]
    return texts[0] == texts[1]


def _with_history(content: dict[str, Any]) -> list[dict[str, Any]]:
    """The history with the record itself at its end, of which the answers are not kept."""
    kept = {name: content[name] for name in ("time", "status", "seed", "submission", "release")}
    kept["points"] = {id: each["points"] for id, each in content["exercises"].items()}
    return [*content["history"], kept]


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
