"""A learner at work: typing answers, reading cards, moving a slider."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Lab, screenshot

pytestmark = pytest.mark.browser
SLIDER_SECONDS = 3


def code_cell(page: Page, words: str) -> Locator:
    """The one code cell whose source has these words."""
    cell = page.locator(".jp-Notebook .jp-CodeCell").filter(
        has=page.locator(".jp-InputArea-editor", has_text=words)
    )
    expect(cell).to_have_count(1)
    return cell


def run(page: Page, cell: Locator) -> Locator:
    """Run a cell from the keyboard, and wait for it; gives its output."""
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.inner_text()
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(prompt).not_to_have_text(before, timeout=60_000)
    expect(prompt).to_have_text(re.compile(r"\[\d+\]"), timeout=60_000)
    return cell.locator(".jp-OutputArea")


def write(page: Page, line: Locator, text: str) -> None:
    """Type in place of the rest of a line, as one does."""
    line.click()
    page.keyboard.press("End")
    page.keyboard.press("Shift+Home")
    page.keyboard.type(text)


def test_lesson_00_from_a_mistake_to_its_end(lab: Lab, page: Page):
    lab.open(page, "00_start_here")
    run(page, code_cell(page, "import torch"))
    answer = code_cell(page, "def weight_norm")
    check = code_cell(page, "check.weight_norm(weight_norm)")

    write(
        page,
        answer.locator(".cm-line", has_text="raise NotImplementedError"),
        "return weights.square().sum()",
    )
    run(page, answer)
    card = run(page, check).get_by_role("group", name=re.compile("Check of weight_norm: incorrect"))
    expect(card).to_contain_text("This looks like")
    expect(card).to_contain_text("the sum of squares, without the square root")
    labels, texts = card.get_by_role("term").all(), card.locator("dd").all()
    for label, text in zip(labels, texts, strict=True):
        above, below = label.bounding_box(), text.bounding_box()
        assert above
        assert below
        assert above["x"] < below["x"]
        assert above["y"] < below["y"]
    screenshot(page, "wrong-answer")

    hint = code_cell(page, 'check.hint("weight_norm")')
    expect(run(page, hint)).to_contain_text("Hint 1 of 3: The norm is one number")
    experiment = code_cell(page, 'if check.ready("weight_norm")')
    expect(run(page, experiment)).to_contain_text("This experiment needs `weight_norm`.")

    write(page, answer.locator(".cm-line", has_text="return weights"), "return weights.norm()")
    run(page, answer)
    card = run(page, check).get_by_role("group", name=re.compile("Check of weight_norm: correct"))
    expect(card).to_contain_text("correct — 2 of 2 points")
    screenshot(page, "right-answer")

    prediction = code_cell(page, 'check.predict("norm-of-a-thousand"')
    expect(run(page, prediction)).to_contain_text("Replace ... by one of")
    line = prediction.locator(".cm-line", has_text="check.predict")
    write(page, line, 'check.predict("norm-of-a-thousand", "about 32")')
    expect(run(page, prediction)).to_contain_text(": about 32.")
    settled = run(page, experiment)
    expect(settled).to_contain_text(re.compile(r"Claim: .*: about 32\.\s+Measured: 31\.6 ", re.S))
    expect(settled).to_contain_text("holds.")
    screenshot(page, "experiment")
    saved = run(page, code_cell(page, "progress.save_to"))
    expect(saved).to_contain_text("Saved to my-progress.json")
    assert (lab.work / "00_start_here" / "my-progress.json").is_file()


def test_the_explorer_of_lesson_01_answers_to_its_slider(lab: Lab, page: Page):
    lab.open(page, "01_grokking")
    run(page, code_cell(page, "from grokedu.claims.explorers import"))
    explorer = run(page, code_cell(page, "GrokkingExplorer("))
    picture = explorer.locator("img")
    expect(picture).to_have_count(1)
    before = picture.get_attribute("src"), picture.get_attribute("alt")
    assert before[1]
    for label in ("Weight decay", "Train fraction", "Learning rate"):
        expect(explorer.get_by_text(label, exact=True)).to_be_visible()
    screenshot(page, "explorer-before")

    handle = explorer.locator(".widget-slider", has_text="Weight decay").locator(".noUi-handle")
    handle.focus()
    started = time.monotonic()
    page.keyboard.press("ArrowRight")
    expect(picture).not_to_have_attribute("src", before[0], timeout=1000 * SLIDER_SECONDS)
    print(f"the picture changed after {time.monotonic() - started:.2f} s")
    expect(picture).not_to_have_attribute("alt", before[1])
    expect(explorer.locator(".widget-slider", has_text="Weight decay")).to_contain_text("0.6")
    screenshot(page, "explorer-after")
