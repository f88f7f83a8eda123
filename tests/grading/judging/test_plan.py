from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from traitlets.config import Config

from grokedu.grading.judging.assess import case_seed
from grokedu.grading.judging.plan import (
    Plan,
    answers_given,
    grading_seed,
    make_plan,
    references,
)
from grokedu.grading.judging.preprocessors import settings
from grokedu.lessons import find


@pytest.fixture
def release(root):
    return root / "course" / "00_start_here" / "00_start_here.ipynb"


def test_the_seed_is_made_once_and_only_its_owner_reads_it(tmp_path):
    file = tmp_path / "gradebook" / "seed"
    first = grading_seed(file)
    assert grading_seed(file) == first
    assert first.bit_length() == 128
    assert os.listdir(file.parent) == ["seed"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert grading_seed(tmp_path / "other") != first


def test_the_environment_comes_before_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("GROKEDU_GRADING_SEED", "20260101")
    assert grading_seed(tmp_path / "seed") == 20260101
    assert not (tmp_path / "seed").exists()


@pytest.mark.parametrize("links", [True, False])
def test_first_runs_at_the_same_time_agree_on_the_seed(links, tmp_path, monkeypatch):
    def no_links(*_):
        raise PermissionError("no hard links here")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    file = tmp_path / "gradebook" / "seed"
    with ThreadPoolExecutor(8 if links else 1) as pool:
        assert len(set(pool.map(grading_seed, [file] * 32))) == 1
    assert os.listdir(file.parent) == ["seed"]


GUESSED = [
    "abc",
    "-1",
    "1.5",
    "0",
    "7",
    "1234567",
    "00000000",
    "0000000007",
    "²" * 9,
    "٣" * 9,
    "9" * 101,
]


@pytest.mark.parametrize("given", GUESSED)
def test_a_seed_that_is_no_number_or_could_be_guessed_is_refused(given, tmp_path, monkeypatch):
    monkeypatch.setenv("GROKEDU_GRADING_SEED", given)
    with pytest.raises(ValueError, match="wanted a whole number of at least 8 digits") as refused:
        grading_seed(tmp_path / "seed")
    assert "secrets.randbits(128)" in str(refused.value)
    assert not (tmp_path / "seed").exists()


@pytest.mark.parametrize(
    ("content", "what"),
    [(b"", "empty"), (b"\n", "empty"), (b"12", "damaged"), (b"\xff", "damaged")],
)
def test_a_seed_file_that_holds_none_is_named_and_left_alone(content, what, tmp_path):
    file = tmp_path / "seed"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=f"seed is {what}; wanted .* Put your copy of it back"):
        grading_seed(file)
    assert file.read_bytes() == content


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
@pytest.mark.parametrize("name", ["cell_seconds", "check_seconds", "student_seconds"])
def test_a_time_that_is_none_is_refused(release, name, seconds):
    with pytest.raises(ValueError, match=f"{name} is .*; wanted a time above 0"):
        make_plan("00_start_here", find, release, 1, **{name: seconds})


def test_what_the_course_s_configuration_says_holds():
    default = settings(Config())
    assert default == {
        "cell_seconds": Plan.cell_seconds,
        "check_seconds": Plan.check_seconds,
        "student_seconds": Plan.student_seconds,
        "seed_file": "gradebook/seed",
        "sandbox": True,
    }
    config = Config()
    config.LessonStep.check_seconds = 5
    config.LessonStep.sandbox = False
    assert settings(config) == default | {"check_seconds": 5.0, "sandbox": False}
    config.LessonStep.cell_seconds = "long"
    with pytest.raises(ValueError, match=r"c\.LessonStep: .*cell_seconds"):
        settings(config)


def test_students_work_and_answers_stay_out_of_the_sandbox(release, tmp_path, monkeypatch):
    (tmp_path / "gradebook").mkdir()
    (tmp_path / "nbgrader_config.py").touch()
    there = tuple(str(tmp_path / name) for name in ("gradebook", "nbgrader_config.py"))
    assert make_plan("00_start_here", find, release, 1, course=tmp_path).hidden == there
    assert make_plan("00_start_here", find, release, 1).hidden == ()
    (tmp_path / "solutions" / "private").mkdir(parents=True)
    monkeypatch.setenv("GROKEDU_LESSONS", str(tmp_path / "solutions" / "private"))
    hidden = make_plan("00_start_here", find, release, 1, course=tmp_path).hidden
    assert hidden == (*there, str(tmp_path / "solutions"))


def test_a_plan_needs_a_release_and_a_seed(release):
    with pytest.raises(ValueError, match="`grokedu build 00_start_here` makes it"):
        make_plan("00_start_here", find, release.with_name("no.ipynb"), 1)
    with pytest.raises(ValueError, match="a grading seed of 0"):
        make_plan("00_start_here", find, release, 0)


def test_answers_are_given_as_released(release):
    plan = make_plan("00_start_here", find, release, 1)
    given = answers_given(plan)
    assert list(given) == ["weight_norm"]
    assert "raise NotImplementedError" in given["weight_norm"]


def test_references_of_the_library_are_named_and_none_of_a_private_lesson_is_told(release):
    found = dict(references(find("01")))
    assert found["modular_addition"] == "grokedu.tasks.modular:modular_addition"
    assert make_plan("00_start_here", find, release, 1).references
    private = make_plan("00_start_here", find, release, 1, published="elsewhere.")
    assert private.references == ()


def test_every_part_of_a_submission_changes_its_cases(release):
    plan = make_plan("00_start_here", find, release, 123456789)
    parts = (plan.seed, plan.lesson, "weight_norm", "ada", "def weight_norm(): ...")
    seeds = {case_seed(*parts)}
    for place, other in enumerate((1, "01", "forward", "ben", "pass")):
        seeds.add(case_seed(*parts[:place], other, *parts[place + 1 :]))
    assert len(seeds) == 6
    assert case_seed(*parts) == case_seed(*parts)
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert replace(plan, seed=5).digest == plan.digest
