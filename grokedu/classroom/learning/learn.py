"""Copy the lessons to a learner's folder and open one in JupyterLab."""

from __future__ import annotations

import hashlib
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from grokedu.classroom.files import write_whole

_LESSON = re.compile(r"\d\d_[A-Za-z0-9_]+")


def find_course(start: Path | None = None) -> Path:
    """The folder with the released lessons: the repository's, or the one in the package.

    Args:
        start: a folder in the repository; the working directory by default.

    Raises:
        FileNotFoundError: neither exists.
    """
    here = (start or Path.cwd()).resolve()
    package = Path(__file__).resolve().parents[2]
    repositories = [here, *here.parents, package.parent]
    places = [folder / "course" for folder in repositories if _is_repository(folder)]
    for course in [*places, package / "_course"]:
        if course.is_dir():
            return course
    raise FileNotFoundError(
        f"No lessons were found: neither {here} nor a folder above it is a grokedu repository with "
        "a folder course/, and the installed package holds none. To install it again: "
        "pip install grokedu"
    )


def lessons(course: Path) -> list[str]:
    """The names of the lessons in a course, in order.

    Args:
        course: the folder with a folder for each lesson.
    """
    return sorted(
        folder.name
        for folder in course.iterdir()
        if _LESSON.fullmatch(folder.name) and (folder / f"{folder.name}.ipynb").is_file()
    )


def choose(prefix: str, names: list[str]) -> str:
    """The lesson whose name starts with a prefix.

    Args:
        prefix: the beginning of its name, such as "01".
        names: the names of all lessons.

    Raises:
        ValueError: no lesson's name starts with it, or several do.

    >>> choose("01", ["00_start_here", "01_grokking"])
    '01_grokking'
    """
    chosen = [name for name in names if name.startswith(prefix)]
    if len(chosen) != 1:
        found = "several lessons start" if chosen else "no lesson starts"
        raise ValueError(f"{found} with {prefix!r}; there are: {', '.join(names) or 'none'}")
    return chosen[0]


def copy_lessons(course: Path, work: Path, say: Callable[[str], object] = print) -> None:
    """Copy the lessons that are not in ``work`` yet. Nothing is overwritten.

    Args:
        course: the folder with the released lessons.
        work: the learner's folder.
        say: called with each line that tells the learner what was done.
    """
    kept, outdated = [], []
    for name in lessons(course):
        notebook = work / name / f"{name}.ipynb"
        was_there = notebook.exists()
        for source in sorted((course / name).rglob("*")):
            if source.is_file() and ".ipynb_checkpoints" not in source.parts:
                _copy_new(source, work / name / source.relative_to(course / name))
        if not was_there:
            _remember_release(course, work, name)
            say(f"Copied {name} to {notebook}")
            continue
        kept.append(name)
        if _copied_release(work, name) not in (None, _release(course, name)):
            outdated.append(name)
    if kept:
        say(f"Kept as you left it: {', '.join(kept)}")
    for name in outdated:
        say(
            f"There is a newer {name}. To bring your answers into it: grokedu learn {name} --update"
        )


def update_lesson(
    course: Path, work: Path, name: str, say: Callable[[str], object] = print
) -> None:
    """Bring the answers of a learner's copy into the newest release of a lesson.

    The copy before the update is kept beside it as ``NAME.backup-N.ipynb``.

    Args:
        course: the folder with the released lessons.
        work: the learner's folder.
        name: the lesson.
        say: called with each line that tells the learner what was done.

    Raises:
        ValueError: the copy is not a notebook that can be read. Nothing was changed.
    """
    from grokedu.classroom.learning.graft import graft
    from grokedu.classroom.notebook import read_notebook, write_notebook

    path = work / name / f"{name}.ipynb"
    if not path.exists():
        return
    old = read_notebook(path)
    notebook, report = graft(read_notebook(course / name / f"{name}.ipynb"), old)
    if [_content(cell) for cell in notebook.cells] == [_content(cell) for cell in old.cells]:
        say(f"{name} is up to date already.")
    else:
        number = 1
        while (backup := path.with_name(f"{name}.backup-{number}.ipynb")).exists():
            number += 1
        shutil.copy2(path, backup)
        write_notebook(path, notebook)
        say(f"Updated {name}: {report}. The copy before the update: {backup}")
    _remember_release(course, work, name)


def learn(
    lesson: str = "00",
    *,
    work: Path,
    port: int | None = None,
    browser: bool = True,
    update: bool = False,
) -> int:
    """Copy the lessons to ``work`` and open one in JupyterLab.

    Args:
        lesson: the beginning of its name.
        work: the learner's folder.
        port: the port to serve on; None for the first free one from 8888.
        browser: whether to open a browser.
        update: whether to bring the answers into the newest releases first.

    Returns:
        An exit status.

    Raises:
        FileNotFoundError: there are no lessons.
        ValueError: no lesson's name starts with ``lesson``, or several do.
    """
    from grokedu.classroom.learning.serve import serve

    course = find_course()
    name = choose(lesson, lessons(course))
    work = work.resolve()
    if update:
        for each in lessons(course):
            update_lesson(course, work, each)
    copy_lessons(course, work)
    sys.stdout.flush()
    return serve(work, f"{name}/{name}.ipynb", port=port, browser=browser)


def _is_repository(folder: Path) -> bool:
    try:
        return 'name = "grokedu"' in (folder / "pyproject.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False


def _copy_new(source: Path, target: Path) -> None:
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    write_whole(target, source.read_bytes())


def _content(cell: dict[str, object]) -> tuple[object, ...]:
    return cell["cell_type"], cell["source"], cell["metadata"]


def _release(course: Path, name: str) -> str:
    return hashlib.sha256((course / name / f"{name}.ipynb").read_bytes()).hexdigest()


def _copied_release(work: Path, name: str) -> str | None:
    """The hash of the release that the learner's copy was made from; None if it is unknown."""
    try:
        return (work / name / ".release").read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _remember_release(course: Path, work: Path, name: str) -> None:
    write_whole(work / name / ".release", _release(course, name) + "\n")
