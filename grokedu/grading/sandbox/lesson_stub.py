"""What stands for ``grokedu.lessons`` beside the learner's code: nothing of the checks is there.

The notebook's setup imports its lesson as ``check``. In the sandbox that name leads here: no
experiment is ready, a check says that it is judged elsewhere, and a reference that was taken can be
used, and is known again.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Collection, Mapping
from types import CodeType, FunctionType, ModuleType
from typing import Any


class LessonStandIn(ModuleType):
    """A module that answers to what a notebook asks of its lesson.

    Args:
        name: the lesson's name.
        references: by exercise, where its reference is imported from ("module:name"), or its
            source when it is no function of the library. An exercise that is left out has none.
        names: the namespace a reference from source finds the names of its setup in.
    """

    def __init__(
        self, name: str, references: Mapping[str, str], names: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(f"grokedu.lessons.l{name}")
        self._references = dict(references)
        self._names = names if names is not None else {}
        self._made: dict[str, Any] = {}

    def ready(self, *ids: str) -> bool:
        """No experiment is run for scores."""
        print("This experiment is not run for scores.")
        return False

    def reference(self, id: str) -> Any:
        """The reference of an exercise, as the notebook would give it.

        Raises:
            ValueError: there is no such exercise, or its reference is kept from this sandbox.
        """
        if id not in self._made:
            if id not in self._references:
                raise ValueError(f"no reference for {id!r} is at hand while grading")
            self._made[id] = self._make(id, self._references[id])
        return self._made[id]

    def _make(self, id: str, found: str) -> Any:
        if _is_path(found):
            module, _, name = found.partition(":")
            return getattr(importlib.import_module(module), name)
        namespace = dict(self._names)
        exec(compile(found, f"<reference of {id}>", "exec"), namespace)
        return namespace[id]

    def _at_hand(self) -> dict[str, Any]:
        """The references that were taken, and those of the library."""
        library = [id for id, found in self._references.items() if _is_path(found)]
        return {id: self._make(id, self._references[id]) for id in library} | self._made

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        if name in ("hint", "predict", "settle", "reset"):
            return lambda *args, **kwargs: None
        return _judged_elsewhere


def _judged_elsewhere(answer: Any = None) -> float:
    return 0.0


def _is_path(found: str) -> bool:
    return all(part.isidentifier() for part in found.replace(":", ".").split("."))


def answers_taken(stand_in: LessonStandIn, names: Mapping[str, Any]) -> list[str]:
    """The exercises whose answer among ``names`` is the reference itself."""
    return [id for id, made in stand_in._at_hand().items() if names.get(id) is made]


def references_called(stand_in: LessonStandIn, codes: Collection[CodeType]) -> list[str]:
    """The exercises whose reference is among the code that ran."""
    return [
        id
        for id, made in stand_in._at_hand().items()
        if any(code in codes for code in _codes(made))
    ]


def _codes(made: Any) -> list[CodeType]:
    """The code objects of a function, or of the methods of a class."""
    parts = vars(made).values() if isinstance(made, type) else (made,)
    return [part.__code__ for part in parts if isinstance(part, FunctionType)]


def install(stand_in: LessonStandIn) -> None:
    """Make it what ``from grokedu.lessons import lNN_topic`` imports in this process."""
    import grokedu

    package = ModuleType("grokedu.lessons")
    package.__path__ = []
    setattr(package, stand_in.__name__.rpartition(".")[2], stand_in)
    sys.modules["grokedu.lessons"] = package
    sys.modules[stand_in.__name__] = stand_in
    grokedu.lessons = package  # type: ignore[attr-defined]


def installed() -> LessonStandIn:
    """The stand-in of this process."""
    [found] = [each for each in sys.modules.values() if isinstance(each, LessonStandIn)]
    return found
