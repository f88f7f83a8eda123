"""Progress: whole files, kept and carried, whatever state the folder and the files are in."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grokedu.classroom.files import write_whole
from grokedu.classroom.learning import progress

HALF = {"points": 1.5, "of": 3.0, "outcome": "partly"}
FULL = {"points": 3.0, "of": 3.0, "outcome": "correct"}


def entry_file(home):
    return home / "progress" / "01_grokking" / "forward.json"


def test_what_is_written_is_read(home):
    assert progress.home() == home
    assert progress.read("01_grokking", "forward") == {}
    progress.write("01_grokking", "forward", HALF)
    progress.write("00_start_here", "weight_norm", {"hints": 2})
    assert progress.read("01_grokking", "forward") == HALF
    assert progress.everything() == {
        "00_start_here": {"weight_norm": {"hints": 2}},
        "01_grokking": {"forward": HALF},
    }
    assert [path.name for path in entry_file(home).parent.iterdir()] == ["forward.json"]
    progress.forget("01_grokking", "forward")
    progress.forget("01_grokking", "forward")
    assert progress.read("01_grokking", "forward") == {}


def test_without_a_setting_it_is_the_systems_place(monkeypatch):
    monkeypatch.setenv("GROKEDU_HOME", "")
    assert progress.home().name == "grokedu"
    assert progress.home().is_absolute()


@pytest.mark.parametrize("name", ["", "..", "a/b", "../x", ".hidden", "x" * 101, "a b", "a\n"])
def test_names_cannot_leave_the_folder(name):
    for lesson, entry in ((name, "x"), ("x", name)):
        with pytest.raises(ValueError, match="not a name for progress"):
            progress.write(lesson, entry, {})
        with pytest.raises(ValueError, match="not a name for progress"):
            progress.read(lesson, entry)


DAMAGED = [
    b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"points": "many"}',
    b'{"points": NaN, "hints": -5}', b'{"points": 1e300, "hints": "x"}', b'{"hints": 1e9}',
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGED, ids=lambda content: str(content[:30]))
def test_a_damaged_file_is_an_empty_entry_that_can_be_written_again(home, content):
    file = entry_file(home)
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    assert progress.read("01_grokking", "forward") == {}
    assert progress.everything() == {}
    progress.write("01_grokking", "forward", FULL)
    assert progress.read("01_grokking", "forward") == FULL


def test_what_else_is_in_the_folder_does_no_harm(home):
    progress.write("01_grokking", "forward", HALF)
    entry_file(home).with_name("forward (conflicted copy).json").write_text("{}")
    entry_file(home).with_name("folder.json").mkdir()
    (home / "progress" / "my notes").mkdir()
    (home / "progress" / "my notes" / "x.json").write_text('{"points": 1}')
    assert progress.everything() == {"01_grokking": {"forward": HALF}}


@pytest.fixture
def no_home(home, monkeypatch):
    """A place where nothing can be written, even by root."""
    home.write_text("a file, not a folder")
    monkeypatch.setattr(progress, "_unwritten", {})
    return home


def test_where_nothing_can_be_written_it_is_kept_while_the_process_lives(no_home, tmp_path):
    assert progress.read("01_grokking", "forward") == {}
    progress.write("01_grokking", "forward", HALF)
    assert progress.read("01_grokking", "forward") == HALF
    assert progress.everything() == {"01_grokking": {"forward": HALF}}
    saved = json.loads(progress.save_to(tmp_path / "saved.json").read_text())
    assert saved["lessons"] == {"01_grokking": {"forward": HALF}}
    progress.forget("01_grokking", "forward")
    assert progress.read("01_grokking", "forward") == {}
    assert no_home.read_text() == "a file, not a folder"


def test_saved_in_one_place_and_restored_in_another(tmp_path, monkeypatch):
    progress.write("01_grokking", "forward", HALF)
    progress.write("01_grokking", "claim-norm", {"prediction": "it falls"})
    file = progress.save_to(tmp_path / "mine.json")
    monkeypatch.setenv("GROKEDU_HOME", str(tmp_path / "elsewhere"))
    assert progress.everything() == {}
    assert progress.restore_from(file) == 2
    assert progress.read("01_grokking", "forward") == HALF
    assert progress.read("01_grokking", "claim-norm") == {"prediction": "it falls"}
    assert progress.save_to(tmp_path / "again.json").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(("here", "there"), [(HALF, FULL), (FULL, HALF), (FULL, {"hints": 1})])
def test_more_points_stay(tmp_path, here, there):
    progress.write("01_grokking", "forward", there)
    file = progress.save_to(str(tmp_path / "saved.json"))
    progress.write("01_grokking", "forward", here)
    progress.restore_from(file)
    assert progress.read("01_grokking", "forward") == FULL


def saved(**lessons) -> bytes:
    return json.dumps({"format": progress.FORMAT, "lessons": lessons}).encode()


NOT_SAVED = {
    "nothing": b"",
    "cut short": saved(a={"b": HALF})[:-5],
    "not text": b"\xff\xfe\x00",
    "another format": b'{"format": "grokedu-progress-9", "lessons": {}}',
    "a list": b"[]",
    "lessons in a list": b'{"format": "grokedu-progress-1", "lessons": [1]}',
    "a lesson in a list": saved(a=[1]),
    "an entry that is none": saved(a={"b": FULL, "c": 5}),
    "a name that leaves": saved(a={"b": FULL}, **{"../../etc": {"x": HALF}}),
    "nested": b"[" * 100_000,
}


@pytest.mark.parametrize("kind", NOT_SAVED)
def test_a_file_that_is_not_ours_is_refused_and_changes_nothing(tmp_path, kind):
    progress.write("01_grokking", "forward", HALF)
    file = tmp_path / "given.json"
    file.write_bytes(NOT_SAVED[kind])
    with pytest.raises(ValueError, match=r"given\.json .*wanted a file made by `grokedu progress"):
        progress.restore_from(file)
    assert progress.everything() == {"01_grokking": {"forward": HALF}}


json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.dictionaries(st.sampled_from(["points", "of", "hints", "outcome", "x"]), json_values))
def test_any_restored_entry_can_be_lived_with(tmp_path, monkeypatch, data):
    folder = tmp_path / str(len(os.listdir(tmp_path)))
    monkeypatch.setenv("GROKEDU_HOME", str(folder))
    file = tmp_path / "given.json"
    file.write_bytes(saved(a={"b": data}))
    progress.restore_from(file)
    kept = progress.read("a", "b")
    assert 0 <= kept.get("points", 0) + kept.get("of", 0) < 1e7
    assert kept.get("hints", 0) in range(4)


def test_a_file_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "x.json"
    write_whole(file, "one")

    def fails(*args):
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fails)
    with pytest.raises(OSError, match="disk is full"):
        write_whole(file, "two")
    assert file.read_text() == "one"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["x.json"]
