from __future__ import annotations

import json
import multiprocessing
import os
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from grokedu.grading.book.ledger import Ledger, check_student
from grokedu.grading.result import Result, Status

LESSON = "00_start_here"
EXERCISE = {"outcome": "correct", "points": 2.0, "of": 2.0, "version": 1, "misconception": ""}


def result(student: str = "ada", points: float = 2.0, **changes: Any) -> Result:
    values: dict[str, Any] = {
        "status": Status.GRADED,
        "flags": ("like ben's",),
        "exercises": {"weight_norm": EXERCISE | {"points": points}},
        "answers": {"weight_norm": "def weight_norm(w):\n    return w.norm()\n"},
        "notebook": "{}",
        "submission": "a" * 64,
        "release": "b" * 64,
        "seed": 20260101,
        "sandbox": "bubblewrap",
        "seconds": 0.5,
    }
    return Result(student=student, lesson=LESSON, **values | changes)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "gradebook" / "ledger")


def test_a_result_comes_back_without_its_notebook(ledger: Ledger):
    given = result(status=Status.NEEDS_REVIEW, reasons=("it ended \ud800 early", "\x00"))
    assert ledger.read(LESSON, "ada") is None
    ledger.write(given)
    back = ledger.read(LESSON, "ada")
    assert back is not None
    assert back.record() == given.record()
    assert back.notebook == ""


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_only_the_owner_reads_the_seed(ledger: Ledger):
    ledger.folder.mkdir(parents=True, mode=0o755)
    ledger.write(result())
    file = ledger.file(LESSON, "ada")
    assert "20260101" in file.read_text()
    modes = [path.stat().st_mode & 0o777 for path in (file, file.parent, ledger.folder)]
    assert modes == [0o600, 0o700, 0o700]


IDS = ["ada", "Ada", "ADA", "José", "Jose\u0301", "a b", "a_b", "名前", "😀", "x" * 128, "12345"]


def test_files_stay_apart_where_case_and_composition_do_not_count(ledger: Ledger):
    names = [ledger.file(LESSON, student).name for student in IDS]
    folded = {unicodedata.normalize("NFKC", name).casefold() for name in names}
    assert len(folded) == len(IDS)
    assert all(name.isascii() and len(name) < 100 for name in names)
    for student in IDS:
        ledger.write(result(student))
    assert sorted(ledger.all(LESSON).results) == sorted(IDS)


@pytest.mark.parametrize(
    "student",
    [
        "",
        " ada",
        "ada\n",
        ".",
        "..",
        "...",
        "é" * 121,
        "a/b",
        "a\\b",
        "a\0b",
        "a\u202eb",
        "x" * 129,
        "\ud800",
    ],
)
def test_ids_that_could_lead_elsewhere_are_refused(ledger: Ledger, student: str):
    with pytest.raises(ValueError, match="cannot be a student's id"):
        check_student(student)
    with pytest.raises(ValueError, match="student-03"):
        ledger.write(result(student))
    assert not ledger.folder.exists()


@pytest.mark.parametrize("lesson", ["", "..", "a/b", ".hidden"])
def test_a_lesson_cannot_lead_elsewhere(ledger: Ledger, lesson: str):
    with pytest.raises(ValueError, match="name of a lesson"):
        ledger.file(lesson, "ada")


def test_the_history_keeps_what_was_replaced_but_no_answers(ledger: Ledger):
    for points, seed in ((0.0, 1), (1.0, 2), (2.0, 3)):
        ledger.write(result(points=points, seed=seed))
    before = ledger.history(LESSON, "ada")
    assert [(each["points"], each["seed"]) for each in before] == [
        ({"weight_norm": 0.0}, 1),
        ({"weight_norm": 1.0}, 2),
    ]
    assert before[0].keys() == {"time", "status", "seed", "submission", "release", "points"}
    assert ledger.history(LESSON, "ben") == []


def test_recording_the_same_again_changes_nothing(ledger: Ledger):
    ledger.write(result())
    file = ledger.file(LESSON, "ada")
    before = file.read_bytes(), file.stat().st_mtime_ns
    ledger.write(result(seconds=9.0))
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before


def test_a_submission_is_finished_only_as_it_was_handed_in(ledger: Ledger):
    assert not ledger.finished(LESSON, "ada", "a" * 64)
    ledger.write(result())
    assert ledger.finished(LESSON, "ada", "a" * 64)
    assert not ledger.finished(LESSON, "ada", "c" * 64)
    ledger.write(result("ben", submission=""))
    assert not ledger.finished(LESSON, "ben", "")


