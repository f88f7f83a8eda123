"""What a learner calls: checks, hints, the reference, ready, reset, predict and settle."""

from __future__ import annotations

import os

import pytest

from grokedu.classroom.checking.exercise import Case
from grokedu.classroom.learning import progress
from grokedu.classroom.lesson import Lesson, grading_seed


@pytest.fixture
def lesson(monkeypatch) -> Lesson:
    monkeypatch.setattr(progress, "_unwritten", {})
    made = Lesson("77_tiny", "Tiny")

    @made.exercise(
        points={"small": 1, "large": 2}, hints=("one", "two", "three"), why="it is", version=4
    )
    def double(x):
        """Twice x."""
        return 2 * x

    @double.cases
    def _(seed, level):
        yield Case("three", "small", (3,))
        yield Case("more", "large", (10 if level == "visible" else 100 + seed,))

    made.claim("grows", "it grows.", "yes", "no")
    made.reflection("why", (2, "a reason"), (1, "another"))
    return made


def half_right(x):
    return 6


def kept() -> dict:
    return progress.read("77_tiny", "double")


def test_a_lesson_knows_its_number_and_points(lesson):
    assert (lesson.number, lesson.max_points, lesson.reflections["why"].points) == ("77", 3, 3)


def test_a_check_returns_the_points_and_keeps_the_best(lesson):
    check = lesson.exercises["double"]
    assert check(half_right) == 1.0
    assert kept() == {"points": 1.0, "of": 3, "outcome": "partly", "version": 4}
    assert check(lambda x: 2 * x).correct
    assert check(half_right) == check(lambda x: x) + 1
    assert kept() == {"points": 3.0, "of": 3, "outcome": "correct", "version": 4}
    assert lesson.session["double"].outcome == "incorrect"


@pytest.mark.parametrize("answer", [None, 5, "double", [], ...])
def test_something_that_is_no_function_is_told_so(lesson, answer, capfd):
    verdict = lesson.exercises["double"](answer)
    assert (verdict.outcome, float(verdict)) == ("incorrect", 0.0)
    assert f"check.double(double); this is of type {type(answer).__name__}" in str(verdict)
    assert capfd.readouterr() == ("", "")


def test_nothing_at_all_is_told_so(lesson):
    assert lesson.exercises["double"]().outcome == "incorrect"


@pytest.mark.parametrize(
    "damage", ['{"points": "many"}', '{"points": null}', "[", '{"hints": "x"}', "[" * 99_999]
)
def test_damaged_progress_never_stops_a_check(lesson, home, damage):
    file = home / "progress" / "77_tiny" / "double.json"
    file.parent.mkdir(parents=True)
    file.write_text(damage)
    lesson.hint("double")
    assert lesson.exercises["double"](half_right) == 1.0
    assert kept()["points"] == 1.0


def test_a_home_that_cannot_be_written_stops_nothing(lesson, home, capsys):
    home.write_text("a file")
    assert lesson.exercises["double"](half_right) == 1.0
    lesson.hint("double")
    lesson.hint("double")
    lesson.predict("grows", "yes")
    lesson.settle("grows", "1 to 2", "holds")
    lesson.reset("double")
    out = capsys.readouterr().out
    assert "Hint 2 of 3: two" in out
    assert "Your prediction: yes." in out


def test_hints_rise_one_at_a_time_and_cost_nothing(lesson, capsys):
    for _ in range(4):
        lesson.hint("double")
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["Hint 1 of 3: one", "Hint 2 of 3: two", "Hint 3 of 3: three"]
    assert lines[3] == ('That was the last. To go on without solving it: check.reference("double")')
    assert lines[4:] == lines[2:4]
    assert lesson.exercises["double"](lambda x: x + x) == 3.0
    assert kept() == {"points": 3.0, "of": 3, "outcome": "correct", "version": 4, "hints": 3}


def test_the_reference_earns_nothing_but_lets_one_go_on(lesson, capsys):
    assert not lesson.ready("double")
    assert capsys.readouterr().out == (
        "This experiment needs `double`. Solve it above, or go on with "
        'double = check.reference("double").\n'
    )
    double = lesson.reference("double")
    assert double(4) == 8
    assert lesson.exercises["double"](double).outcome == "reference taken"
    assert (kept()["points"], kept()["outcome"]) == (0.0, "reference taken")
    assert lesson.ready("double")
    assert capsys.readouterr().out == ""
    assert lesson.exercises["double"](lambda x: 2 * x) == 3.0
    lesson.reference("double")
    assert kept()["points"] == 3.0


