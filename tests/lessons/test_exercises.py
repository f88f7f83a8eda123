"""Every exercise of every lesson: right answers pass, known wrong ones are told apart."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
import torch

from grokedu.classroom.checking.call import local
from grokedu.classroom.checking.exercise import LEVELS, Exercise
from grokedu.classroom.checking.judge import judge
from grokedu.classroom.checking.source import stub
from grokedu.lessons import available, find
from tests.lessons.variants import VARIANTS

SEEDS = range(20)
LESSONS = {name: find(name) for name in available()}
EXERCISES = [
    pytest.param(exercise, id=f"{lesson.name}/{exercise.id}")
    for lesson in LESSONS.values()
    for exercise in lesson.exercises.values()
]
every_exercise = pytest.mark.parametrize("exercise", EXERCISES)


@pytest.fixture(autouse=True)
def _own_progress(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROKEDU_HOME", str(tmp_path))


def verdict_on(exercise: Exercise, answer: object, seed: int = 0, level: str = "visible"):
    return judge(exercise, local({exercise.id: answer}), seed, level)


@every_exercise
def test_the_reference_is_right(exercise: Exercise) -> None:
    for level in LEVELS:
        for seed in SEEDS:
            verdict = verdict_on(exercise, exercise.reference, seed, level)
            assert verdict.correct, str(verdict)


@every_exercise
def test_other_ways_to_be_right_are_accepted(
    exercise: Exercise, request: pytest.FixtureRequest
) -> None:
    variants = VARIANTS[request.node.callspec.id]
    assert len(variants) >= 3
    for variant in variants:
        for level in LEVELS:
            for seed in SEEDS:
                verdict = verdict_on(exercise, variant, seed, level)
                assert verdict.correct, f"{variant.__name__}, seed {seed}, {level}\n{verdict}"


@every_exercise
def test_misconceptions_are_rejected_in_their_own_words(exercise: Exercise) -> None:
    assert len(exercise.misconceptions) >= 3
    assert len({known.message for known in exercise.misconceptions}) == len(exercise.misconceptions)
    for known in exercise.misconceptions:
        for level in LEVELS:
            for seed in SEEDS:
                verdict = verdict_on(exercise, known.answer, seed, level)
                told = f"{known.name}, seed {seed}, {level}\n{verdict}"
                assert not verdict.correct, told
                assert verdict.findings.misconception == known.message, told


@every_exercise
def test_the_stub_is_not_attempted(exercise: Exercise) -> None:
    names: dict[str, object] = {}
    exec("from __future__ import annotations\n" + stub(exercise.reference), names)
    verdict = verdict_on(exercise, names[exercise.id])
    assert (verdict.outcome, float(verdict)) == ("not attempted", 0.0)


BAD = {
    "None": (lambda *_, **__: None, "did you forget a `return`?"),
    "a string": (lambda *_, **__: "five", "is a string, wanted"),
    "a wrong shape": (lambda *_, **__: torch.zeros(3, 1, 2, 5), "shape (3, 1, 2, 5), wanted"),
    "nan": (lambda *_, **__: torch.tensor(float("nan")), "nan|wanted"),
    "no data": (lambda *_, **__: object(), "what it returned could not be read: a object"),
    "an exception": (lambda *_, **__: {}["missing"], "it raised KeyError: 'missing'"),
}


@every_exercise
@pytest.mark.parametrize("kind", BAD)
def test_bad_answers_get_a_clear_message(exercise: Exercise, kind: str) -> None:
    answer, words = BAD[kind]
    verdict = verdict_on(exercise, answer)
    failure = verdict.findings.failure
    # Where a case wants a refusal, an answer that raises is right in it, and in it alone.
    wanted = "crashed" if kind == "an exception" else "incorrect"
    assert verdict.outcome in (wanted, "partly")
    refusals = {case.group for case in exercise.make_cases(0, "visible") if case.probe == "refusal"}
    assert float(verdict) <= sum(exercise.points[group] for group in refusals)
    assert verdict.findings.advice
    if exercise.judge is None or kind in ("no data", "an exception"):
        assert re.search(words if "|" in words else re.escape(words), failure.found)
    if kind == "an exception":
        assert '{}["missing"]' in failure.line


@every_exercise
def test_an_endless_loop_is_stopped(exercise: Exercise, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(*_: object, **__: object) -> None:
        while True:
            pass

    verdict_on(exercise, exercise.reference)
    monkeypatch.setattr(exercise, "seconds", 0.3)
    verdict = verdict_on(exercise, endless)
    assert verdict.outcome == "timed out"
    assert "it was still running after 0.3 s, and was stopped" in verdict.findings.failure.found


@every_exercise
def test_a_check_is_quick(exercise: Exercise) -> None:
    verdict_on(exercise, exercise.reference)
    took = []
    for _ in range(5):
        start = time.process_time()
        verdict_on(exercise, exercise.reference)
        took.append(time.process_time() - start)
    assert sorted(took)[2] < 0.2


@every_exercise
def test_grading_uses_other_inputs(exercise: Exercise) -> None:
    visible = [case.inputs() for case in exercise.make_cases(0, "visible")]
    graded = [case.inputs() for case in exercise.make_cases(0, "grading")]
    assert visible != graded
    assert len(visible) == len(graded)


@every_exercise
def test_no_type_of_number_makes_zeros_right(exercise: Exercise) -> None:
    def zeros(like: object, dtype: torch.dtype) -> object:
        if isinstance(like, torch.Tensor) and like.is_floating_point():
            return torch.zeros(like.shape, dtype=dtype)
        if isinstance(like, float):
            return torch.tensor(0.0, dtype=dtype)
        return like

    for dtype in (torch.bfloat16, torch.float16, torch.float32, torch.float64):
        verdict = verdict_on(
            exercise, lambda *a, _t=dtype, **k: zeros(exercise.reference(*a, **k), _t)
        )
        if any(isinstance(r.result, (torch.Tensor, float)) for r in expected(exercise)):
            assert not verdict.correct, str(verdict)


def expected(exercise: Exercise):
    return exercise.expected(exercise.make_cases(0, "visible"))
