from __future__ import annotations

from functools import cache

import nbformat
import pytest
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from nbgrader.server_extensions.formgrader import handlers

from grokedu.grading.page.outputs import clean_outputs
from grokedu.grading.page.sanitise import clean_markdown
from tests.classroom.notebooks import cell, notebook
from tests.grading.payloads import HTML, MARKDOWN, dangers, data, stream


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
