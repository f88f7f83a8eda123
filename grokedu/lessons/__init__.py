"""The lessons of the package and an instructor's own, found by any unique beginning of their name.

Instructors add private lessons by the entry point group ``grokedu.lessons``, or by modules such as
``l20_topic.py`` in the folder ``$GROKEDU_LESSONS``. The module defines ``lesson``, a `Lesson`. A
private lesson with the name of a public one replaces it wherever lessons are found by name, which
includes grading. A notebook still imports the public one.
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
    """The names of all lessons, each with a function that imports its module.

    >>> "00_start_here" in available()
    True
    """
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
    """The name of the lesson whose name starts with ``prefix``.

    Raises:
        ValueError: no lesson's name starts with it, or several do.

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
        ValueError: no lesson's name starts with it, several do, or its module has no `Lesson`
            called ``lesson``.

    >>> find("00").title
    'Start here'
    """
    name = name_of(prefix)
    lesson = getattr(available()[name](), "lesson", None)
    if not isinstance(lesson, Lesson):
        raise ValueError(
            f"lesson of {name} is a {type(lesson).__name__}; wanted a Lesson, as in "
            f"lesson = Lesson({name!r}, 'Title')"
        )
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
            del sys.modules[name]  # because it is incomplete
            raise
    return sys.modules[name]


def __getattr__(name: str) -> ModuleType:
    """Import a private lesson, for ``from grokedu.lessons import l20_topic``."""
    match = _MODULE.fullmatch(name)
    own = match is not None and importlib.util.find_spec(f"{__name__}.{name}") is not None
    if match is None or own or match[1] not in available():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return available()[match[1]]()
