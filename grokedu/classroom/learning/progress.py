"""A learner's points, kept in the user's data folder: one small file an entry, each written whole.

The folder is ``$GROKEDU_HOME``, or the system's place for a user's data. Binder and Colab forget it
with the machine, so all of it can be saved to one file and restored from it.
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
    """The folder in which progress is kept."""
    given = os.environ.get("GROKEDU_HOME")
    return Path(given) if given else user_data_path("grokedu", appauthor=False)


def read(lesson: str, entry: str) -> dict[str, Any]:
    """One entry of one lesson; empty when there is none or its file cannot be read."""
    path = _file(lesson, entry)
    if path in _unwritten:
        return dict(_unwritten[path])
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return _sound(data) if isinstance(data, dict) else {}


def write(lesson: str, entry: str, data: dict[str, Any]) -> None:
    """Keep one entry of one lesson; only while the process lives where files cannot be written."""
    path = _file(lesson, entry)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, json.dumps(data, indent=1, sort_keys=True) + "\n")
    except OSError:
        _unwritten[path] = dict(data)


def forget(lesson: str, entry: str) -> None:
    """Remove one entry of one lesson."""
    path = _file(lesson, entry)
    _unwritten.pop(path, None)
    with contextlib.suppress(OSError):
        path.unlink()


def everything() -> dict[str, dict[str, dict[str, Any]]]:
    """All entries, by lesson and name."""
    folder = home() / "progress"
    lessons: dict[str, dict[str, dict[str, Any]]] = {}
    unwritten = {path for path in _unwritten if path.is_relative_to(folder)}
    for path in sorted(unwritten.union(folder.glob("*/*.json"))):
        if not (_NAME.fullmatch(path.parent.name) and _NAME.fullmatch(path.stem)):
            continue  # a copy that a file system made, as "forward (1).json"
        if data := read(path.parent.name, path.stem):
            lessons.setdefault(path.parent.name, {})[path.stem] = data
    return lessons


def save_to(file: str | Path) -> Path:
    """Write all progress to one file, and return its path."""
    path = Path(file)
    content = {"format": FORMAT, "lessons": everything()}
    write_whole(path, json.dumps(content, indent=1, sort_keys=True) + "\n")
    return path


def restore_from(file: str | Path) -> int:
    """Read progress from a file made by `save_to`; where both know an exercise, more points stay.

    Returns the number of entries taken.

    Raises:
        ValueError: the file is not one that `save_to` writes.
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
        sound = _sound(data)
        if sound.get("points", 0.0) >= read(lesson, entry).get("points", 0.0):
            write(lesson, entry, sound)
            taken += 1
    return taken


def _sound(data: dict[str, Any]) -> dict[str, Any]:
    """An entry without the numbers that are none: files are edited, and cut short."""
    return {name: value for name, value in data.items() if _NUMBERS.get(name, _anything)(value)}


def _anything(value: Any) -> bool:
    return True


_NUMBERS: dict[str, Callable[[Any], bool]] = {
    "points": lambda value: isinstance(value, (int, float)) and 0 <= value < 1e6,
    "of": lambda value: isinstance(value, (int, float)) and 0 <= value < 1e6,
    "hints": lambda value: isinstance(value, int) and 0 <= value <= 3,
}
# What could not be written, so that hints rise and predictions settle even so.
_unwritten: dict[Path, dict[str, Any]] = {}


def _file(lesson: str, entry: str) -> Path:
    for name in (lesson, entry):
        if not _NAME.fullmatch(name):
            raise ValueError(f"not a name for progress: {name!r}")
    return home() / "progress" / lesson / f"{entry}.json"
