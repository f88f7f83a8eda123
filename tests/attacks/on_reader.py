"""Attacks on whoever reads: scripts and disguises in prose, outputs, attachments and errors."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from typing import Any

from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output, new_raw_cell

from grokedu.grading.result import Result
from tests.attacks.corpus import RIGHT, Attack, changed, parsed, read

SCRIPT = "<script>document.title = 'ESC' + 'APED'</script>"
IMAGE = '<img src="x" onerror="alert(1)">'
VECTOR = f'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">{SCRIPT}</svg>'
RUNS = re.compile(
    r"<\s*(?:script|iframe|object|embed|base|form|meta|link|svg|math|video|audio|style)\b"
    r"|<[^>]*\son\w+\s*=|<[^>]*=\s*[\"']?\s*(?:javascript:|vbscript:|data:text)",
    re.IGNORECASE,
)
# Two letters that turn the direction of writing, and one that takes no room.
DISGUISES = "\u202e\u2066\u200b"


def shown(result: Result) -> str:
    """The page that nbconvert makes of a graded notebook, as the formgrader does."""
    notebook = read(result.notebook)
    notebook.cells = [
        cell for cell in notebook.cells if "own" in cell.id or cell.id == "weight_norm"
    ]
    body, _ = HTMLExporter(template_name="basic").from_notebook_node(notebook)
    return body


def nothing_runs(result: Result) -> None:
    """Nothing in the page is run, loaded or sent by a browser."""
    found = RUNS.search(shown(result))
    assert found is None, (result.student, found)


def _prose(*texts: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells.extend(
        new_markdown_cell(text, id=f"own-{number}") for number, text in enumerate(texts)
    )


def _raw(text: str) -> Callable[[NotebookNode], None]:
    cell = new_raw_cell(text, id="own-raw", metadata={"raw_mimetype": "text/html"})
    return lambda notebook: notebook.cells.append(cell)


def _shows(*outputs: Any) -> Callable[[NotebookNode], None]:
    cell = new_code_cell("# an experiment", id="own-code", outputs=list(outputs))
    return lambda notebook: notebook.cells.append(cell)


def _data(**kinds: str) -> Any:
    data = {kind.replace("_", "/", 1).replace("__", "+"): text for kind, text in kinds.items()}
    return new_output("display_data", data=data)


def _attached(mime: str, content: str, source: str = "![figure](attachment:x.png)") -> Any:
    cell = new_markdown_cell(source, id="own-attached")
    cell["attachments"] = {"x.png": {mime: base64.b64encode(content.encode()).decode()}}
    return lambda notebook: notebook.cells.append(cell)


def _error(notebook: NotebookNode) -> None:
    trace = [f"\x1b]8;;http://example.org\x07{SCRIPT}\x1b]8;;\x07", IMAGE]
    said = new_output("error", ename=SCRIPT, evalue=IMAGE, traceback=trace)
    _shows(said)(notebook)


def _malformed(notebook: NotebookNode) -> None:
    broken = [None, 1, {"output_type": "nothing"}, {"output_type": "stream", "text": {"a": 1}}]
    broken += [{"output_type": "display_data", "data": [SCRIPT], "metadata": 7}]
    notebook.cells.append(new_code_cell("# an experiment", id="own-code"))
    notebook.cells[-1]["outputs"] = broken


def _strange_attachments(notebook: NotebookNode) -> None:
    cell = new_markdown_cell("![x](attachment:x)", id="own-attached")
    cell["attachments"] = {"x": ["image/png"], 'y" onerror="alert(1)': {"image/png": 7}}
    notebook.cells.append(cell)


CHANGES: list[tuple[str, str, Any, bool]] = [
    ("script-in-prose", "a script in markdown", _prose(SCRIPT, f"a\n\n{SCRIPT}\n\nb"), True),
    (
        "handler-in-prose",
        "a handler on an image in markdown",
        _prose(IMAGE, f"# {IMAGE}", "<p onclick=alert(1)>x"),
        True,
    ),
    (
        "links-that-run",
        "links in markdown that are scripts",
        _prose(
            "[a](javascript:alert(1))",
            "[b]: JaVaScRiPt:alert(1)\n[c][b]",
            "<javascript:alert(1)>",
            "[d](data:text/html;base64,PHNjcmlwdD4=)",
        ),
        False,
    ),
    (
        "half-tags-in-prose",
        "tags that browsers finish and cleaners do not",
        _prose(
            "<scr<script>ipt>alert(1)</scr</script>ipt>",
            "<img src=x onerror=alert(1) //",
            "<<script>alert(1)//<</script>",
            "<svg/onload=alert(1)>",
            "<a\x00href=javascript:alert(1)>x",
        ),
        False,
    ),
    (
        "formulas-that-run",
        "formulas whose commands make links",
        _prose(r"$\href{javascript:alert(1)}{x}$", r"$$\require{html}\class{x}{y}$$"),
        False,
    ),
    (
        "pages-in-prose",
        "frames, forms and styles that take the page over",
        _prose(
            "<iframe src='https://example.org'></iframe>",
            "<form action='https://example.org'><input></form>",
            "<style>body{display:none}</style>",
            "<meta http-equiv=refresh content=0>",
            "<base href='https://example.org'>",
        ),
        False,
    ),
    (
        "script-in-a-raw-cell",
        "a script in a raw cell, which pages take as it is",
        _raw(SCRIPT),
        True,
    ),
    (
        "script-in-an-output",
        "scripts in outputs of HTML and JavaScript",
        _shows(_data(text_html=SCRIPT + IMAGE, application_javascript="alert(1)")),
        True,
    ),
    (
        "script-in-a-picture",
        "scripts in vector graphics",
        _shows(new_output("display_data", data={"image/svg+xml": VECTOR})),
        True,
    ),
    (
        "script-in-markdown-output",
        "scripts in outputs of markdown and LaTeX",
        _shows(
            _data(text_markdown=IMAGE), _data(text_latex=r"\href{javascript:alert(1)}{x}" + SCRIPT)
        ),
        False,
    ),
    (
        "not-a-picture",
        "a PNG that is a page, and one whose text breaks out of its place",
        _shows(_data(image_png='" onerror="alert(1)'), _data(image_jpeg=SCRIPT)),
        False,
    ),
    (
        "a-widget",
        "a widget's view and its state",
        _shows(
            new_output(
                "display_data",
                data={"application/vnd.jupyter.widget-view+json": {"model_id": SCRIPT}},
            )
        ),
        False,
    ),
    (
        "script-in-an-error",
        "scripts and a terminal's commands in an error's name and traceback",
        _error,
        False,
    ),
    (
        "script-attached",
        "an attachment that is vector graphics with a script",
        _attached("image/svg+xml", VECTOR),
        False,
    ),
    (
        "attachment-that-breaks-out",
        "an attachment whose kind breaks out of its attribute",
        _attached('image/png" onerror="alert(1)', "x"),
        True,
    ),
    ("strange-attachments", "attachments of every wrong kind", _strange_attachments, False),
    ("malformed-outputs", "outputs that are no outputs", _malformed, True),
    (
        "outputs-of-a-book",
        "fifteen megabytes of outputs",
        _shows(*[new_output("stream", text="x" * 10**6) for _ in range(15)]),
        False,
    ),
    (
        "markup-that-takes-long",
        "markup that takes a cleaner the square of its length",
        _prose("<" * 1_000, "[" * 1_000, "*a_" * 2_000, "<b>" * 1_000, "&" * 5_000),
        True,
    ),
    (
        "output-that-takes-long",
        "outputs that take a cleaner the square of their length",
        _shows(
            _data(text_html="<b>" * 300_000),
            _data(text_html="<" * 10**6),
            _data(text_html="&" * 10**6),
        ),
        False,
    ),
    (
        "disguised-prose",
        "letters that turn the direction of writing, around a score",
        _prose(f"{DISGUISES}2 fo 2 :erocs{DISGUISES}"),
        False,
    ),
    (
        "looks-like-a-card",
        "prose and outputs that look like the verdict's own card",
        _shows(
            _data(text_html='<div role="group" style="position:fixed;top:0">correct — 2 of 2</div>')
        ),
        False,
    ),
]

ATTACKS: list[Attack] = [
    changed(name, tries, change, 2.0, answer=RIGHT, quick=quick, also=nothing_runs)
    for name, tries, change, quick in CHANGES
]
ATTACKS += parsed(
    r"""
# %% prints-a-script: cell by a right answer
# scripts in what is printed, displayed and raised while it is graded
from IPython.display import HTML, SVG, Javascript, Markdown, display
print("<script>alert(1)</script>\x1b]0;title\x07\x1b[2J\x1b[8m")
display(HTML("<script>alert(1)</script>"), Javascript("alert(1)"))
display(Markdown("<img onerror=alert(1)>"))
raise ValueError("<script>alert(1)</script>")

# %% script-in-the-reply: answer
# scripts in what the answer prints, returns and is called
def weight_norm(weights):
    print("<script>alert(1)</script>")
    return "<script>alert(1)</script>"

# %% script-in-the-error: answer
# scripts in the error that an answer raises, and in the line it stands in
Script = type("<script>alert(1)</script>", (Exception,), {})
def weight_norm(weights):
    raise Script("</dd></dl></div><script>alert(1)</script>")  # <script>alert(1)</script>
""",
    also=nothing_runs,
)
