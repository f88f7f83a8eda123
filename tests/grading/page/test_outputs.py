from __future__ import annotations

import base64
import random
from typing import Any

import nbformat
import pytest

from grokedu.grading.page import outputs
from grokedu.grading.page.outputs import clean_outputs
from tests.classroom.notebooks import cell, notebook
from tests.grading.payloads import HTML, dangers, data, picture, stream


def one(output: Any) -> dict[str, Any]:
    (cleaned,) = clean_outputs([output])
    return cleaned


@pytest.mark.parametrize("payload", HTML)
def test_html_that_does_something_does_nothing_once_cleaned(payload: str):
    cleaned = one(data(text_html=payload, text_plain="x"))
    markup = cleaned["data"].get("text/html", "")
    assert dangers(markup) == []
    assert "/logout" not in markup


def test_tables_and_links_to_the_web_stay():
    table = (
        '<style scoped>td {color: red}</style><table border="1" class="dataframe"><thead><tr>'
        '<th colspan="2">n</th></tr></thead><tbody><tr><td>1 &lt; 2</td>'
        '<td><a href="https://example.org">so</a></td></tr></tbody></table>'
    )
    assert one(data(text_html=table))["data"]["text/html"] == (
        '<div class="mathjax_ignore tex2jax_ignore"><table><thead><tr><th colspan="2">n</th></tr>'
        '</thead><tbody><tr><td>1 &lt; 2</td><td><a href="https://example.org" '
        'rel="noopener noreferrer nofollow">so</a></td></tr></tbody></table></div>'
    )


@pytest.mark.parametrize(
    "markup",
    ["<b>" * 9000, "<div>" * 9000, "<table><b>" * 4000, "<b><a>" * 8000, "x" * 60_000, "&" * 9000],
    ids=lambda markup: markup[:10],
)
def test_html_that_takes_long_to_clean_gives_way_to_text(markup: str):
    assert one(data(text_html=markup, text_plain="so"))["data"] == {"text/plain": "so"}


def test_images_stay_where_they_are_what_they_say():
    png, jpeg = picture(), picture("JPEG")
    assert one(data(image_png=png + "\n", image_jpeg=[jpeg[:9], jpeg[9:]]))["data"] == {
        "image/png": png,
        "image/jpeg": jpeg,
    }


@pytest.mark.parametrize(
    "image",
    [
        '"><script>alert(1)</script>',
        base64.b64encode(b"<svg onload=alert(1)>").decode(),
        picture("JPEG"),
        picture()[:20],
        picture() + "!",
        picture(size=(20_000, 20_001)),
        "A" * (9 * 2**20),
        {"a": 1},
        7,
    ],
    ids=["html", "svg", "jpeg", "cut", "odd", "huge", "long", "dict", "number"],
)
def test_images_that_are_none_go(image: Any):
    assert one(data(image_png=image))["data"] == {
        "text/plain": "(an output of kind image/png was left out)"
    }


@pytest.mark.parametrize(
    "kind",
    [
        "application/javascript",
        "application/pdf",
        "application/vnd.jupyter.widget-view+json",
        "image/svg+xml",
        "text/vnd.mermaid",
        "<script>",
    ],
)
def test_other_kinds_give_way_to_text(kind: str):
    made = {"output_type": "display_data", "data": {kind: "<svg onload=alert(1)>"}}
    assert one(made)["data"] == {"text/plain": f"(an output of kind {kind} was left out)"}
    made["data"]["text/plain"] = "so"
    assert one(made)["data"] == {"text/plain": "so"}


def test_markdown_and_latex_are_shown_as_they_were_written():
    assert one(data(text_latex="$x$", text_plain="x"))["data"] == {"text/plain": "x"}
    shown = data(text_markdown="**x**", text_plain="<IPython.core.display.Markdown object>")
    assert one(shown)["data"] == {"text/plain": "**x**"}


def test_metadata_goes_and_counts_stay():
    made = data(text_plain="x") | {"output_type": "execute_result", "execution_count": 3}
    made["metadata"] = {"filenames": {"image/png": "//example.org"}, "isolated": True}
    assert one(made) == {
        "output_type": "execute_result",
        "metadata": {},
        "data": {"text/plain": "x"},
        "execution_count": 3,
    }
    for odd in (True, "3", -1, 10**30, None):
        assert one(made | {"execution_count": odd})["execution_count"] is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m \x1b]0;title\x07\x1b]8;;http://a\x1b\\link\x1b]8;;\x1b\\", "red link"),
        ("\x1b[2J\x1b(Bclean\x9b\x08", "clean\ufffd\ufffd"),
        (["10%\r", "50%\r100%\r\n", "done"], "100%\ndone"),
        ("a\x00\ud800", "a\ufffd\ufffd"),
        (None, ""),
        (["a", 3, "b"], "ab"),
    ],
)
def test_text_is_what_a_terminal_would_have_left(text: Any, shown: str):
    assert one(stream(text)) == stream(shown)


def test_streams_are_joined_and_cut():
    cleaned = clean_outputs([stream("a"), stream("b"), stream("e", "stderr"), stream("c")])
    assert cleaned == [stream("ab"), stream("e", "stderr"), stream("c")]
    (long,) = clean_outputs([stream("x" * 3000)] * 1000)
    assert long["text"] == "x" * outputs.LONGEST_OUTPUT + "\n(the rest was left out)"


def test_there_are_at_most_fifty():
    cleaned = clean_outputs([data(text_plain=str(n)) for n in range(200)])
    assert len(cleaned) == outputs.MOST_OUTPUTS
    assert cleaned[-1]["text"] == "(only the first 49 outputs are kept)\n"


def test_errors_stay_without_colours():
    made = {
        "output_type": "error",
        "ename": "\x1b[1mE",
        "evalue": "v" * 9000,
        "traceback": ["\x1b[31ma\x1b[0m", 3, "b\nc"],
    }
    cleaned = one(made)
    assert (cleaned["ename"], cleaned["traceback"]) == ("E", ["a", "b", "c"])
    assert len(cleaned["evalue"]) < 2100


ODD: list[Any] = [None, 3, True, 1e999, "x", [], {}, [[]], [None], {"a": {}}, "\ud800"]
ODD.append({"text/html": {}})


def test_nothing_makes_it_raise_and_all_that_comes_out_is_valid():
    draw = random.Random(0)
    keys = [
        "output_type",
        "data",
        "text",
        "name",
        "ename",
        "evalue",
        "traceback",
        "execution_count",
    ]
    kinds = ["stream", "error", "display_data", "execute_result", "update_display_data", *ODD]
    mimes = ["text/html", "text/plain", "image/png", "image/jpeg", "text/latex", "x/y"]
    outputs: list[Any] = list(ODD)
    for _ in range(500):
        output = {key: draw.choice(ODD) for key in keys} | {"output_type": draw.choice(kinds)}
        if draw.random() < 0.5:
            output["data"] = {mime: draw.choice(ODD) for mime in mimes}
        outputs.append(output)
    for given in (*ODD, outputs, *([output] for output in outputs)):
        made = cell("code", "", "a")
        made.outputs = [nbformat.from_dict(output) for output in clean_outputs(given)]
        nbformat.validate(notebook(made))
        nbformat.writes(notebook(made)).encode()
