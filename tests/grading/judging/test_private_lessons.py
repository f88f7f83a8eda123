"""Lessons that only the folder ``$GROKEDU_LESSONS`` has, as notebooks import them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from grokedu import lessons
from grokedu.lessons import l00_start_here

PRIVATE = """\
from grokedu.classroom.lesson import Lesson

lesson = Lesson("20_private", "Private")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GROKEDU_LESSONS", str(tmp_path))
    for name in [name for name in sys.modules if name.startswith("grokedu_private_lessons.")]:
        monkeypatch.delitem(sys.modules, name)
    return tmp_path


def test_a_notebook_imports_it_as_any_other(folder: Path):
    (folder / "l20_private.py").write_text(PRIVATE)
    from grokedu.lessons import l20_private as check

    assert check.lesson is lessons.find("20")


def test_one_of_a_public_lessons_name_is_found_and_not_imported(
    folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.delattr(lessons, "l00_start_here")  # as before its first import
    (folder / "l00_start_here.py").write_text(PRIVATE)
    from grokedu.lessons import l00_start_here as check

    assert check is l00_start_here
    assert lessons.find("00").name == "20_private"


def test_what_there_is_not_cannot_be_imported(folder: Path):
    with pytest.raises(ImportError, match="l99_nothing"):
        from grokedu.lessons import l99_nothing  # noqa: F401
    with pytest.raises(AttributeError, match="has no attribute 'l99_nothing'"):
        _ = lessons.l99_nothing


def test_one_that_fails_says_why_each_time(folder: Path):
    (folder / "l20_private.py").write_text("raise RuntimeError('no cases yet')")
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no cases yet"):
            lessons.find("20")
