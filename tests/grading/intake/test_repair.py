from __future__ import annotations

import json
from typing import Any

import nbformat
import pytest
from nbformat import NotebookNode

from grokedu.grading.intake import reading as module
from grokedu.grading.intake.reading import repair
from tests.classroom.notebooks import small_lesson


def lesson(**changes: Any) -> bytes:
    return json.dumps({**small_lesson(), **changes}, ensure_ascii=False).encode()


def code(source: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "outputs": [],
        "execution_count": None,
    }


def sources(notebook: NotebookNode) -> list[str]:
    return [cell.source for cell in notebook.cells]


def test_a_sound_notebook_is_as_it_was():
    assert repair(lesson()) == (small_lesson(), ())


@pytest.mark.parametrize(
    ("encoding", "source", "said"),
    [
        ("utf-8", "# é naïve – œuvre", None),
        ("utf-8-sig", "# é naïve – œuvre", "began with a byte-order mark"),
        ("utf-16", "# é naïve – œuvre", "was UTF-16, not UTF-8"),
        ("utf-32", "# é naïve – œuvre", "was UTF-32, not UTF-8"),
        ("cp1252", "# é naïve – œuvre", "was not UTF-8: letters such as é were guessed"),
        ("latin-1", "# é \x81", "was not UTF-8: letters such as é were guessed"),
    ],
)
def test_a_notebook_in_another_encoding_is_read_and_told_of(
    encoding: str, source: str, said: str | None
):
    notebook, notes = repair(lesson(cells=[code(source)]).decode().encode(encoding))
    assert sources(notebook) == [source]
    assert notes == ((said,) if said else ())


OLD = {
    "nbformat": 3,
    "nbformat_minor": 0,
    "metadata": {"name": ""},
    "worksheets": [
        {
            "metadata": {},
            "cells": [
                {"cell_type": "heading", "level": 1, "metadata": {}, "source": "A lesson"},
                {
                    "cell_type": "code",
                    "collapsed": False,
                    "input": ["x = 1\n", "y = 2"],
                    "language": "python",
                    "metadata": {},
                    "outputs": [],
                },
            ],
        }
    ],
}


def test_an_old_format_is_brought_up_to_date():
    notebook, notes = repair(json.dumps(OLD).encode())
    assert sources(notebook) == ["# A lesson", "x = 1\ny = 2"]
    assert notebook.nbformat == 4
    assert notes == ("was of the old notebook format 3: brought up to date",)
    nbformat.validate(notebook)


def test_any_minor_version_and_odd_metadata_are_read():
    notebook, notes = repair(lesson(nbformat_minor=99, metadata=[1]))
    assert (sources(notebook), notebook.metadata, notes) == (sources(small_lesson()), {}, ())


def test_halves_of_letters_are_replaced_everywhere_so_that_it_can_be_written():
    cells = [small_lesson().cells[1], small_lesson().cells[5]]
    cells[0].source, cells[1].source = "x = 'a\ud800b'", "y = '\U0001f600'"
    content = json.dumps({**small_lesson(), "cells": cells, "metadata": {"\udc00": ["\udfff"]}})
    notebook, notes = repair(content.encode())
    assert sources(notebook) == ["x = 'a\ufffdb'", "y = '\U0001f600'"]
    assert notes == ("letters that are no Unicode were replaced",)
    nbformat.writes(notebook).encode()


def test_whole_letters_that_were_escaped_are_no_news():
    assert repair(json.dumps({**small_lesson(), "cells": [code("'\U0001f600'")]}).encode())[1] == ()


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_constants_that_json_lacks_are_read(constant: str):
    text = f'{{"x": [{constant}], {lesson().decode()[1:]}'
    assert sources(repair(text.encode())[0]) == sources(small_lesson())


def test_of_two_values_for_one_key_the_last_counts():
    text = lesson().decode()
    assert repair((text[:-1] + ', "nbformat": 4}').encode())[0] == small_lesson()


def nested(levels: int) -> bytes:
    return lesson(metadata={"a": json.loads("[" * levels + "]" * levels)})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty: save"),
        (b" \n ", "is empty: save"),
        (b"<!DOCTYPE html><html>", "this is an HTML page, not the notebook: download it"),
        (b"\xef\xbb\xbf\n <HTML>", "this is an HTML page"),
        (b"PK\x03\x04\x14\x00", "this is a zip archive, not the notebook: unpack it"),
        (b"%PDF-1.7", "this is a PDF"),
        (b"\x1f\x8b\x08\x00", "this is a compressed file"),
        (b"\x89PNG\r\n", "this is a picture"),
        (b"def f(x):\n    return x\n", "not a notebook, or was cut short (line 1"),
        (lesson()[:-30], "not a notebook, or was cut short (line 1"),
        (b"\xff\xfe{\x00\x00\xd8", "damaged UTF-16"),
        (b"[]", "it has no nbformat"),
        (b'"nbformat"', "it has no nbformat"),
        (b'{"nbformat": 4}', "no list of cells"),
        (lesson(cells=[1]), "cell 1: not a cell"),
        (lesson(cells=[{"cell_type": "code", "source": 1}]), "cell 1: its source is not text"),
        (lesson(nbformat=5), "format 5, newer than is read here: a person will look at it"),
        (lesson(nbformat=10**40), "newer than is read here"),
        (lesson(nbformat="4"), "does not say which notebook format"),
        (lesson(nbformat=0), "does not say which notebook format"),
        (lesson(nbformat={"a" * 9999: 1}), "does not say which notebook format"),
        (json.dumps({"nbformat": 3}).encode(), "old notebook format 3 and cannot"),
        (
            json.dumps({"nbformat": 3, "worksheets": [{"cells": [1]}]}).encode(),
            "old notebook format 3 and cannot",
        ),
        (json.dumps({**OLD, "worksheets": 7}).encode(), "old notebook format 3 and cannot"),
        (b"[" * 10**6, "nested too deeply"),
        (nested(150), "nested too deeply"),
        (b'{"a":' * 10**5, "nested too deeply"),
        (b'{"nbformat": ' + b"4" * 10**5 + b"}", "a number in it is too long"),
        (lesson(cells=[code("")] * 5001), "has 5001 cells; at most 5000"),
        (lesson(cells=[code("#" * (2**20 + 1))]), "cell 1 of the file is longer than 1 MB"),
    ],
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_what_cannot_be_graded_is_said_in_one_line(content: bytes, said: str):
    with pytest.raises(ValueError, match=r"^[^\n]{20,300}$") as raised:
        repair(content)
    assert said in str(raised.value)


def test_a_file_that_is_too_long_is_not_looked_at(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with pytest.raises(ValueError, match="clear the outputs"):
        repair(lesson())


def test_outputs_as_deep_as_real_ones_are_read():
    assert repair(nested(60))[1] == ()


def test_a_hostile_old_notebook_does_not_speak_on_the_instructor_s_terminal(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
):
    worksheets = [{"cells": [{"cell_type": "code", "input": "", "outputs": [{"a": "\x1b[2J"}]}]}]
    with pytest.raises(ValueError, match="format 3"):
        repair(json.dumps({**OLD, "worksheets": worksheets}).encode())
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""
