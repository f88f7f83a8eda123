from __future__ import annotations

import base64
import html
import re

import pytest
from nbconvert.filters.markdown_mistune import markdown2html_mistune

from grokedu.grading.page.sanitise import (
    JOINER,
    LONGEST_TEXT,
    clean_attachments,
    clean_markdown,
)
from tests.grading.payloads import MARKDOWN, dangers, picture


@pytest.mark.parametrize("payload", MARKDOWN)
def test_markdown_that_does_something_does_nothing_once_cleaned(payload: str):
    assert dangers(markdown2html_mistune(payload))
    cleaned = clean_markdown(payload)
    assert dangers(markdown2html_mistune(cleaned)) == []
    assert cleaned.replace(JOINER, "") == payload
    assert clean_markdown(cleaned) == cleaned


@pytest.mark.parametrize(
    "payload",
    [
        "[x](java\tscript:alert(1))",
        "[x](java&Tab;script:alert(1))",
        "[x](java&NewLine;script&colon;alert(1))",
        "[x](&#x1;javascript:alert(1))",
        "[x]( java\nscript:alert(1))",
        "```&#109;ermaid\nx\n```",
        "```{mermaid}\nx\n```",
        "<\u0441cript>",
        "<![CDATA[><script>alert(1)</script>]]>",
        "&#36;\\&#104;ref{java&#115;cript:alert(1)}{x}&#36;",
        "$\\htmlStyle{color:red}{x}$",
    ],
)
def test_what_another_renderer_might_read_is_broken_too(payload: str):
    cleaned = clean_markdown(payload)
    assert dangers(markdown2html_mistune(cleaned)) == []
    assert cleaned.replace(JOINER, "") == payload
    assert cleaned != payload


@pytest.mark.parametrize(
    "text",
    [
        "a < b and b <= c, $x < y$, 1 <2",
        "# A heading\n\n- *one*\n- **two** `three`\n\n1. four & five\n",
        "[a link](https://example.org/x?a=1&b=2), <3, 5 > 4, &lt;b&gt;",
        "$\\frac{1}{2}\\displaystyle\\sum_i x_i$ and \\begin{align}a&=b\\end{align}",
        "```python\nx = {'data': 1}\nif a <b: pass\n```".replace("<b", "< b"),
        "| a | b |\n|---|---|\n| 1 | 2 |\n",
        "It is javascript, and the data are these.",
        "Zażółć gęślą jaźń 李 🙂",
    ],
)
def test_ordinary_text_is_left_alone(text: str):
    assert clean_markdown(text) == text


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("$x<y$", "$x<y$"),
        ("`List<int>`", "List<int>"),
        ("a<b", "a<b"),
        ("the data: one", "the data: one"),
        ("Wow![one]", "Wow![one]"),
        ("```python\nx<y\n```", "x<y"),
    ],
)
def test_what_could_be_taken_for_more_looks_as_it_did(text: str, seen: str):
    cleaned = clean_markdown(text)
    assert JOINER in cleaned
    shown = re.sub("<[^>]*>", "", markdown2html_mistune(cleaned))
    assert html.unescape(shown).replace(JOINER, "").strip() == seen


def test_control_characters_and_half_letters_go():
    assert clean_markdown("a\r\nb\rc\x00d\x1be\ud800") == "a\nb\nc\ufffdd\ufffde\ufffd"


def test_text_without_end_is_cut():
    cleaned = clean_markdown("a" * (LONGEST_TEXT + 7))
    assert cleaned.endswith("a\n\n(7 more characters were left out)")


@pytest.mark.parametrize("piece", ["\\\\[", "\\begin{a}", "\\\\("])
def test_formulas_without_number_or_end_do_not_hold_up_the_page(piece: str):
    # For each that begins, nbconvert looks for its end through all of the text.
    assert clean_markdown(piece * 100) == piece * 100
    assert piece not in clean_markdown(piece * 101)


def test_of_attachments_real_images_stay_and_are_shown():
    attachments = {
        "a.png": {"image/png": picture(), "image/svg+xml": "<svg onload=alert(1)>"},
        "b.png": {"image/png": base64.b64encode(b"<script>").decode()},
        "c.html": {"text/html": "<script>"},
        "d.jpg": {"image/jpeg": picture("JPEG")},
        "e": 7,
    }
    kept = clean_attachments(attachments)
    assert kept == {
        "a.png": {"image/png": picture()},
        "d.jpg": {"image/jpeg": picture("JPEG")},
    }
    source = "![one](attachment:a.png) ![two](attachment:b.png)"
    assert (
        clean_markdown(source, kept) == f"![one](attachment:a.png) !{JOINER}[two](attachment:b.png)"
    )
    for odd in (None, 3, "x", ["a.png"]):
        assert clean_attachments(odd) == {}


def test_a_flood_of_brackets_takes_no_time_to_show_and_looks_as_before():
    cleaned = clean_markdown("[" * 2000)
    assert cleaned == clean_markdown(cleaned)
    assert "[" not in cleaned
    assert html.unescape(cleaned) == "[" * 2000
    assert "[" not in clean_markdown("[" * 20_000)
    few = "[a](https://example.org) [b]"
    assert clean_markdown(few) == few
