"""Build a lesson: the answer key in ``solutions/`` and the learners' notebook in ``course/``.

`Builder.build` writes both, and `Builder.drift` says which of them differs from what the two edited
files make. The answers are removed by nbgrader's own preprocessors with the repository's
configuration, so that ``nbgrader generate_assignment`` makes the same release.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from grokedu.classroom.files import write_whole
from grokedu.classroom.lesson import Lesson
from grokedu.classroom.writing.assemble import Fill, assemble
from grokedu.classroom.writing.execute import execute, scores
from grokedu.classroom.writing.script import read_script

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Builder:
    """Builds the lessons of one repository.

    Args:
        root: the repository, holding ``solutions/``, ``course/`` and ``pyproject.toml``.
        fill: puts results into prose, where it says ``{{NAME.key:format}}``.
    """

    def __init__(self, root: Path, fill: Fill) -> None:
        self.root, self.fill = root, fill
        settings = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        published = settings["tool"]["grokedu"]
        self.repository, self.branch = published["repository"], published["branch"]

    def answer_key(self, name: str) -> Path:
        """The path of a lesson's answer key."""
        return self.root / "solutions" / name / f"{name}.ipynb"

    def release(self, name: str) -> Path:
        """The path of the notebook that learners get."""
        return self.root / "course" / name / f"{name}.ipynb"

    def build(self, lesson: Lesson, run: bool = True) -> None:
        """Build one lesson.

        Args:
            lesson: the lesson with its exercises.
            run: whether to execute the answer key. If it is unchanged, its outputs are kept.

        Raises:
            ScriptError: the script does not fit the lesson.
            RuntimeError: the answer key wrote to stderr or did not score full marks.
        """
        source = self._source(lesson)
        key = self.answer_key(lesson.name)
        old = _read(key)
        if old is not None and _was_built_from(old, source):
            _keep_outputs(old, source)
        elif run:
            execute(source)
            short = {id: got for id, got in scores(source).items() if got[0] != got[1]}
            if short:
                raise RuntimeError(f"the answer key of {lesson.name} scores too little: {short}")
        else:
            source.metadata["grokedu"] = {"outputs": "none"}
        self._write(key, source)
        self._write(self.release(lesson.name), self._stripped(self._source(lesson)))

    def drift(self, lesson: Lesson) -> list[str]:
        """Which built notebooks of a lesson differ from what its sources make.

        Returns:
            A sentence for each; empty if both are up to date.

        Raises:
            ScriptError: the script does not fit the lesson.
        """
        source = self._source(lesson)
        found = []
        key, release = self.answer_key(lesson.name), self.release(lesson.name)
        built = _read(key)
        if built is None or _sources(built) != _sources(source):
            found.append(f"{key.relative_to(self.root)} differs from what its sources make")
        elif built.metadata.get("grokedu") != source.metadata["grokedu"]:
            found.append(f"{key.relative_to(self.root)} was executed from other sources")
        if not release.exists() or release.read_text("utf-8") != _text(self._stripped(source)):
            found.append(f"{release.relative_to(self.root)} differs from what its sources make")
        return found

    def _source(self, lesson: Lesson) -> NotebookNode:
        script = read_script(self.root / "solutions" / f"{lesson.name}.py")
        notebook = assemble(lesson, script, self.fill, self.repository, self.branch)
        notebook.metadata["grokedu"] = {"made_of": _made_of(lesson, notebook)}
        return notebook

    def _stripped(self, source: NotebookNode) -> NotebookNode:
        notebook = copy.deepcopy(source)
        resources: dict[str, Any] = {}
        for preprocessor in self._preprocessors():
            notebook, resources = preprocessor(notebook, resources)
        return notebook

    def _preprocessors(self) -> list[Callable[..., Any]]:
        """The preprocessors of `nbgrader generate_assignment`, except the one for the gradebook."""
        from nbgrader.converters import GenerateAssignment
        from nbgrader.preprocessors import SaveCells
        from traitlets.config.loader import PyFileConfigLoader

        config = PyFileConfigLoader("nbgrader_config.py", path=str(self.root)).load_config()
        kinds = GenerateAssignment.preprocessors.default_args[0]
        return [kind(config=config, enabled=True) for kind in kinds if kind is not SaveCells]

    @staticmethod
    def _write(path: Path, notebook: NotebookNode) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, _text(notebook))


def _made_of(lesson: Lesson, notebook: NotebookNode) -> str:
    """A hash of the notebook's sources and of the files that declare the exercises."""
    parts = [cell.cell_type + "\n" + cell.source for cell in notebook.cells]
    modules = {exercise.make_cases.__module__ for exercise in lesson.exercises.values()}
    files = {Path(inspect.getfile(sys.modules[module])) for module in modules}
    packages = {file.parent for file in files if file.parent.name == f"l{lesson.name}"}
    for folder in packages:
        files |= set(folder.glob("*.py"))
    parts += [file.read_text(encoding="utf-8") for file in sorted(files)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


def _sources(notebook: NotebookNode) -> list[tuple[str, str, str, dict[str, Any]]]:
    return [(c.cell_type, c.id, c.source, dict(c.metadata)) for c in notebook.cells]


def _was_built_from(built: NotebookNode, source: NotebookNode) -> bool:
    """Whether a built notebook was executed from exactly this source."""
    same = built.metadata.get("grokedu") == source.metadata["grokedu"]
    return same and _sources(built) == _sources(source)


def _keep_outputs(old: NotebookNode, new: NotebookNode) -> None:
    outputs = {cell.id: cell for cell in old.cells if cell.cell_type == "code"}
    for cell in new.cells:
        if cell.cell_type == "code":
            cell.outputs = outputs[cell.id].outputs
            cell.execution_count = outputs[cell.id].execution_count


def _read(path: Path) -> NotebookNode | None:
    return nbformat.read(path, as_version=4) if path.exists() else None


def _text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook) + "\n"
