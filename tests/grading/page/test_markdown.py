"""What is let through of figures, links and tables; what is not is tried on whole pages."""

from __future__ import annotations

import base64
import io

import pytest
from PIL import Image

from grokedu.grading.page.markdown import Reader, figure


def image(kind: str = "PNG", size: tuple[int, int] = (3, 2), more: bytes = b"") -> str:
    stream = io.BytesIO()
    Image.new("1" if kind == "PNG" else "L", size).save(stream, kind)
    return base64.b64encode(stream.getvalue() + more).decode()


def test_a_figure_is_shown_with_its_size_and_words():
    shown = figure("image/png", image(), 'the "norm" < 3')
    assert shown is not None
    assert shown.startswith('<img src="data:image/png;base64,')
    assert 'alt="the &#34;norm&#34; &lt; 3" width="3" height="2">' in shown


def test_a_figure_is_shown_as_what_it_is():
    assert "data:image/jpeg;base64," in str(figure("image/png", image("JPEG"), "x"))


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("image/svg+xml", image()),
        ("image/png", image("GIF")),
        ("image/png", "no base64!"),
        ("image/png", base64.b64encode(b"<svg onload=alert(1)>").decode()),
        ("image/png", image(size=(50_000, 1_000))),
        ("image/png", image(more=bytes(4_000_000))),
        ("image/png", None),
        (None, image()),
    ],
)
def test_what_is_no_sound_figure_is_none(kind, data):
    assert figure(kind, data, "x") is None


def test_prose_shows_the_images_it_holds_and_no_others():
    held = {"a.png": {"image/png": image()}, "b.svg": {"image/svg+xml": "<svg/>"}}
    text = (
        f"![a](attachment:a.png) ![b](attachment:b.svg) ![c](data:image/png;base64,{image()}) "
        "![d](https://example.org/d.png) ![](attachment:a.png)"
    )
    shown = Reader().prose(text, held)
    assert shown.count("<img ") == 3
    assert shown.count('src="data:image/png;base64,') == 3
    assert 'alt="a"' in shown
    assert 'alt="Figure without a description"' in shown
    assert "(image not shown: b)" in shown
    assert "(image not shown: d)" in shown


def test_links_lead_out_and_nowhere_else():
    shown = Reader().prose("[a](https://example.org) [b](mailto:a@b.org) [c](/etc/passwd) [d](#id)")
    assert 'href="https://example.org"' in shown
    assert 'href="mailto:a@b.org"' in shown
    assert shown.count("href") == 2


def test_a_table_keeps_its_shape_and_loses_its_dress():
    html = '<table class="x" border=1><tr style="color:red"><td colspan=2 id=a>1</td></tr></table>'
    wanted = '<table><tbody><tr><td colspan="2">1</td></tr></tbody></table>'
    assert Reader().markup(html) == wanted


def test_headings_of_prose_stand_below_the_section_and_skip_no_level():
    reader = Reader()
    assert reader.heading(2) == 2
    shown = reader.prose("# one\n\n### three\n\n###### six\n\n# again")
    assert [shown.count(f"<h{level}>") for level in range(1, 7)] == [0, 0, 2, 1, 1, 0]
