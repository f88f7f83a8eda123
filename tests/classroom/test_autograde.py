from __future__ import annotations

import os
import stat

import pytest
from nbgrader.converters import Autograde
from nbgrader.preprocessors import Execute

from grokedu.classroom.autograde import SeededExecute, grading_seed, preprocessors


def test_the_seed_is_made_once_and_only_its_owner_reads_it(tmp_path):
    file = tmp_path / "gradebook" / "seed"
    first = grading_seed(file)
    assert grading_seed(file) == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert grading_seed(tmp_path / "other") != first


def test_the_environment_comes_before_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv("GROKEDU_GRADING_SEED", "7")
    assert grading_seed(tmp_path / "seed") == 7
    assert not (tmp_path / "seed").exists()


@pytest.mark.parametrize("given", ["abc", "-1", "1.5"])
def test_a_seed_that_is_no_number_is_refused(given, tmp_path, monkeypatch):
    monkeypatch.setenv("GROKEDU_GRADING_SEED", given)
    with pytest.raises(ValueError, match=f"holds '{given}'; wanted a whole number"):
        grading_seed(tmp_path / "seed")


def test_only_the_kernel_that_grades_knows_the_seed(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        Execute, "preprocess", lambda *_: seen.append(os.environ.get("GROKEDU_GRADING_SEED"))
    )
    SeededExecute(seed_file=str(tmp_path / "seed")).preprocess(None, {})
    assert seen == [(tmp_path / "seed").read_text().strip()]
    assert "GROKEDU_GRADING_SEED" not in os.environ


def test_the_other_steps_of_grading_are_nbgraders():
    stock = Autograde().autograde_preprocessors
    assert [Execute if step is SeededExecute else step for step in preprocessors()] == stock
    assert SeededExecute in preprocessors()
