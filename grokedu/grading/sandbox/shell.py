"""The notebook that a learner's cells find in the sandbox: IPython, without what needs the world.

A cell that installs a package or looks at the GPU has done its work when it comes here. Commands,
installers and Colab's own modules are there, and do nothing, so that no such line costs points.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
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
        """Show nothing: the judge is told what was raised."""

    def showsyntaxerror(self, *args: Any, **kwargs: Any) -> None:
        """Show nothing: the judge is told what was raised."""


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
