from __future__ import annotations

import base64
import html
import io
import random
import re
from functools import cache
from html.parser import HTMLParser
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import markdown2html_mistune
from nbformat import NotebookNode
from nbgrader.server_extensions.formgrader import handlers
from PIL import Image

from grokedu.classroom.grading import sanitise
from grokedu.classroom.grading.markdown import JOINER, LONGEST
from grokedu.classroom.grading.sanitise import clean_attachments, clean_markdown, clean_outputs
from tests.classroom.notebooks import cell, notebook

ALLOWED = set(
    "a abbr b blockquote br code dd del div dl dt em h1 h2 h3 h4 h5 h6 hr i img input ins kbd li "
    "ol p pre s samp small span strong sub sup table tbody td th thead tr u ul var".split()
)
COMMAND = re.compile(r"\\(?:href|style|class|cssId|mmlToken|bbox|htmlStyle|url)\b")


class Dangers(HTMLParser):
    """Lists what would run, load or embed something in a browser."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ALLOWED:
            self.found.append(f"<{tag}>")
        for name, value in attrs:
            target = re.sub(r"[\t\n\r]", "", value or "").lstrip("".join(map(chr, range(33))))
            if name.startswith("on") or name in ("style", "srcdoc", "background", "formaction"):
                self.found.append(name)
            if name == "class" and "mermaid" in target.split():
                self.found.append("mermaid")
            if name == "src" and not re.match("data:image/(png|jpeg);base64,", target):
                self.found.append(f"src={target}")
            if name != "src" and re.match("(?i)(javascript|vbscript|data):", target):
                self.found.append(target)

    def handle_data(self, data: str) -> None:
        self.found += COMMAND.findall(data)


def dangers(markup: str) -> list[str]:
    parser = Dangers()
    parser.feed(markup)
    parser.close()
    return parser.found


def picture(form: str = "PNG", size: tuple[int, int] = (2, 3)) -> str:
    stream = io.BytesIO()
    Image.new("RGB", size).save(stream, form)
    return base64.b64encode(stream.getvalue()).decode()


# Each does something in what nbconvert makes of it today; the first test says so.
MARKDOWN = [
    "<script>alert(1)</script>",
    "before <img src=x onerror=alert(1)> after",
    "<svg onload=alert(1)>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data=x></object>",
    "<details open ontoggle=alert(1)>",
    "<form action=/formgrader><button formaction=x>",
    "<style>*{display:none}</style>",
    "<base href=//example.org>",
    "<ScRiPt\n>alert(1)</sCrIpT\t>",
    "- a list\n\n  <script>alert(1)</script>",
    "> a quotation <u onclick=alert(1)>",
    "| a |\n|---|\n| <u onmouseover=alert(1)> |",
    "# A heading <img src=x onerror=alert(1)>",
    "<!-- --><script>alert(1)</script>",
    "<?x ><img src=x onerror=alert(1)>?>",
    "</p><script>alert(1)</script>",
    "```mermaid\n<img src=x onerror=alert(1)>\n```",
    "~~~ mermaid\ngraph LR; A-->B; click A href 'javascript:alert(1)'\n~~~",
    "```mermaid\n</pre><script>alert(1)</script>\n```",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](<javascript:alert(1)>)",
    "[x](javascript&colon;alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](java&#x73;cript&#58;alert(1))",
    "[x](java&amp;#115;cript:alert(1))",
    "[x](javascript\\:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html,<script>alert(1)</script>)",
    "[x](data&#0000058;text/html;base64,PHNjcmlwdD4=)",
    "[x][y]\n\n[y]: javascript:alert(1)",
    "[x]\n\n[x]: <data:text/html;base64,PHNjcmlwdD4=> 'a title'",
    "<javascript:alert(1)>",
    "![x](https://example.org/watch.png)",
    "![x][y]\n\n[y]: /formgrader/api/logout",
    "![ [a](attachment:a.png) ](https://example.org/watch.png)",
    "![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "$\\href{javascript:alert(1)}{x}$",
    "$\\def\\x#1{\\href{java#1}{x}}\\x{script:alert(1)}$",
    "&#36;&#92;&#104;ref{java&#115;cript:alert(1)}{x}&#36;",
    "&#36;&#92;style{position:fixed}{x}&#36;",
    "$$\\mmlToken{mi}[href='javascript:alert(1)']{x}$$",
    "\\begin{align}\\bbox[position:fixed]{x}\\end{align}",
]


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
    cleaned = clean_markdown("a" * (LONGEST + 7))
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


HTML = [
    *(payload for payload in MARKDOWN[:18] if "\n\n" not in payload),
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' java&Tab;script&colon;alert(1)'>x</a>",
    "<a href=/logout target=_top>x</a>",
    "<img src=https://example.org/watch.png>",
    "<div style='position:fixed;inset:0'>x</div>",
    "<link rel=stylesheet href=//example.org>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea><script>alert(1)</script>",
    "<table background=javascript:alert(1)><tr><td>x",
    "<b onclick=alert(1)>bold</b>",
    "<xmp><script>alert(1)</script></xmp>",
]


def data(**kinds: Any) -> dict[str, Any]:
    given = {kind.replace("_", "/", 1).replace("_", "."): value for kind, value in kinds.items()}
    return {"output_type": "display_data", "metadata": {}, "data": given}


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


def stream(text: Any, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


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


def test_a_flood_of_brackets_takes_no_time_to_show_and_looks_as_before():
    cleaned = clean_markdown("[" * 2000)
    assert cleaned == clean_markdown(cleaned)
    assert "[" not in cleaned
    assert html.unescape(cleaned) == "[" * 2000
    assert "[" not in clean_markdown("[" * 20_000)
    few = "[a](https://example.org) [b]"
    assert clean_markdown(few) == few


def test_streams_are_joined_and_cut():
    cleaned = clean_outputs([stream("a"), stream("b"), stream("e", "stderr"), stream("c")])
    assert cleaned == [stream("ab"), stream("e", "stderr"), stream("c")]
    (long,) = clean_outputs([stream("x" * 3000)] * 1000)
    assert long["text"] == "x" * sanitise.LONGEST_TEXT + "\n(the rest was left out)"


def test_there_are_at_most_fifty():
    cleaned = clean_outputs([data(text_plain=str(n)) for n in range(200)])
    assert len(cleaned) == sanitise.MOST_OUTPUTS
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


@cache
def exporter(template: str) -> HTMLExporter:
    if template == "formgrade":
        return HTMLExporter(
            template_name=template, extra_template_basedirs=[handlers.template_path]
        )
    return HTMLExporter(template_name=template)


def page(made: NotebookNode, template: str) -> str:
    resources = {"index": 0, "total": 1, "base_url": "", "notebook_id": "x", "submission_id": "1"}
    return exporter(template).from_notebook_node(made, resources=resources)[0]


@pytest.mark.parametrize("template", ["lab", "classic", "formgrade"])
def test_the_pages_that_instructors_see_hold_nothing_of_it(template: str):
    made = notebook(*(cell("markdown", text, f"m{n}") for n, text in enumerate(MARKDOWN)))
    made.cells += [cell("raw", text, f"r{n}") for n, text in enumerate(HTML)]
    made.cells += [cell("code", "pass", f"c{n}") for n in range(len(HTML))]
    for each, text in zip(made.cells[-len(HTML) :], HTML, strict=True):
        outputs = [
            data(text_html=text, text_plain=text),
            data(application_javascript="alert(1)", text_plain=text),
            stream(text),
        ]
        each.outputs = list(map(nbformat.from_dict, outputs))
    blank = notebook(
        *(cell(each.cell_type, "x", each.id) for each in made.cells if each.cell_type != "raw")
    )
    for each in blank.cells:
        if each.cell_type == "code":
            each.outputs = [nbformat.from_dict(data(text_plain="x"))]
    empty = page(blank, template)
    own = sorted(set(dangers(empty)))
    assert sorted(set(dangers(page(made, template)))) != own
    for each in made.cells:
        if each.cell_type == "code":
            each.outputs = list(map(nbformat.from_dict, clean_outputs(each.outputs)))
        else:
            each.source = clean_markdown(each.source)
    cleaned = page(made, template)
    assert sorted(set(dangers(cleaned))) == own
    for tag in ("script", "style", "iframe", "img", "svg"):
        assert cleaned.count(f"<{tag}") == empty.count(f"<{tag}")
