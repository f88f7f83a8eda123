from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from grokedu.grading.book.course import Course, enter_lesson, open_course
from grokedu.grading.book.gradebook import publish
from tests.grading.coursefolder import (
    CHECK,
    GROKKING,
    START,
    change_release,
    course_folder,
    empty_course_folder,
    everything,
    grades,
    result,
)


def without_ids(tables: dict[str, list[Any]]) -> dict[str, list[Any]]:
    def is_id(value: Any) -> bool:
        return isinstance(value, str) and len(value) == 32 and set(value) <= set("0123456789abcdef")

    return {
        name: sorted(
            (tuple(v for at, v in enumerate(row) if not (is_id(v) and at != 5)) for row in rows),
            key=repr,
        )
        for name, rows in tables.items()
    }


@pytest.mark.grading
@pytest.mark.parametrize("lesson", [START, GROKKING])
def test_a_lesson_is_entered_as_generate_assignment_enters_it(tmp_path: Path, lesson: str):
    theirs, ours = (empty_course_folder(tmp_path / name) for name in ("theirs", "ours"))
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_assignment", lesson, "--force"],
        cwd=theirs,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        check=True,
        capture_output=True,
        timeout=120,
    )
    release = ours / "course" / lesson / f"{lesson}.ipynb"
    before = release.read_bytes()
    with open_course(ours) as mine, open_course(theirs) as nbgraders:
        enter_lesson(mine, lesson)
        assert without_ids(everything(mine)) == without_ids(everything(nbgraders))
        whole = everything(nbgraders)
        enter_lesson(nbgraders, lesson)
        assert everything(nbgraders) == whole
    assert release.read_bytes() == before


def test_a_lesson_can_be_entered_from_its_release_alone(tmp_path: Path, course: Course):
    folder = course_folder(tmp_path / "bare")
    shutil.rmtree(folder / "solutions")
    with open_course(folder) as bare:
        before = everything(bare)
        enter_lesson(bare, START)
        assert everything(bare) == before


def test_changed_points_reach_the_gradebook_and_the_due_date_stays(course: Course):
    due = datetime(2026, 12, 1, 12)
    book = course.gradebook
    book.change(lambda: book.update_or_create_assignment(START, duedate=due))
    publish(course, result("ada"))

    def worth_five(notebook: dict[str, Any]) -> None:
        for cell in notebook["cells"]:
            if cell["id"] == CHECK:
                cell["metadata"]["nbgrader"]["points"] = 5

    change_release(course.root, START, worth_five)
    enter_lesson(course, START)
    lesson = book.find_assignment(START)
    assert (lesson.max_score, lesson.duedate) == (5.0, due)
    assert grades(course, "ada")[CHECK][0] == 2.0

    notes = publish(course, result("ada"))
    assert notes == [f"{CHECK} is worth 5 in the gradebook but 2 where it was graded"]
    assert grades(course, "ada")[CHECK][0] == 2.0


def test_a_graded_cell_more_is_refused_once_there_are_submissions(course: Course):
    publish(course, result("ada"))
    before = everything(course)

    def one_more(notebook: dict[str, Any]) -> None:
        cell = json.loads(json.dumps(next(c for c in notebook["cells"] if c["id"] == CHECK)))
        cell["metadata"]["nbgrader"]["grade_id"] = cell["id"] = "another-check"
        notebook["cells"].append(cell)

    change_release(course.root, START, one_more)
    with pytest.raises(ValueError, match="another name"):
        enter_lesson(course, START)
    assert everything(course) == before


def test_an_unknown_lesson_is_named(course: Course):
    with pytest.raises(ValueError, match="99_nothing"):
        enter_lesson(course, "99_nothing")
