"""Attacks by what is handed in: files that are no notebook, links, names that look alike."""

from __future__ import annotations

import json
import os
from pathlib import Path

from nbformat.v4 import new_code_cell

from tests.attacks.corpus import (
    TOY,
    WRONG,
    Attack,
    lay,
    raw,
    release,
    solved,
    written,
)

FULL = written(solved())
EMPTY_HANDED = written(solved({"weight_norm": WRONG}))
ALL: dict[str, float] = {}
NOTHING = {"weight_norm": 0.0}


def _at(submitted: Path, student: str) -> Path:
    folder = submitted / student / TOY
    folder.mkdir(parents=True)
    return folder / f"{TOY}.ipynb"


def _link(submitted: Path, student: str, content: bytes) -> None:
    target = os.path.relpath(
        submitted.parents[1] / "source" / f"{TOY}.ipynb", submitted / student / TOY
    )
    _at(submitted, student).symlink_to(target)


def _link_to_another(submitted: Path, student: str, content: bytes) -> None:
    lay(submitted, f"{student}-victim", FULL)
    _at(submitted, student).symlink_to(submitted / f"{student}-victim" / TOY / f"{TOY}.ipynb")


def _linked_folder(submitted: Path, student: str, content: bytes) -> None:
    lay(submitted, f"{student}-victim", FULL)
    (submitted / student).symlink_to(submitted / f"{student}-victim")


def _hard_link(submitted: Path, student: str, content: bytes) -> None:
    lay(submitted, f"{student}-victim-elsewhere", FULL, "elsewhere")
    os.link(
        submitted / f"{student}-victim-elsewhere" / "elsewhere" / "elsewhere.ipynb",
        _at(submitted, student),
    )


def _device(submitted: Path, student: str, content: bytes) -> None:
    _at(submitted, student).symlink_to("/dev/zero")


def _pipe(submitted: Path, student: str, content: bytes) -> None:
    os.mkfifo(_at(submitted, student))


def _folder(submitted: Path, student: str, content: bytes) -> None:
    _at(submitted, student).mkdir()


def _sparse(submitted: Path, student: str, content: bytes) -> None:
    with _at(submitted, student).open("wb") as stream:
        stream.truncate(2**36)


def _two(submitted: Path, student: str, content: bytes) -> None:
    _at(submitted, student).with_name("one.ipynb").write_bytes(EMPTY_HANDED)
    (submitted / student / TOY / "two.ipynb").write_bytes(FULL)


def _beside(submitted: Path, student: str, content: bytes) -> None:
    """Files that Python and IPython would read, were they there when the code is run."""
    file = _at(submitted, student)
    file.write_bytes(content)
    for name in ("torch.py", "sitecustomize.py", "usercustomize.py", "ipython_config.py"):
        file.with_name(name).write_text("raise SystemExit\n")
    (file.parent / "grokedu").mkdir()
    file.with_name("grokedu").joinpath("__init__.py").write_text("raise SystemExit\n")


def _nested(text: str) -> bytes:
    notebook = json.loads(FULL)
    notebook["metadata"] = "@"
    return json.dumps(notebook).replace('"@"', text).encode()


def _many_cells() -> bytes:
    notebook = release()
    cell = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": []}
    return json.dumps(notebook | {"cells": notebook.cells + [cell] * 150_000}).encode()


def _slow_cells() -> bytes:
    notebook = solved()
    slow = new_code_cell("import time\ntime.sleep(1.8)", id="slow")
    notebook.cells[1:1] = [slow | {"id": f"slow-{number}"} for number in range(40)]
    return written(notebook)