def test_an_experiment_is_ready_once_it_is_solved_in_this_session(lesson, capsys):
    assert lesson.ready()
    progress.write("77_tiny", "double", {"points": 3.0})
    assert not lesson.ready("double")
    lesson.exercises["double"](half_right)
    assert not lesson.ready("double")
    lesson.exercises["double"](lambda x: 2 * x)
    capsys.readouterr()
    assert lesson.ready("double")
    assert capsys.readouterr().out == ""


def test_reset_forgets_one_exercise_and_prints_its_cell(lesson, capsys):
    lesson.hint("double")
    lesson.exercises["double"](lambda x: 2 * x)
    capsys.readouterr()
    lesson.reset("double")
    assert kept() == {}
    assert lesson.session == {}
    out = capsys.readouterr().out
    assert out.startswith("double starts afresh. Its empty cell:\n\ndef double(x):")
    assert out.endswith("    # write your code here\n    raise NotImplementedError()\n")
    assert "return" not in out


def test_predictions_are_noted_and_settled(lesson, capsys):
    lesson.predict("grows", ...)
    lesson.predict("grows", "maybe")
    lesson.predict("grows", "no")
    lesson.predict("grows")
    lesson.settle("grows", "3 [2, 4]", "holds in a window")
    assert capsys.readouterr().out.splitlines() == [
        "No prediction yet. Replace ... by one of: 'yes', 'no'.",
        "'maybe' is not a choice; one of: 'yes', 'no'.",
        "Noted: it grows. You expect: no.",
        "Your prediction so far: no. Replace ... by one of: 'yes', 'no'.",
        "Claim: it grows.",
        "Your prediction: no.",
        "Measured: 3 [2, 4].",
        "The claim holds in a window.",
    ]
    with pytest.raises(ValueError, match="a verdict of 'perhaps'; wanted holds"):
        lesson.settle("grows", "3", "perhaps")


@pytest.mark.parametrize("ask", ["hint", "reference", "reset", "ready", "predict"])
def test_unknown_names_are_told_what_there_is(lesson, ask):
    there = "grows" if ask == "predict" else "double"
    with pytest.raises(ValueError, match=f"'nothing' here; there are: {there}"):
        getattr(lesson, ask)("nothing")


@pytest.mark.parametrize("variable", ["NBGRADER_EXECUTION", "GROKEDU_GRADING_SEED"])
def test_while_graded_no_experiment_runs_and_nothing_is_kept(lesson, monkeypatch, capsys, variable):
    monkeypatch.setenv(variable, "20")
    assert lesson.exercises["double"](lambda x: 2 * x) == 3.0
    assert kept() == {}
    assert not lesson.ready("double")
    assert not lesson.ready()
    assert capsys.readouterr().out.splitlines() == ["This experiment is not run for scores."] * 2


def test_the_grading_seed_gives_other_cases(lesson, monkeypatch):
    assert grading_seed() is None
    learned_by_heart = {3: 6, 10: 20}.get
    assert lesson.exercises["double"](learned_by_heart) == 3.0
    monkeypatch.setenv("GROKEDU_GRADING_SEED", "20")
    assert grading_seed() == 20
    assert lesson.exercises["double"](learned_by_heart) == 1.0
    assert lesson.exercises["double"](lambda x: {3: 6, 120: 240}[x]) == 3.0
    assert "GROKEDU_GRADING_SEED" in os.environ


def test_an_id_is_given_once(lesson):
    declare = lesson.exercise(points={"a": 1}, hints=("a", "b", "c"))
    with pytest.raises(ValueError, match="two exercises named 'double'"):
        declare(lesson.exercises["double"].reference)
    with pytest.raises(ValueError, match="two reflections named 'why'"):
        lesson.reflection("why", (1, "again"))
    with pytest.raises(ValueError, match="two claims named 'grows'"):
        lesson.claim("grows", "again", "yes")
