from __future__ import annotations

import stat
from dataclasses import replace

import pytest

from grokedu.classroom.grading.assess import case_seed
from grokedu.classroom.grading.plan import answers_given, grading_seed, make_plan, references
from grokedu.lessons import find


@pytest.fixture
def release(root):
    return root / "course" / "00_start_here" / "00_start_here.ipynb"


def test_the_seed_is_made_once_and_only_its_owner_reads_it(tmp_path):
    file = tmp_path / "gradebook" / "seed"
    first = grading_seed(file)
    assert grading_seed(file) == first > 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert grading_seed(tmp_path / "other") != first


def test_the_environment_comes_before_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("GROKEDU_GRADING_SEED", "7")
    assert grading_seed(tmp_path / "seed") == 7
    assert not (tmp_path / "seed").exists()


@pytest.mark.parametrize("given", ["abc", "-1", "1.5", "0"])
def test_a_seed_that_is_no_number_above_0_is_refused(given, tmp_path, monkeypatch):
    monkeypatch.setenv("GROKEDU_GRADING_SEED", given)
    with pytest.raises(ValueError, match=f"holds '{given}'; wanted a whole number"):
        grading_seed(tmp_path / "seed")


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
    assert dict(references(find("01")))["modular_addition"] == "grokedu.tasks:modular_addition"
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