ATTACKS = [
    raw("an-empty-file", "a file of no bytes", b"", quick=True),
    raw("cut-short", "the first half of a notebook", FULL[: len(FULL) // 2], quick=True),
    raw("not-json", "the answer key's words in a file that is no notebook", b"weight_norm: 2/2"),
    raw(
        "a-web-page",
        "the page that a login form gave instead of the notebook",
        b"<!DOCTYPE html><html><body>Sign in</body></html>",
    ),
    raw(
        "an-archive", "a zip of the notebook under the notebook's name", b"PK\x03\x04" + bytes(500)
    ),
    raw("only-an-object", "JSON that is an empty object", b"{}"),
    raw("only-numbers", "JSON that is a number, where a notebook is wanted", b"1" * 10_000),
    raw(
        "cells-of-nothing",
        "a notebook whose cells are nothing that a cell could be",
        b'{"nbformat": 4, "cells": [null, 1, "x", {}], "metadata": []}',
    ),
    raw(
        "no-cells",
        "a notebook of the course without a cell in it",
        written(release() | {"cells": []}),
    ),
    raw(
        "another-lesson",
        "the notebook of another course altogether",
        written(release() | {"cells": [new_code_cell("print(2.0)", id="elsewhere")]}),
    ),
    raw(
        "latin-1",
        "a right answer whose letters are in an older encoding",
        FULL.replace(b"def weight_norm", b"# caf\xe9\\ndef weight_norm", 1),
        ALL,
    ),
    raw("utf-16", "a right answer in UTF-16", FULL.decode().encode("utf-16"), ALL, quick=True),
    raw("byte-order-mark", "a right answer behind a byte-order mark", b"\xef\xbb\xbf" + FULL, ALL),
    raw(
        "half-letters-in-the-file",
        "halves of UTF-16 letters, which break who writes them",
        FULL.replace(b"def weight_norm", b"# \\ud800\\ndef weight_norm", 1),
        ALL,
    ),
    raw(
        "zero-bytes-in-the-file",
        "letters that end strings in C and are refused by databases",
        FULL.replace(b"def weight_norm", b"# \\u0000\\u001b]0;x\\u0007\\ndef weight_norm", 1),
        NOTHING,
    ),
    raw(
        "a-newer-format",
        "a notebook of a format that is not there yet",
        FULL.replace(b'"nbformat": 4', b'"nbformat": 5'),
    ),
    raw(
        "a-format-of-words",
        "a format that is a list of words",
        FULL.replace(b'"nbformat": 4', b'"nbformat": ["four"]'),
    ),
    raw(
        "a-minor-version-of-99",
        "a right answer in a minor version that is not there yet",
        FULL.replace(b'"nbformat_minor": 5', b'"nbformat_minor": 99'),
        ALL,
    ),
    raw(
        "keys-given-twice", "JSON in which the cells are given twice", FULL[:-1] + b', "cells": []}'
    ),
    raw(
        "numbers-that-are-none",
        "JSON with NaN, Infinity and numbers beyond all bounds",
        _nested('{"a": NaN, "b": -Infinity, "c": 1e99999, "d": ' + "9" * 4000 + "}"),
        ALL,
    ),
    raw("digits-without-end", "a number that takes hours to read", _nested("9" * 10**6)),
    raw(
        "nested-json",
        "metadata nested a hundred thousand levels deep",
        _nested("[" * 10**5 + "]" * 10**5),
        quick=True,
    ),
    raw("far-too-long", "a notebook of forty megabytes", FULL + b" " * 40 * 2**20),
    raw(
        "many-cells",
        "a hundred and fifty thousand cells that are all alike",
        _many_cells(),
        quick=True,
    ),
    raw(
        "many-slow-cells",
        "forty cells, each just within its limit, to hold up the class",
        _slow_cells(),
    ),
    raw(
        "a-link-to-the-key",
        "a symbolic link to the instructor's own notebook",
        b"",
        lay=_link,
        quick=True,
    ),
    raw(
        "a-link-to-another",
        "a symbolic link to what another student handed in",
        b"",
        lay=_link_to_another,
    ),
    raw(
        "a-linked-folder",
        "a student's folder that is a link to another student's",
        b"",
        lay=_linked_folder,
        quick=True,
    ),
    raw("a-hard-link", "a hard link to another file of the same disk", b"", lay=_hard_link),
    raw("a-link-to-a-device", "a link to a file without an end", b"", lay=_device),
    raw(
        "a-pipe",
        "a pipe that nobody writes to, for the reader to wait at",
        b"",
        lay=_pipe,
        quick=True,
    ),
    raw("a-folder-for-a-file", "a folder under the notebook's name", b"", lay=_folder),
    raw("a-sparse-file", "a file of 64 gigabytes that takes no room", b"", lay=_sparse),
    raw(
        "two-notebooks",
        "two notebooks in one submission, neither under the right name",
        b"",
        lay=_two,
        quick=True,
    ),
    raw(
        "modules-beside-it",
        "files beside the notebook that Python would import",
        FULL,
        ALL,
        lay=_beside,
    ),
    raw(
        "a-name-in-capitals",
        "an id that differs from another's by case alone: the worse work",
        EMPTY_HANDED,
        NOTHING,
        student="Ada-Case",
    ),
    raw(
        "a-name-in-small-letters",
        "an id that differs from another's by case alone: the better work",
        FULL,
        ALL,
        student="ada-case",
    ),
    raw(
        "a-name-in-greek",
        "an id that looks like another's, in letters of another script",
        FULL,
        ALL,
        student="αda-case",
    ),
    raw(
        "a-name-that-turns",
        "an id with marks that turn the direction of writing",
        FULL,
        student="ada\u202egnp.exe",
    ),
    raw(
        "a-name-of-options",
        "an id that a command would read as an option",
        FULL,
        ALL,
        student="--force",
    ),
    raw(
        "a-name-with-escapes",
        "an id with colours for a terminal and a new line",
        FULL,
        student="ada\x1b[31m\nben",
    ),
    raw(
        "a-name-of-markup",
        "an id that is a script to whoever shows it in a page",
        FULL,
        ALL,
        student="<script>alert(1)<",
    ),
    Attack(
        "a-copy-of-honest-work",
        "honest work handed in as one's own: it is graded as it is",
        FULL,
        ALL,
    ),
]
