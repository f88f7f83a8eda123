"""A learner's points, hints and predictions, kept in the user's data folder.

The folder is ``$GROKEDU_HOME``, or where the system keeps a user's data. Each entry is a small JSON
file. Binder and Colab delete the folder together with the machine, so all entries can be saved to
one file and restored from it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from platformdirs import user_data_path

from grokedu.classroom.files import write_whole

FORMAT = "grokedu-progress-1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


def home() -> Path:
    """The folder in which progress is kept: ``$GROKEDU_HOME``, or the system's."""
    given = os.environ.get("GROKEDU_HOME")
    return Path(given) if given else user_data_path("grokedu", appauthor=False)


def read(lesson: str, entry: str) -> dict[str, Any]:
    """One entry of a lesson. It is empty if there is none; a damaged file counts as missing.

    Args:
        lesson: the lesson's name.
        entry: an exercise's id, or ``claim-`` and a claim's.

    Raises:
        ValueError: a name is not allowed as a file's name.
    """
    path = _file(lesson, entry)
    if path in _unwritten:
        return dict(_unwritten[path])
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return _without_invalid(data) if isinstance(data, dict) else {}


def write(lesson: str, entry: str, data: dict[str, Any]) -> None:
    """Keep one entry of a lesson. If its file cannot be written, keep it until the process ends.

    Args:
        lesson: the lesson's name.
        entry: an exercise's id, or ``claim-`` and a claim's.
        data: what JSON can hold.

    Raises:
        ValueError: a name is not allowed as a file's name.
    """
    path = _file(lesson, entry)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(data, indent=1, sort_keys=True) + "\n")
    except OSError:
        _unwritten[path] = dict(data)


def forget(lesson: str, entry: str) -> None:
    """Remove one entry of a lesson.

    Raises:
        ValueError: a name is not allowed as a file's name.
    """
    path = _file(lesson, entry)
    _unwritten.pop(path, None)
    with contextlib.suppress(OSError):
        path.unlink()


def everything() -> dict[str, dict[str, dict[str, Any]]]:
    """All entries, by lesson and by their own name."""
    folder = home() / "progress"
    lessons: dict[str, dict[str, dict[str, Any]]] = {}
    unwritten = {path for path in _unwritten if path.is_relative_to(folder)}
    for path in sorted(unwritten.union(folder.glob("*/*.json"))):
        if not (_NAME.fullmatch(path.parent.name) and _NAME.fullmatch(path.stem)):
            continue  # a copy made by a file synchroniser, such as "forward (1).json"
        if data := read(path.parent.name, path.stem):
            lessons.setdefault(path.parent.name, {})[path.stem] = data
    return lessons


def save_to(file: str | Path) -> Path:
    """Write all progress to one file.

    Returns:
        The file's path.

    Raises:
        OSError: the file cannot be written.
    """
    path = Path(file)
    content = {"format": FORMAT, "lessons": everything()}
    write_whole(path, json.dumps(content, indent=1, sort_keys=True) + "\n")
    return path


def restore_from(file: str | Path) -> int:
    """Read progress from a file made by `save_to`. It keeps entries with more points.

    Returns:
        The number of entries that were taken.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file was not made by `save_to`. Nothing was changed.
    """
    path = Path(file)
    wanted = f"wanted a file made by `grokedu progress --save FILE` ({FORMAT})"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        lessons = content["lessons"]
        if content["format"] != FORMAT:
            raise KeyError("format")
        rows = [(les, ent, data) for les, rows in lessons.items() for ent, data in rows.items()]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError(f"{path} does not hold saved progress; {wanted}") from None
    for lesson, entry, data in rows:
        if not (_NAME.fullmatch(lesson) and _NAME.fullmatch(entry) and isinstance(data, dict)):
            raise ValueError(f"{path} holds an entry named {lesson!r}/{entry!r}; {wanted}")
    taken = 0
    for lesson, entry, data in rows:
        sound = _without_invalid(data)
        if sound.get("points", 0.0) >= read(lesson, entry).get("points", 0.0):
            write(lesson, entry, sound)
            taken += 1
    return taken


def _without_invalid(data: dict[str, Any]) -> dict[str, Any]:
    """An entry without its invalid numbers. A file may have been edited or cut short."""
    return {name: value for name, value in data.items() if _NUMBERS.get(name, _is_valid)(value)}


def _is_valid(value: Any) -> bool:
    return True


_NUMBERS: dict[str, Callable[[Any], bool]] = {
    "points": lambda value: isinstance(value, (int, float)) and 0 <= value < 1e6,
    "of": lambda value: isinstance(value, (int, float)) and 0 <= value < 1e6,
    "hints": lambda value: isinstance(value, int) and 0 <= value <= 3,
}
# Entries that could not be written, so that hints and predictions work all the same.
_unwritten: dict[Path, dict[str, Any]] = {}


def _file(lesson: str, entry: str) -> Path:
    for name in (lesson, entry):
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a name for progress; wanted one such as 01_grokking")
    return home() / "progress" / lesson / f"{entry}.json"
