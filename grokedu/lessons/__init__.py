"""The lessons: found by number or any unique prefix, the package's own and an instructor's.

An instructor adds private lessons by the entry point group ``grokedu.lessons`` or by modules named
like ours (``l20_topic.py``, holding a ``lesson``) in the folder ``$GROKEDU_LESSONS``. One that has
the name of a public lesson takes its place wherever lessons are found by name, as in grading; what
a notebook imports is the public one.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import pkgutil
import re
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from grokedu.classroom.lesson import Lesson

_MODULE = re.compile(r"l(\d\d_[a-z0-9_]+)")


def available() -> dict[str, Callable[[], ModuleType]]:
    """Every lesson's name and how to import its module; nothing is imported yet."""
    found: dict[str, Callable[[], ModuleType]] = {}
    for module in pkgutil.iter_modules(__path__):
        if match := _MODULE.fullmatch(module.name):
            name = f"{__name__}.{module.name}"
            found[match[1]] = lambda name=name: importlib.import_module(name)  # type: ignore[misc]
    for entry in entry_points(group="grokedu.lessons"):
        found[entry.name] = entry.load
    folder = os.environ.get("GROKEDU_LESSONS", "")
    for path in sorted(Path(folder).glob("l*.py")) if folder else []:
        if match := _MODULE.fullmatch(path.stem):
            found[match[1]] = lambda path=path: _from_file(path)  # type: ignore[misc]
    return dict(sorted(found.items()))


def name_of(prefix: str) -> str:
    """The one lesson's name that starts with ``prefix``.

    Raises:
        ValueError: none or several do.

    >>> name_of("00")
    '00_start_here'
    """
    names = available()
    matching = [prefix] if prefix in names else [n for n in names if n.startswith(prefix)]
    if len(matching) != 1:
        what = "no lesson starts" if not matching else "several lessons start"
        raise ValueError(f"{what} with {prefix!r}; there are: {', '.join(names)}")
    return matching[0]


def find(prefix: str) -> Lesson:
    """Import the lesson whose name starts with ``prefix``.

    Raises:
        ValueError: none or several do.
    """
    name = name_of(prefix)
    lesson = available()[name]().lesson
    if not isinstance(lesson, Lesson):
        raise ValueError(f"the module of lesson {name} has no `lesson` of type Lesson")
    return lesson


def _from_file(path: Path) -> ModuleType:
    name = f"grokedu_private_lessons.{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        if spec is None or spec.loader is None:
            raise ValueError(f"{path} cannot be imported")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]  # or it would be there, and half of it missing
            raise
    return sys.modules[name]


def __getattr__(name: str) -> ModuleType:
    """A lesson that is not the package's own, for ``from grokedu.lessons import l20_topic``."""
    match = _MODULE.fullmatch(name)
    own = match is not None and importlib.util.find_spec(f"{__name__}.{name}") is not None
    if match is None or own or match[1] not in available():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return available()[match[1]]()
