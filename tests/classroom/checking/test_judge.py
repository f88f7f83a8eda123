"""The judge: each kind of exercise and each outcome, on small exercises of the workbench."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from grokedu.classroom.checking.call import Reply, local
from grokedu.classroom.checking.exercise import Case, Exercise
from grokedu.classroom.checking.judge import judge
from grokedu.classroom.lesson import Lesson
from tests.classroom.workbench import (
    ANSWERS,
    HINTS,
    ForgetsDecay,
    UsesNumpy,
    crashes,
    decay_,
    decay_copies,
    half_square,
    half_square_float,
    half_square_loop,
    in_place,
    noisy,
    noisy_with_normal,
    nothing,
    one_row_only,
    row_means,
    row_means_loop,
    sign_sgd,
    square,
    stub,
)

EXERCISES = [exercise for exercise, _ in ANSWERS]
every_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda exercise: exercise.id)


@pytest.fixture(autouse=True)
def _silent(capfd):
    """No check writes to stderr, whatever it is given."""
    yield
    assert capfd.readouterr().err == ""


def verdict_on(exercise, answer, seed=0, level="visible"):
    return judge(exercise, local({exercise.id: answer}), seed, level)


@every_exercise
@pytest.mark.parametrize("level", ["visible", "grading"])
def test_the_reference_earns_all_points(exercise, level):
    for seed in range(5):
        verdict = verdict_on(exercise, exercise.reference, seed, level)
        assert verdict.correct, str(verdict)
        assert float(verdict) == exercise.max_points
        assert verdict.findings.failure is None
        assert verdict.findings.passed == verdict.findings.total > 0


@pytest.mark.parametrize(
    ("exercise", "variant"),
    [
        (row_means, row_means_loop),
        (row_means, lambda x: x.double().mean(dim=1)),
        (noisy, noisy_with_normal),
        (half_square, half_square_loop),
        (sign_sgd, type("Loop", (sign_sgd.reference,), {})),
        (square, next(a["SquareByHand"] for e, a in ANSWERS if e is square)),
    ],
    ids=lambda given: getattr(given, "id", getattr(given, "__name__", "")),
)
def test_other_ways_to_be_right_are_accepted(exercise, variant):
    for seed in range(5):
        assert verdict_on(exercise, variant, seed).correct


@every_exercise
def test_misconceptions_are_told_in_their_own_words(exercise):
    for known in exercise.misconceptions:
        for seed in range(5):
            verdict = verdict_on(exercise, known.answer, seed)
            assert not verdict.correct
            assert verdict.findings.misconception == known.message
            assert known.message in str(verdict)


@every_exercise
def test_bad_answers_get_their_outcome_and_no_points(exercise):
    for answer, outcome in ((stub, "not attempted"), (crashes, "crashed")):
        verdict = verdict_on(exercise, answer)
        assert (verdict.outcome, float(verdict)) == (outcome, 0.0)
        assert verdict.findings.advice
    verdict = verdict_on(exercise, nothing)
    assert (verdict.correct, float(verdict)) == (False, 0.0)
    assert judge(exercise, local({}), 0).outcome == "not attempted"


@pytest.mark.parametrize(
    ("exercise", "answer", "points", "failed"),
    [
        (row_means, one_row_only, 1.0, "many rows"),
        (half_square, half_square_float, 1.0, "slope"),
        (sign_sgd, ForgetsDecay, 1.0, "two with decay"),
    ],
    ids=["a function", "a gradient", "an optimizer"],
)
def test_a_group_earns_its_points_alone(exercise, answer, points, failed):
    verdict = verdict_on(exercise, answer)
    assert (verdict.outcome, float(verdict)) == ("partly", points)
    assert verdict.findings.failure.case == failed
    assert verdict.findings.misconception == ""
    assert verdict.findings.passed == 1


def test_a_failure_shows_the_call_and_what_was_wanted():
    failure = verdict_on(row_means, lambda x: x.sum(-1)).findings.failure
    assert failure.inputs == "tensor([[1.0, 2.0, 6.0]])"
    assert failure.found == "the result[0] is 9.0, wanted 3.0"
    assert "did you forget a `return`?" in verdict_on(row_means, nothing).findings.failure.found


def test_a_crash_shows_the_learners_line_and_what_it_printed():
    def answer(x):
        print("so far")
        return x.no_such_thing

    failure = verdict_on(row_means, answer).findings.failure
    assert failure.found == "it raised AttributeError: 'Tensor' object has no attribute " + (
        "'no_such_thing'"
    )
    assert failure.line.endswith("of answer: return x.no_such_thing")
    assert failure.printed == "so far"


def test_an_endless_answer_is_stopped_once():
    calls = []

    def endless(x):
        calls.append(1)
        while True:
            pass

    verdict = verdict_on(row_means, endless)
    assert (verdict.outcome, float(verdict), len(calls)) == ("timed out", 0.0, 1)
    assert "still running after 0.5 s" in verdict.findings.failure.found
    assert verdict.findings.total == 2


def test_an_answer_that_is_endless_later_keeps_what_it_earned():
    def sometimes(x):
        while len(x) > 1:
            pass
        return x.mean(-1)

    verdict = verdict_on(row_means, sometimes)
    assert (verdict.outcome, float(verdict)) == ("partly", 1.0)


def test_a_stub_in_one_branch_is_not_the_whole_answer():
    def half(x):
        if len(x) > 1:
            raise NotImplementedError()
        return x.mean(-1)

    verdict = verdict_on(row_means, half)
    assert (verdict.outcome, float(verdict)) == ("partly", 1.0)
    assert verdict.findings.failure.found == "it was not attempted"


def test_changed_inputs_are_caught_and_the_cases_stay_whole():
    verdict = verdict_on(row_means, in_place)
    assert not verdict.correct
    assert "changed its argument number 1 in place" in verdict.findings.failure.found
    assert verdict_on(row_means, row_means.reference).correct

    def changes_keyword(*, x):
        x.zero_()
        return x.sum(-1)

    case = Case("k", "one row", kwargs={"x": torch.ones(1, 2)})
    reply = local({"row_means": changes_keyword})(row_means.request(case))
    assert "changed its argument `x` in place" in row_means.fault(case, reply, reply)
    assert case.kwargs["x"].tolist() == [[1, 1]]


def test_what_the_learner_holds_is_never_changed():
    held = torch.ones(1, 3)

    def answer(x):
        return held.mean(-1)

    verdict_on(row_means, answer)
    assert held.tolist() == [[1, 1, 1]]
    results = []

    def keeps(x):
        results.append(x.mean(-1).requires_grad_())
        return results[-1]

    assert verdict_on(row_means, keeps).correct
    assert all(result.requires_grad and result.grad is None for result in results)


def test_an_exercise_in_place_is_judged_by_what_it_left_behind():
    assert verdict_on(decay_, decay_.reference).correct
    failure = verdict_on(decay_, decay_copies).findings.failure
    assert failure.found == "after the call, argument number 1[0][0] is 1.0, wanted 0.9 " + (
        "(2 of 2 entries differ)"
    )


def test_a_result_cut_off_from_its_inputs_is_a_crash_of_the_probe():
    verdict = verdict_on(square, UsesNumpy)
    assert verdict.outcome == "crashed"
    assert "does not require grad" in verdict.findings.failure.found


def property_judge(case, result):
    total, parts = result
    return "" if total == sum(parts) else f"the parts add up to {sum(parts)}, not {total}"


def with_judge() -> Exercise:
    def split(total):
        """Two numbers that add up to ``total``."""
        return total, [total - 1, 1]

    exercise = Exercise(split, {"sum": 1}, HINTS, judge=property_judge, version=3)

    @exercise.cases
    def _(seed, level):
        yield Case("seven", "sum", (7,))

    @exercise.misconception("both the whole")
    def twice(total):
        return total, [total, total]

    return exercise


def test_answers_right_by_a_property():
    exercise = with_judge()
    assert verdict_on(exercise, lambda total: (total, [total])).correct
    assert verdict_on(exercise, lambda total: [total, (1, 2, total - 3)]).correct
    verdict = verdict_on(exercise, lambda total: (total, [2 * total]))
    assert verdict.findings.failure.found == "the parts add up to 14, not 7"
    assert verdict.findings.misconception == "both the whole"


@pytest.mark.parametrize("result", [None, 5, "x", (1,), (1, 2, 3), (torch.ones(2), [1]), {}])
def test_a_judge_may_be_given_anything(result):
    failure = verdict_on(with_judge(), lambda total: result).findings.failure
    assert failure is not None
    assert failure.found


def test_the_version_of_the_check_is_told_with_every_outcome():
    exercise = with_judge()
    for answer in (exercise.reference, nothing, stub, crashes):
        assert verdict_on(exercise, answer).findings.version == 3


def test_a_caller_that_lies_earns_nothing():
    for reply in (
        Reply("not data", reason="an unknown status"),
        Reply("crashed"),
        Reply("returned"),
        Reply("returned", args=(1, 2, 3, 4), kwargs={"more": 1}),
    ):
        verdict = judge(row_means, lambda request, reply=reply: reply, 0)
        assert (verdict.correct, float(verdict)) == (False, 0.0)


def test_cases_and_points_must_name_the_same_groups():
    exercise = dataclasses.replace(with_judge(), points={"other": 1})
    exercise.make_cases = lambda seed, level: [Case("c", "sum", (1,))]
    with pytest.raises(
        ValueError, match="the groups \\['sum'\\], but the points have \\['other'\\]"
    ):
        verdict_on(exercise, nothing)


@pytest.mark.parametrize("attributes", [{"hints": ("one",)}, {"false_refusal": 0.1}])
def test_exercises_that_break_the_house_rules_are_refused(attributes):
    with pytest.raises(ValueError, match="exercise 'stub'"):
        Lesson("91_x", "X").exercise(**{"points": {"g": 1}, "hints": HINTS} | attributes)(stub)


def test_no_answer_is_judged_by_a_reference_that_did_not_return():
    exercise = with_judge()
    exercise.reference = crashes
    with pytest.raises(RuntimeError, match="the reference of 'split' crashed on 'seven'"):
        judge(exercise, local({"split": lambda total: (total, [total])}), 1)
