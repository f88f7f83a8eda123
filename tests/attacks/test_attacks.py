"""The corpus, handed in by one class with honest work between: nothing forged, lost or leaked."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from nbformat.v4 import new_code_cell

from grokedu.grading.intake.naming import substitute_id
from grokedu.grading.judging.assess import case_seed
from grokedu.grading.result import Result, Status
from grokedu.grading.sandbox.sandbox import why_not
from grokedu.lessons import find as find_lesson
from tests.attacks.corpus import (
    GROKKING,
    HALF,
    REVIEW,
    ROOT,
    TOY,
    Attack,
    everything,
    find,
    lay,
    read,
    release,
    solved,
    written,
)
from tests.attacks.run_batch import HONEST, SEED

pytestmark = [
    pytest.mark.attacks,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "a sandbox can be made"),
]
# A hang is a failure, not a wait: some times what either batch takes on two busy cores.
QUICK_SECONDS, FULL_SECONDS = 240, 900
# What an honest learner's code sees of the sandbox: the same, whoever was there before.
LOOKS_AROUND = """\
import os, resource
print(sorted(os.listdir("/tmp")), os.listdir("/dev/shm"), os.nice(0), os.getcwd())
print([resource.getrlimit(getattr(resource, f"RLIMIT_{name}")) for name in ("CPU", "FSIZE")])
print(resource.getrlimit(resource.RLIMIT_AS)[0] >> 28, sorted(os.environ), os.listxattr("/tmp"))
print(float(weight_norm(torch.tensor([3.0, -4.0]))), torch.tensor([3.0]).square(), len("five"))
"""
CANARIES = {
    "gradebook.db": b"SQLite format 3\x00 scores",
    "seed": f"{SEED}\n".encode(),
    "ledger/ada.json": b'{"points": 2.0}',
    "home/.netrc": b"machine example.org login ada password hunter2",
    "source/00_start_here.ipynb": b'{"cells": []}',
}


@dataclass(frozen=True)
class Handed:
    """What came of one batch."""

    world: Path
    attacks: dict[str, Attack]
    alone: dict[str, Result]
    together: dict[str, Result]
    before: dict[str, Any]


ATTACKS = everything()
QUICK = [attack for attack in ATTACKS if attack.quick]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((QUICK, QUICK_SECONDS), id="quick"),
        pytest.param((ATTACKS, FULL_SECONDS), id="full", marks=pytest.mark.full),
    ],
)
def handed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Handed:
    attacks, seconds = request.param
    world = tmp_path_factory.mktemp("world")
    for name, content in CANARIES.items():
        (world / name).parent.mkdir(exist_ok=True)
        (world / name).write_bytes(content)
    (world / "tmp").mkdir()
    named = hand_in(attacks, world)
    before = looked_at(world)
    run(world, seconds)
    alone, together = {}, {}
    for line in (world / "results.jsonl").read_text(encoding="utf-8").splitlines():
        how, record, notebook = json.loads(line)
        result = Result.from_record(record | {"notebook": notebook})
        (alone if how == "alone" else together)[f"{result.lesson}/{result.student}"] = result
    return Handed(world, named, alone, together, before)


def hand_in(attacks: list[Attack], world: Path) -> dict[str, Attack]:
    """Lay the attacks into folders, with honest work before, between and after; by student's id."""
    named = {}
    for lesson in (TOY, GROKKING):
        submitted = world / "submitted" / lesson
        submitted.mkdir(parents=True)
        of_lesson = [attack for attack in attacks if attack.lesson == lesson]
        for place, attack in enumerate(of_lesson):
            student = attack.student or f"{place:03}-{attack.name}"
            attack.hand_in(submitted, student, world)
            named[f"{lesson}/{substitute_id(student)}"] = attack
            if place % 10 == 0:
                lay(submitted, f"{place:03}-a-{HONEST}", honest(lesson, place // 10), lesson)
        lay(submitted, f"zzz-{HONEST}", honest(lesson, 0), lesson)
    return named


def honest(lesson: str, number: int) -> bytes:
    """All right, half right, or as it was released; the learner looks around where that is fit."""
    if lesson != TOY or number % 3 == 2:
        return written(release(lesson) if number % 3 == 2 else solved(None, lesson))
    notebook = solved({"weight_norm": HALF} if number % 3 else None)
    place = notebook.cells.index(find(notebook, "weight_norm"))
    notebook.cells.insert(place + 1, new_code_cell(LOOKS_AROUND, id="looks-around"))
    return written(notebook)


def looked_at(world: Path) -> dict[str, Any]:
    """All files but what the run itself writes, and when each was changed."""
    found = {}
    for path in sorted(world.rglob("*")):
        own = path.name in ("results.jsonl", "graded") or path.is_relative_to(world / "tmp")
        if not own and not path.is_dir():
            at = path.lstat()
            small = stat.S_ISREG(at.st_mode) and at.st_size < 2**26
            content = path.read_bytes() if small else b""
            told = (at.st_size, at.st_mtime_ns, at.st_mode, at.st_nlink, hash(content))
            found[str(path.relative_to(world))] = told
    return found


def run(world: Path, seconds: float) -> None:
    """Grade in a process of its own, and end it and all it started when it takes too long."""
    environment = os.environ | {
        "HOME": str(world / "home"),
        "TMPDIR": str(world / "tmp"),
        "GROKEDU_GRADING_SEED": str(SEED),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "tests.attacks.run_batch", str(world)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, start_new_session=True)
    try:
        status = process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        left = [path.name for path in below(process.pid)]
        done = "all was graded" if (world / "graded").exists() else "not all was graded"
        pytest.fail(f"after {seconds:g} s {done}, and these processes were there: {left}")
    finally:
        for path in below(process.pid):
            os.kill(int(path.name), signal.SIGKILL)
        process.kill()
        process.wait()
    assert status == 0


def below(parent: int) -> Iterator[Path]:
    """The processes that one started, and those that they did."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            ppid = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        if ppid == parent:
            yield from below(int(path.name))
            yield path


def test_every_attack_is_there_once_and_says_what_it_tries() -> None:
    names = [attack.name for attack in ATTACKS]
    assert len(set(names)) == len(names) >= 70
    assert len({attack.tries for attack in ATTACKS}) == len(names)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in names)
    assert all(10 < len(attack.tries) < 110 for attack in ATTACKS)
    assert 3 * len(QUICK) >= len(ATTACKS)


def test_each_earns_what_an_honest_judge_gives(handed: Handed) -> None:
    wrong = {}
    for student, attack in handed.attacks.items():
        result = handed.together.get(student)
        if result is None:
            wrong[attack.name] = "not graded at all"
        elif attack.earns == REVIEW:
            if result.status != Status.NEEDS_REVIEW or not all(result.reasons) or result.points:
                wrong[attack.name] = f"{result.status}, {result.points}, {result.reasons}"
        else:
            earned = {id: each["points"] for id, each in result.exercises.items()}
            wanted = {id: each["of"] for id, each in result.exercises.items()} | dict(attack.earns)
            if result.status != Status.GRADED or earned != wanted:
                wrong[attack.name] = f"{result.status}, {earned}, {result.reasons}"
    assert wrong == {}


def test_what_else_each_must_not_do(handed: Handed) -> None:
    for student, attack in handed.attacks.items():
        if attack.also is not None:
            attack.also(handed.together[student])


def test_honest_work_is_graded_as_it_is_alone(handed: Handed) -> None:
    assert handed.alone
    for student, alone in handed.alone.items():
        together = handed.together[student]
        for name in ("status", "points", "exercises", "reasons", "flags"):
            assert getattr(together, name) == getattr(alone, name), student
        assert json.loads(together.notebook) == json.loads(alone.notebook), student
    points = sorted({result.points for result in handed.alone.values() if result.lesson == TOY})
    assert points == [0.0, 1.0, 2.0][-len(points) :] or points == [0.0, 1.0, 2.0]


def test_nothing_outside_is_touched_and_nothing_left_behind(handed: Handed) -> None:
    assert looked_at(handed.world) == handed.before
    left = [path.name for path in (handed.world / "tmp").iterdir()]
    assert [name for name in left if not name.startswith("torchinductor_")] == []


def test_no_result_tells_a_seed_or_a_secret(handed: Handed) -> None:
    secrets = [str(SEED), "hunter2", "SQLite format 3"]
    for result in handed.together.values():
        told = json.dumps([result.notebook, result.answers, result.flags, result.reasons])
        code = "\0".join(
            cell.source for cell in read(result.notebook).cells if cell.cell_type == "code"
        )
        derived = [
            str(case_seed(SEED, result.lesson, id, result.student, code))
            for id in find_lesson(result.lesson).exercises
        ]
        for secret in (*secrets, *derived):
            assert secret not in told, result.student


def test_every_graded_notebook_is_sound_and_no_cell_says_that_it_escaped(handed: Handed) -> None:
    for result in handed.together.values():
        notebook = read(result.notebook)
        json.dumps(notebook, ensure_ascii=False).encode("utf-8")
        printed = json.dumps([cell.get("outputs") for cell in notebook.cells])
        assert "ESCAPED" not in printed, result.student
        scores = [cell.outputs for cell in notebook.cells if cell.id.endswith("-check")]
        if result.status == Status.GRADED:
            assert sum(float(each[0].data["text/plain"]) for each in scores) == result.points
