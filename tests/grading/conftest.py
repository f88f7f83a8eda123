from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from grokedu.grading.book.course import Course, open_course
from tests.grading.coursefolder import course_folder


@pytest.fixture
def course(tmp_path: Path) -> Iterator[Course]:
    """A course with two lessons in its gradebook, and nothing handed in."""
    with open_course(course_folder(tmp_path / "course")) as course:
        yield course
