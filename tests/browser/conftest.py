"""`grokedu learn` served to a headless chromium, as a learner meets it."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
IDLE = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'


@dataclass
class Lab:
    """A running JupyterLab with the learner's copies of the lessons."""

    address: str
    token: str
    work: Path

    def open(self, page: Page, lesson: str) -> None:
        """Open a lesson, and wait until its kernel is ready."""
        path = f"lab/workspaces/{lesson}/tree/{lesson}/{lesson}.ipynb"
        page.goto(f"{self.address}/{path}?token={self.token}")
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=90_000)
        # The notebook's own indicator says idle even before there is a kernel.
        page.wait_for_selector('.jp-StatusBar-TextItem:has-text("| Idle")', timeout=90_000)


def run_all(page: Page, seconds: float = 180) -> None:
    """Run all cells, and wait until the last one is done."""
    page.click('.lm-MenuBar-item:has-text("Run")')
    page.click('.lm-Menu-item[data-command="runmenu:run-all"]')
    page.wait_for_function(
        """() => {
            const cells = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')];
            const prompts = cells.map(cell => cell.querySelector('.jp-InputPrompt').textContent);
            return prompts.length && prompts.every(text => /\\[\\d+\\]/.test(text));
        }""",
        timeout=1000 * seconds,
    )
    page.wait_for_selector(IDLE, state="attached", timeout=1000 * seconds)


def screenshot(page: Page, name: str) -> None:
    """Keep a picture in $GROKEDU_SCREENSHOTS, where that is set."""
    if folder := os.environ.get("GROKEDU_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A new learner for every file of tests: nothing solved, no hint taken."""
    folder = tmp_path_factory.mktemp("learner")
    home = folder / "home"
    process = subprocess.Popen(
        [sys.executable, "-m", "grokedu.cli", "learn", "00", "--no-browser"],
        cwd=folder,
        env=os.environ | {"GROKEDU_HOME": str(home)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        said = ""
        assert process.stdout is not None
        while not (match := re.search(r"(http://localhost:\d+)/lab/\S+\?token=(\w+)", said)):
            line = process.stdout.readline()
            assert line, f"grokedu learn ended: {said}"
            said += line
        yield Lab(match[1], match[2], folder / "work")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=60)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(PROGRAMS)} is installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context(viewport={"width": 1280, "height": 1600})
    yield context.new_page()
    context.close()
