"""Feedback pages in chromium: offline, readable in both schemes, on a narrow screen and printed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import screenshot
from tests.grading import graded

pytestmark = pytest.mark.browser

STUDENT = "ada-‮-with-a-very-long-name-" + "x" * 60
PAGES = {
    "perfect": graded.perfect,
    "half": graded.half,
    "needs-review": graded.needs_review,
}

# Of every text that is shown: its contrast with its ground, as WCAG 2.2 defines it
# (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio), where that is below 4.5.
TOO_FAINT = """() => {
    const parts = colour => colour.match(/[\\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
        .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
    const ground = element => {
        for (let at = element; at; at = at.parentElement) {
            const colour = parts(getComputedStyle(at).backgroundColor);
            if (colour.length === 3) return colour;
            if (colour[3] !== 0) throw new Error(`a ground that shines through: ${at.outerHTML}`);
        }
        throw new Error('no ground');
    };
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = {faint: [], seen: 0};
    while (walker.nextNode()) {
        const element = walker.currentNode.parentElement;
        if (!walker.currentNode.data.trim() || !element.checkVisibility()) continue;
        const style = getComputedStyle(element);
        if (style.opacity !== '1') throw new Error('a text that shines through');
        const [a, b] = [light(parts(style.color)), light(ground(element))];
        const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
        found.seen += 1;
        if (contrast < 4.5) found.faint.push([contrast, walker.currentNode.data.slice(0, 40)]);
    }
    return found;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("feedback")
    for name, make in PAGES.items():
        (made / f"{name}.html").write_text(graded.of_student(make(), STUDENT), encoding="utf-8")
    return made


class Reader:
    """A page in a browser of its own, with all it asked the network for and complained of."""

    def __init__(self, browser: Browser, scheme: str, width: int) -> None:
        self.context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme
        )
        self.page = self.context.new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def open(self, file: Path) -> Page:
        self.page.goto(file.as_uri())
        self.page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
        return self.page


@pytest.fixture(params=[("light", 1000), ("dark", 1000), ("light", 320), ("dark", 320)], ids=str)
def reader(chromium: Browser, request: pytest.FixtureRequest) -> Iterator[Reader]:
    made = Reader(chromium, *request.param)
    yield made
    made.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_readable_and_stands_on_its_own(reader: Reader, folder: Path, name: str):
    page = reader.open(folder / f"{name}.html")
    width = page.viewport_size["width"]
    screenshot(page, f"feedback-{name}-{width}")

    found = page.evaluate(TOO_FAINT)
    assert found["faint"] == []
    assert found["seen"] > 50
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    headings = page.eval_on_selector_all(
        "h1, h2, h3, h4, h5, h6", "all => all.map(one => Number(one.tagName[1]))"
    )
    assert headings.count(1) == 1
    assert headings[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(headings))
    pictures = page.eval_on_selector_all(
        "img", "all => all.map(one => [one.alt, one.naturalWidth])"
    )
    assert all(alt.strip() and size for alt, size in pictures)
    assert bool(pictures) == (name != "needs-review")
    assert page.locator("header, nav, main").count() == 3
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.title().startswith("Feedback on 01 · Grokking for ada")
    assert [url for url in reader.asked if not url.startswith("data:")] == [page.url]
    assert reader.said == []


def test_the_scheme_follows_the_reader(chromium: Browser, folder: Path):
    grounds = set()
    for scheme in ("light", "dark"):
        made = Reader(chromium, scheme, 1000)
        page = made.open(folder / "half.html")
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        made.context.close()
    assert len(grounds) == 2


def test_all_of_it_is_reached_by_keyboard_and_focus_is_seen(chromium: Browser, folder: Path):
    made = Reader(chromium, "light", 320)
    page = made.page
    page.goto((folder / "half.html").as_uri())
    wanted = page.locator("a[href], summary, [tabindex='0']").count()
    reached = []
    for _ in range(wanted):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                """() => {
                    const style = getComputedStyle(document.activeElement);
                    const box = document.activeElement.getBoundingClientRect();
                    return [document.activeElement.outerHTML.slice(0, 80),
                            style.outlineStyle, parseFloat(style.outlineWidth), box.x >= 0];
                }"""
            )
        )
    assert len({html for html, *_ in reached}) > 12
    assert [seen for seen in reached if seen[1:] != ["solid", 3, True]] == []
    made.context.close()


def test_a_link_of_the_table_leads_to_its_exercise(chromium: Browser, folder: Path):
    made = Reader(chromium, "light", 1000)
    page = made.open(folder / "half.html")
    page.click("nav a:has-text('cross_')")
    top = page.evaluate("document.querySelector(location.hash).getBoundingClientRect().top")
    assert 0 <= top < 200
    made.context.close()


def test_what_is_folded_away_is_printed(chromium: Browser, folder: Path):
    made = Reader(chromium, "dark", 1000)
    page = made.page
    page.goto((folder / "perfect.html").as_uri())
    page.emulate_media(media="print")
    heights = page.eval_on_selector_all(
        "details:not([open]) > pre", "all => all.map(one => one.getBoundingClientRect().height)"
    )
    assert heights
    assert all(height > 100 for height in heights)
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(255, 255, 255)"
    assert page.evaluate(TOO_FAINT)["faint"] == []
    made.context.close()


def test_a_script_that_got_in_would_not_run(chromium: Browser, folder: Path, tmp_path: Path):
    made = Reader(chromium, "light", 1000)
    html = (folder / "half.html").read_text(encoding="utf-8")
    evil = "<script>document.title = 'ran'</script><img src='https://example.org/x.png' alt='x'>"
    (tmp_path / "evil.html").write_text(html.replace("</main>", f"{evil}</main>"))
    page = made.open(tmp_path / "evil.html")
    assert page.title() != "ran"
    assert sum("Content Security Policy" in said for said in made.said) >= 2
    made.context.close()