def damage(content: bytes, how: str) -> bytes:
    data = json.loads(content)
    if how == "cut short":
        return content[:-40]
    if how == "another format":
        return json.dumps(data | {"format": 2}).encode()
    if how == "a field less":
        return json.dumps({k: v for k, v in data.items() if k != "exercises"}).encode()
    if how == "points of no number":
        data["exercises"]["weight_norm"]["points"] = "all"
    if how == "someone else's":
        data["student"] = "ben"
    if how == "a list":
        return b"[1]"
    if how == "nested":
        return b"[" * 100_000
    return json.dumps(data).encode() if how != "no text" else b"\xff\xfe\x00"


@pytest.mark.parametrize(
    "how",
    [
        "cut short",
        "another format",
        "a field less",
        "points of no number",
        "someone else's",
        "a list",
        "nested",
        "no text",
    ],
)
def test_a_damaged_record_is_named_and_kept(ledger: Ledger, how: str):
    ledger.write(result())
    ledger.write(result("cem"))
    file = ledger.file(LESSON, "ada")
    damaged = damage(file.read_bytes(), how)
    file.write_bytes(damaged)
    with pytest.raises(ValueError, match=file.name):
        ledger.read(LESSON, "ada")
    with pytest.raises(ValueError, match=file.name):
        ledger.history(LESSON, "ada")
    assert not ledger.finished(LESSON, "ada", "a" * 64)

    if how != "someone else's":
        records = ledger.all(LESSON)
        assert list(records.results) == ["cem"]
        assert list(records.damaged) == [file]
        assert file.name in records.damaged[file]

    ledger.write(result(points=1.0))
    again = ledger.read(LESSON, "ada")
    assert again is not None
    assert again.points == 1.0
    aside = ledger.history(LESSON, "ada")[0]["damaged"]
    assert (file.parent / aside).read_bytes() == damaged


def shapes() -> dict[str, dict[str, Any]]:
    """Changes to a record after which it is none, each by what is wrong with it."""
    return {
        "answers null": {"answers": None},
        "an answer that is no text": {"answers": {"weight_norm": 1}},
        "reasons as one text": {"reasons": "it ended early"},
        "seconds without end": {"seconds": float("inf")},
        "time missing": {"time": None},
        "a seed that is true": {"seed": True},
        "history of texts": {"history": ["before"]},
        "exercises as a list": {"exercises": [EXERCISE]},
        **{
            f"{name} {value!r:.12}": {"exercises": {"weight_norm": EXERCISE | {name: value}}}
            for name, value in (
                ("outcome", None),
                ("points", "2"),
                ("points", True),
                ("points", float("nan")),
                ("of", float("inf")),
                ("of", 10**400),
                ("version", 1.0),
                ("misconception", None),
            )
        },
        **{
            f"no {name}": {"exercises": {"weight_norm": {**EXERCISE, name: ...}}}
            for name in EXERCISE
        },
    }


@pytest.mark.parametrize("how", shapes())
def test_a_record_of_another_shape_is_damaged(ledger: Ledger, how: str):
    ledger.write(result())
    file = ledger.file(LESSON, "ada")
    data = json.loads(file.read_text()) | shapes()[how]
    for exercise in data["exercises"].values() if isinstance(data["exercises"], dict) else ():
        for name in [name for name, value in exercise.items() if value is ...]:
            del exercise[name]
    file.write_text(json.dumps(data))
    with pytest.raises(ValueError, match=file.name):
        ledger.read(LESSON, "ada")
    assert not ledger.finished(LESSON, "ada", "a" * 64)
    assert list(ledger.all(LESSON).damaged) == [file]
    ledger.write(result(points=1.0))
    assert ledger.all(LESSON).results["ada"].points == 1.0


def test_a_record_under_another_students_name_is_damaged(ledger: Ledger):
    ledger.write(result())
    file = ledger.file(LESSON, "ada")
    file.rename(ledger.file(LESSON, "ben"))
    records = ledger.all(LESSON)
    assert records.results == {}
    assert list(records.damaged) == [ledger.file(LESSON, "ben")]


def test_points_that_are_no_number_are_refused_and_nothing_is_left(ledger: Ledger):
    with pytest.raises(ValueError, match="JSON"):
        ledger.write(result(points=float("nan")))
    assert not ledger.file(LESSON, "ada").exists()


def record_some(ledger: Ledger, writer: int) -> None:
    for number in range(10):
        ledger.write(result(points=writer + number / 100))


def test_eight_writers_of_one_record_lose_no_history(ledger: Ledger):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=record_some, args=(ledger, each)) for each in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0] * 8
    last = ledger.read(LESSON, "ada")
    assert last is not None
    seen = [each["points"]["weight_norm"] for each in ledger.history(LESSON, "ada")] + [last.points]
    assert sorted(seen) == sorted(each + n / 100 for each in range(8) for n in range(10))
    left = [path.name for path in ledger.file(LESSON, "ada").parent.iterdir()]
    assert set(left) <= {ledger.file(LESSON, "ada").name, ".lock"}
