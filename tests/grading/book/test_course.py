from __future__ import annotations

from pathlib import Path

import pytest

from grokedu.grading.book.course import open_course
from tests.grading.coursefolder import (
    START,
)


@pytest.mark.parametrize("content", [None, "import nowhere_to_be_found", "c.x = (", "BAD_TRAIT"])
def test_a_folder_without_a_sound_configuration_is_refused(tmp_path: Path, content: str | None):
    if content is not None:
        bad = "c = get_config()\nc.CourseDirectory.db_url = 3\n"
        (tmp_path / "nbgrader_config.py").write_text(bad if content == "BAD_TRAIT" else content)
    with pytest.raises(ValueError, match=r"nbgrader_config\.py") as raised:
        open_course(tmp_path)
    assert str(tmp_path) in str(raised.value)


def test_the_course_is_where_it_is_opened_not_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, url in ((here, "sqlite:///here.db"), (there, "sqlite:///sub/there.db")):
        folder.mkdir()
        config = f"c = get_config()\nc.CourseDirectory.db_url = {url!r}\n"
        (folder / "nbgrader_config.py").write_text(config)
    monkeypatch.chdir(here)
    course = open_course(there)
    assert course.root == there
    assert course.coursedir.db_url == f"sqlite:///{there}/sub/there.db"
    assert course.folder("submitted", "ada", START) == there / "submitted" / "ada" / START


def test_a_missing_driver_is_named(tmp_path: Path):
    config = "c = get_config()\nc.CourseDirectory.db_url = 'postgresql+pg8000://user:pw@h/d'\n"
    (tmp_path / "nbgrader_config.py").write_text(config)
    with pytest.raises(ValueError, match=r"grokedu\[postgres\]") as raised:
        _ = open_course(tmp_path).gradebook
    assert "pw" not in str(raised.value)
