"""The notebook that a learner's cells find in the sandbox: IPython, without what needs the world.

A cell that installs a package or looks at the GPU has done its work when it comes here. Commands,
installers and Colab's own modules are there, and do nothing, so that no such line costs points.
"""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, FunctionType, ModuleType
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.text import SList
from traitlets.config import Config

_LEFT_OUT = frozenset("conda mamba matplotlib micromamba pip pylab uv".split())
_PROGRAMS = frozenset("bash cmd javascript js latex perl pypy python python2 python3 ruby".split())
_OF_COLAB = "google.colab"


class Shell(InteractiveShell):
    """IPython's shell, in which no command is run, nothing is shown, and nothing unknown fails."""

    def system(self, cmd: str) -> None:
        """Run no command."""

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        """Run no command, and say that it printed nothing."""
        return SList() if split else ""

    def run_line_magic(self, magic_name: str, line: str, _stack_depth: int = 1) -> Any:
        """Run a magic, unless it installs or plots, or is known elsewhere only."""
        if magic_name in _LEFT_OUT or self.find_line_magic(magic_name) is None:
            return None
        return super().run_line_magic(magic_name, line, _stack_depth + 1)

    def run_cell_magic(self, magic_name: str, line: str, cell: str) -> Any:
        """Run a magic, unless its cell is for another program, or it is known elsewhere only."""
        if magic_name in {"script", "sh", *_PROGRAMS} or self.find_cell_magic(magic_name) is None:
            return None
        return super().run_cell_magic(magic_name, line, cell)

    def ask_exit(self) -> None:
        """Stay: the cells below are still to come."""

    def enable_gui(self, gui: Any = None) -> None:
        """Open no window."""

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        """Show nothing: the reply to the judge says what was raised."""

    def showsyntaxerror(self, *args: Any, **kwargs: Any) -> None:
        """Show nothing: the reply to the judge says what was raised."""


@functools.cache
def shell() -> Any:
    """The shell of this process; its names are there for functions that are called later too."""
    config = Config({"HistoryManager": {"enabled": False}})
    made = Shell.instance(config=config, colors="NoColor", cache_size=3)
    made.displayhook.do_full_cache = 0  # keeps `_`, prints no "Out[1]:"
    made.builtin_trap.__enter__()
    sys.meta_path.append(_Colab())
    return made


class _Nothing(ModuleType):
    """A module of which everything can be imported and called, and does nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Nothing(f"{self.__name__}.{name}")

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        return None


class _Colab(MetaPathFinder, Loader):
    """Finds ``google.colab`` where there is none."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The place of a module of Colab's, or of the package it is in."""
        if fullname != "google" and not f"{fullname}.".startswith(f"{_OF_COLAB}."):
            return None
        return ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """A module that does nothing."""
        return _Nothing(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


class LessonStub(ModuleType):
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


def answers_taken(stub: LessonStub, names: Mapping[str, Any]) -> list[str]:
    """The exercises whose answer among ``names`` is the reference itself."""
    return [id for id, made in stub._at_hand().items() if names.get(id) is made]


def references_called(stub: LessonStub, codes: Collection[CodeType]) -> list[str]:
    """The exercises whose reference is among the code that ran."""
    return [
        id for id, made in stub._at_hand().items() if any(code in codes for code in _codes(made))
    ]


def _codes(made: Any) -> list[CodeType]:
    """The code objects of a function, or of the methods of a class."""
    parts = vars(made).values() if isinstance(made, type) else (made,)
    return [part.__code__ for part in parts if isinstance(part, FunctionType)]


def install(stub: LessonStub) -> None:
    """Make it what ``from grokedu.lessons import lNN_topic`` imports in this process."""
    import grokedu

    package = ModuleType("grokedu.lessons")
    package.__path__ = []
    setattr(package, stub.__name__.rpartition(".")[2], stub)
    sys.modules["grokedu.lessons"] = package
    sys.modules[stub.__name__] = stub
    grokedu.lessons = package  # type: ignore[attr-defined]


def installed() -> LessonStub:
    """The stub of this process."""
    [found] = [each for each in sys.modules.values() if isinstance(each, LessonStub)]
    return found
