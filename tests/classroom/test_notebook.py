from __future__ import annotations

import json
from pathlib import Path

import pytest

from grokedu.classroom.notebook import parse_notebook, read_notebook, write_notebook
from tests.classroom.notebooks import small_lesson


def test_what_is_written_is_read(tmp_path: Path):
    write_notebook(tmp_path / "a.ipynb", small_lesson())
    assert read_notebook(tmp_path / "a.ipynb") == small_lesson()


def test_reading_a_file_and_its_text_is_the_same(tmp_path: Path):
    text = "\ufeff" + json.dumps({**small_lesson(), "nbformat_minor": 0, "metadata": None})
    (tmp_path / "a.ipynb").write_text(text, encoding="utf-8")
    assert read_notebook(tmp_path / "a.ipynb") == parse_notebook(text[1:], "it")


def test_what_is_missing_or_odd_in_a_cell_is_made_good():
    cells = [{"cell_type": "code", "source": ["a\n", "b"], "metadata": 3}, {"cell_type": "raw"}]
    text = json.dumps({"nbformat": 4, "cells": cells})
    notebook = parse_notebook(text, "it")
    assert [(cell.source, cell.metadata) for cell in notebook.cells] == [("a\nb", {}), ("", {})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"cells": [', "^it is not a notebook, or was cut short"),
        ("[" * 100_000, "^it is not a notebook: it is nested too deeply$"),
        ('{"nbformat": 4, "a": ' + "[" * 101 + "]" * 101 + "}", "nested too deeply$"),
        ('{"nbformat": ' + "9" * 5000 + "}", "^it is not a notebook: a number in it is too long$"),
        ("3", "^it is not a notebook: it has no nbformat$"),
        ('{"nbformat": 3}', "^it is a notebook of format 3; wanted 4"),
        ('{"nbformat": "' + "x" * 9999 + '"}', r"^.{0,200}$"),
        ('{"nbformat": 4, "cells": [{"cell_type": "code"}, {}]}', "^it, cell 2: not a cell"),
    ],
)
def test_what_is_no_notebook_is_said_of_the_file_by_its_name(text: str, said: str):
    with pytest.raises(ValueError, match=said):
        parse_notebook(text, "it")
