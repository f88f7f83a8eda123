from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from grokedu.classroom.learning import serve
from grokedu.classroom.learning.learn import (
    choose,
    copy_lessons,
    find_course,
    lessons,
    update_lesson,
)
from grokedu.classroom.notebook import read_notebook, write_notebook
from tests.classroom.notebooks import answer, own, prose, small_lesson

NAME = "00_small"


@pytest.fixture
def course(tmp_path: Path) -> Path:
    folder = tmp_path / "course"
    for name in (NAME, "01_next"):
        (folder / name).mkdir(parents=True)
        write_notebook(folder / name / f"{name}.ipynb", small_lesson())
    (folder / NAME / "data.csv").write_text("1\n")
    (folder / "notes").mkdir()
    return folder


@pytest.fixture
def work(tmp_path: Path) -> Path:
    return tmp_path / "work"


def test_lessons_are_the_folders_with_their_notebook(course):
    assert lessons(course) == [NAME, "01_next"]


@pytest.mark.parametrize(
    ("prefix", "said"), [("2", "no lesson starts"), ("0", "several lessons start")]
)
def test_a_prefix_must_name_one_lesson(prefix, said):
    with pytest.raises(ValueError, match=f"{said} with '{prefix}'; there are: 00_a, 01_b"):
        choose(prefix, ["00_a", "01_b"])


def test_copying_never_overwrites(course, work):
    said: list[str] = []
    copy_lessons(course, work, said.append)
    notebook = work / NAME / f"{NAME}.ipynb"
    assert notebook.read_bytes() == (course / NAME / f"{NAME}.ipynb").read_bytes()
    assert (work / NAME / "data.csv").exists()
    assert len(said) == 2
    notebook.write_text("mine")
    (work / NAME / "data.csv").unlink()
    said.clear()
    copy_lessons(course, work, said.append)
    assert notebook.read_text() == "mine"
    assert (work / NAME / "data.csv").exists()
    assert said == [f"Kept as you left it: {NAME}, 01_next"]


def test_a_newer_release_is_announced_and_grafted(course, work):
    said: list[str] = []
    copy_lessons(course, work, said.append)
    path = work / NAME / f"{NAME}.ipynb"
    mine = read_notebook(path)
    mine.cells[1].source = "def double(x):\n    return x + x"
    mine.cells.append(own("double(3)"))
    write_notebook(path, mine)
    newer = small_lesson()
    newer.cells[0] = prose("# New words")
    newer.cells[5] = answer("halve", doc="New stub.")
    write_notebook(course / NAME / f"{NAME}.ipynb", newer)
    said.clear()
    copy_lessons(course, work, said.append)
    assert f"There is a newer {NAME}" in said[-1]
    before = path.read_bytes()
    said.clear()
    update_lesson(course, work, NAME, said.append)
    assert (work / NAME / f"{NAME}.backup-1.ipynb").read_bytes() == before
    text = path.read_text()
    assert all(words in text for words in ("return x + x", "# New words", "New stub", "double(3)"))
    assert "answers kept: double; still open" in said[0]
    said.clear()
    update_lesson(course, work, NAME, said.append)
    copy_lessons(course, work, said.append)
    assert said == [f"{NAME} is up to date already.", f"Kept as you left it: {NAME}, 01_next"]
    assert len(list((work / NAME).glob("*.backup-*"))) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\r\n", "not UTF-8"),
        (b'{"cells": [', "cut short"),
        (b"", "cut short"),
        (b"<html></html>", "not a notebook"),
        (b"[1]", "no nbformat"),
        (b'{"nbformat": 3, "worksheets": []}', "format 3; wanted 4"),
        (b'{"nbformat": 5, "cells": []}', "format 5; wanted 4"),
        (b'{"nbformat": 4}', "no list of cells"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "odd"}]}', "cell 1: not a cell"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 3}]}', "not text"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_a_broken_copy_is_named_and_left_alone(course, work, content, said):
    copy_lessons(course, work, str)
    path = work / NAME / f"{NAME}.ipynb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said) as raised:
        update_lesson(course, work, NAME)
    assert str(path) in str(raised.value)
    assert path.read_bytes() == content
    assert not list((work / NAME).glob("*.backup-*"))


def test_a_notebook_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "bom.ipynb"
    write_notebook(path, small_lesson())
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_notebook(path) == small_lesson()


def test_the_course_is_found_from_inside_the_repository(root):
    assert find_course(root / "tests") == root / "course"


def test_the_course_is_found_from_anywhere(root, tmp_path):
    assert find_course(tmp_path) == root / "course"


def test_without_jupyterlab_one_line_says_how_to_get_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(serve.importlib.util, "find_spec", lambda _: None)
    assert serve.serve(tmp_path, "a.ipynb") == 1
    assert 'pip install "grokedu[learn,lab]"' in capsys.readouterr().err


def test_without_a_screen_no_browser_is_tried(monkeypatch):
    monkeypatch.setattr(serve.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setattr(serve.webbrowser, "get", pytest.fail)
    assert not serve._open("http://localhost:1")


def test_a_text_browser_is_never_opened(monkeypatch):
    class Lynx:
        name = "lynx"
        open = staticmethod(pytest.fail)

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(serve.webbrowser, "get", Lynx)
    assert not serve._open("http://localhost:1")


def test_a_taken_port_is_passed_over():
    with serve.socket.socket() as taken:
        taken.bind(("localhost", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert serve.first_free_port(port) > port


def test_learn_serves_the_lesson_and_ctrl_c_stops_it(tmp_path):
    command = [sys.executable, "-m", "grokedu.cli", "learn", "00", "--no-browser"]
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A terminal's child hears Ctrl-C, also where whoever runs the tests does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        said = ""
        assert process.stdout is not None
        while "Ctrl-C" not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        page = re.search(r"http://localhost:\d+/lab/tree/00_\S+\?token=\w+", said)
        assert page, said
        with urllib.request.urlopen(page[0], timeout=30) as reply:
            assert reply.status == 200
        os.kill(process.pid, signal.SIGINT)
        assert process.wait(timeout=30) == 0
        time.sleep(0.2)
        with pytest.raises(OSError, match="refused"):
            urllib.request.urlopen(page[0], timeout=5)
    finally:
        process.kill()
        process.wait()
