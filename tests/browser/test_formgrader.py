"""nbgrader's formgrader over a class that `grokedu grade` graded: its scores, and rubric points."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from grokedu.grading.sandbox.sandbox import why_not
from tests.browser.conftest import screenshot
from tests.grading.commands.courses import ROOT, grokking, hand_in, make_course
from tests.grading.commands.test_grade import run

pytestmark = pytest.mark.browser
LESSON = "01_grokking"
START_SECONDS = 60


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if why_not():
        pytest.skip(why_not())
    course = make_course(tmp_path_factory.mktemp("class"))
    kinds = grokking()
    hand_in(course, LESSON, {"ada": kinds["perfect"], "ben": kinds["half"]})
    broken = course / "gradebook" / "submitted" / "student-03" / LESSON
    broken.mkdir(parents=True)
    (broken / f"{LESSON}.ipynb").write_text('{"cells": [')
    return course


@pytest.fixture(scope="module")
def table(course: Path) -> dict[str, str]:
    """The points of each student in the table that `grokedu grade` ends with."""
    status, said = run(course, "01", "--jobs", "2")
    assert status == 3, said
    rows = re.findall(r"^(\S+) +(\d+ of \d+|–) +(?:graded|needs-review)", said, re.M)
    assert {student for student, _ in rows} == {"ada", "ben", "student-03"}, said
    return dict(rows)


@pytest.fixture(scope="module")
def formgrader(course: Path, table: dict[str, str]) -> Iterator[str]:
    """The formgrader's address; whoever has the token is let in."""
    log = course / "server.log"
    with log.open("w") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyter", "server", "--no-browser", "--allow-root", "--port=0"],
            cwd=course,
            env=os.environ | {"JUPYTER_TOKEN": "class"},
            stderr=said,
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not (found := re.search(r"(http://localhost:\d+)/", log.read_text())):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        yield f"{found[1]}/formgrader"
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@pytest.fixture(scope="module")
def instructor(chromium: Browser, formgrader: str) -> Iterator[Page]:
    """An instructor's browser, which has the token from now on."""
    context = chromium.new_context(viewport={"width": 1100, "height": 560})
    page = context.new_page()
    page.goto(f"{formgrader}?token=class")
    yield page
    context.close()


def submissions(page: Page, formgrader: str) -> dict[str, Locator]:
    """The list of a lesson's submissions: a row a student."""
    page.goto(f"{formgrader}/gradebook/{LESSON}/{LESSON}")
    page.get_by_role("button", name="Show All Names").click()
    rows = page.locator("#main-table tr")
    expect(rows).to_have_count(3)
    return {
        student: rows.filter(has_text=student).first for student in ("ada", "ben", "student-03")
    }


def give(page: Page, cell: Locator, points: int) -> None:
    """Type points into a cell's field, and wait until the gradebook has them.

    Before the page has asked for all grades, a field is there and nobody listens to it.
    """
    page.wait_for_load_state("networkidle")
    with page.expect_response(
        lambda reply: reply.request.method == "PUT" and "/api/grade/" in reply.url
    ) as saved:
        cell.fill(str(points))
        cell.blur()
    assert saved.value.ok


def exported(course: Path) -> dict[str, dict[str, str]]:
    status, said = run(course, "01", name="export")
    assert status == 0, said
    with (course / "gradebook" / f"{LESSON}-csv.csv").open(newline="") as file:
        return {row["student_id"]: row for row in csv.DictReader(file)}


def test_the_list_has_the_scores_of_the_table(instructor, formgrader, table):
    rows = submissions(instructor, formgrader)
    screenshot(instructor, "formgrader-list")
    for student in ("ada", "ben"):
        earned, of = table[student].split(" of ")
        expect(rows[student].locator("td").nth(3)).to_have_text(f"{earned} / {of}")
    assert table["student-03"] == "–"
    # The columns: name, score, code, written and task scores, needs manual grade, ...
    for row in rows.values():
        expect(row.locator("td").nth(6).locator(".glyphicon-ok")).to_have_count(1)


def test_points_and_a_comment_given_there_are_exported_and_on_the_page(
    instructor, formgrader, course, chromium
):
    before = exported(course)
    assert (before["ben"]["score"], before["ben"]["status"]) == ("13.0", "to be read")
    page = instructor
    submissions(page, formgrader)["ben"].get_by_role("link").click()
    expect(page.locator("#norm-reflect")).to_be_visible()
    give(page, page.locator("#norm-reflect"), 2)
    give(page, page.locator("#censored-reflect"), 0)
    with page.expect_response(lambda reply: "/api/comment/" in reply.url and reply.ok):
        comment = page.locator(".nbgrader_cell", has=page.locator("#norm-reflect"))
        comment.locator("textarea.comment").fill("Which norm, before or after it fitted?")
        comment.locator("textarea.comment").blur()
    page.locator("#norm-reflect").scroll_into_view_if_needed()
    screenshot(page, "formgrader-rubric")
    after = exported(course)
    assert (after["ben"]["score"], after["ben"]["status"]) == ("15.0", "graded")

    again = subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_feedback", LESSON, "--force"],
        cwd=course,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert again.returncode == 0, again.stderr
    context = chromium.new_context(viewport={"width": 900, "height": 700})
    feedback = context.new_page()
    file = course / "gradebook" / "feedback" / "ben" / LESSON / f"{LESSON}.html"
    feedback.goto(file.as_uri())
    expect(feedback.get_by_text("Which norm, before or after it fitted?")).to_be_visible()
    screenshot(feedback, "feedback")
    context.close()


def test_a_person_scores_every_cell_of_what_needed_review(instructor, formgrader, course):
    assert exported(course)["student-03"]["status"] == "needs-review"
    page = instructor
    submissions(page, formgrader)["student-03"].get_by_role("link").click()
    fields = page.locator("input.score")
    expect(fields.first).to_be_visible()
    for at in range(fields.count()):
        give(page, fields.nth(at), 1)
    row = exported(course)["student-03"]
    assert (float(row["score"]), row["status"]) == (fields.count(), "graded")


def test_the_guide_shows_these_pictures():
    guide = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
    shown = dict(re.findall(r"!\[(.+?)\]\(pictures/(\S+?\.png)\)", guide))
    kept = {path.name: path.stat().st_size for path in (ROOT / "docs" / "pictures").iterdir()}
    assert set(shown.values()) == set(kept)
    assert max(kept.values()) <= 150_000
    assert all(len(words) > 40 for words in shown)
