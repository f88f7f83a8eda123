from __future__ import annotations

import json

import pytest
from playwright.sync_api import Page

from grokedu.classroom.learning.learn import find_course, lessons
from tests.browser.conftest import Lab, run_all, screenshot

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("lesson", lessons(find_course()))
def test_a_released_lesson_opens_and_runs_without_an_error(lab: Lab, page: Page, lesson: str):
    lab.open(page, lesson)
    assert page.locator(".jp-Dialog").count() == 0
    run_all(page)
    screenshot(page, lesson)
    page.keyboard.press("Control+s")
    page.wait_for_function("() => !document.querySelector('.jp-mod-dirty')", timeout=30_000)
    notebook = json.loads((lab.work / lesson / f"{lesson}.ipynb").read_text())
    outputs = [out for cell in notebook["cells"] for out in cell.get("outputs", [])]
    assert outputs
    assert [out for out in outputs if out["output_type"] == "error"] == []
    assert [out for out in outputs if out.get("name") == "stderr"] == []
