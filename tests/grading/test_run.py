"""The order in which a result is entered, and what a run says; made-up results, no sandbox."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from dataclasses import replace

import pytest

from grokedu.grading import run as module
from grokedu.grading.book.course import open_course
from grokedu.grading.book.gradebook import publish
from grokedu.grading.book.scores import scores
from grokedu.grading.judging.plan import make_plan
from grokedu.grading.regrade import regrade
from grokedu.grading.result import Status
from grokedu.grading.run import (
    ALL_GRADED,
    NOT_ENTERED,
    SOME_TO_REVIEW,
    Round,
    grade,
    no_other_run,
)
from grokedu.lessons import find
from tests.grading.coursefolder import START, course_folder, hand_in, result

STUDENTS = ("ada", "ben", "cy")
SHARES = {"ada": 1.0, "ben": 0.5, "cy": 0.0}


class MadeUp(Executor):
    """Gives every student's made-up result; counts who was graded."""

    def __init__(self) -> None:
        self.graded: list[str] = []
        self.shares = dict(SHARES)
        self.changes: dict[str, dict] = {}

    def submit(self, fn, /, submission, plan):
        self.graded.append(submission.student)
        future: Future = Future()
        if submission.content is None:
            future.set_result(fn(submission, plan))
            return future
        made = result(submission.student, share=self.shares[submission.student])
        changes = self.changes.get(submission.student, {})
        kept = {"submission": submission.digest, "release": plan.digest, "seed": plan.seed}
        future.set_result(replace(made, **(kept | changes)))
        return future


@pytest.fixture
def executor() -> MadeUp:
    return MadeUp()


@pytest.fixture
def round(tmp_path, executor):
    with open_course(course_folder(tmp_path / "course")) as course:
        for student in STUDENTS:
            hand_in(course, student)
        release = course.folder("release", ".", START) / f"{START}.ipynb"
        plan = make_plan(START, find, release, 5, confined=False)
        yield Round(course, plan, "Start here", make=lambda jobs: executor)


def points(round: Round) -> dict[str, float | None]:
    return {row.student: row.score for row in scores(round.course, START)}


def test_a_class_is_graded_once(round, executor, capsys):
    assert grade(round) == ALL_GRADED
    assert points(round) == {"ada": 2, "ben": 1, "cy": 0}
    assert grade(round) == ALL_GRADED
    assert sorted(executor.graded) == sorted(STUDENTS)
    assert "Graded before, and as they were: 3." in capsys.readouterr().out


@pytest.mark.parametrize("place", ["publish", "feedback.write", "Ledger.write"])
@pytest.mark.parametrize("student", STUDENTS)
@pytest.mark.parametrize("when", ["before", "after"])
def test_stopped_anywhere_the_next_run_completes_it(
    round, executor, monkeypatch, place, student, when
):
    """Whatever had been done of a student's entries is done again; the finished stay finished."""
    owner, _, name = place.rpartition(".")
    holder = {"": module, "feedback": module.feedback, "Ledger": type(round.course.ledger)}[owner]
    original = getattr(holder, name)

    def stops(*arguments):
        about = [each for each in arguments if getattr(each, "student", each) == student]
        if about and when == "before":
            raise KeyboardInterrupt
        done = original(*arguments)
        if about:
            raise KeyboardInterrupt
        return done

    with monkeypatch.context() as patch:
        patch.setattr(holder, name, stops)
        with pytest.raises(KeyboardInterrupt):
            grade(round)
    finished = set(round.course.ledger.all(START).results)
    executor.graded.clear()
    assert grade(round) == ALL_GRADED
    assert sorted(executor.graded) == sorted(set(STUDENTS) - finished)
    assert points(round) == {"ada": 2, "ben": 1, "cy": 0}
    for each in STUDENTS:
        assert round.course.ledger.history(START, each) == []
        assert (round.course.folder("feedback", each, START) / f"{START}.html").is_file()


def test_what_needs_review_has_no_score_and_the_exit_status_says_so(round, executor, capsys):
    executor.changes["ben"] = {"status": Status.NEEDS_REVIEW, "reasons": ("the file is empty",)}
    assert grade(round) == SOME_TO_REVIEW
    assert points(round) == {"ada": 2, "ben": None, "cy": 0}
    said = capsys.readouterr().out
    assert "ben: needs-review: the file is empty" in said
    assert "2 graded, 1 to review." in said


def test_a_new_hand_in_is_graded_again_and_the_earlier_score_is_kept_in_the_history(
    round, executor
):
    grade(round)
    executor.graded.clear()
    executor.shares["cy"] = 1.0
    file = round.course.folder("submitted", "cy", START) / f"{START}.ipynb"
    file.write_text(file.read_text() + "\n")
    assert grade(round) == ALL_GRADED
    assert executor.graded == ["cy"]
    assert points(round)["cy"] == 2
    assert [each["points"] for each in round.course.ledger.history(START, "cy")] == [
        {"weight_norm": 0.0}
    ]


def test_a_gradebook_put_back_from_a_backup_is_completed(round, executor, tmp_path):
    grade(round)
    with open_course(course_folder(tmp_path / "restored")) as emptier:
        for folder in ("submitted", "ledger"):
            (emptier.root / "gradebook" / folder).symlink_to(
                round.course.root / "gradebook" / folder
            )
        executor.graded.clear()
        again = replace(round, course=emptier)
        assert grade(again) == ALL_GRADED
        assert sorted(executor.graded) == sorted(STUDENTS)
        assert points(again) == {"ada": 2, "ben": 1, "cy": 0}


def test_only_some_students_may_be_asked_for(round, executor):
    assert grade(replace(round, students=frozenset({"ben"}))) == ALL_GRADED
    assert executor.graded == ["ben"]


def test_nothing_handed_in_is_said(round):
    nobody = replace(round, students=frozenset({"ada", "nobody"}))
    with pytest.raises(ValueError, match="nothing was handed in for 00_start_here by nobody"):
        grade(nobody)


def test_who_is_refused_at_the_door_is_there_in_every_run(round, executor, tmp_path, capsys):
    source = tmp_path / "in"
    (source / "dee").mkdir(parents=True)
    for name in ("one", "two"):
        (source / "dee" / f"{name}.ipynb").write_text("{}")
    (source / "eve.ipynb").write_text("{}")
    executor.shares["eve"] = 1.0
    assert grade(replace(round, source=source)) == SOME_TO_REVIEW
    assert "dee: needs-review: two notebooks" in capsys.readouterr().out
    assert grade(round) == SOME_TO_REVIEW
    assert points(round)["dee"] is None
    assert "4 graded, 1 to review." in capsys.readouterr().out


def test_what_a_person_has_settled_needs_no_review(round, executor, capsys):
    executor.changes["ben"] = {"status": Status.NEEDS_REVIEW, "reasons": ("the file is empty",)}
    assert grade(round) == SOME_TO_REVIEW
    book = round.course.gradebook

    def by_hand() -> None:
        for each in book.find_submission_notebook(START, START, "ben").grades:
            each.manual_score, each.needs_manual_grade = 1.0, False

    book.change(by_hand)
    assert grade(round) == ALL_GRADED
    assert "graded by hand" in capsys.readouterr().out
    assert points(round)["ben"] == 1.0


def test_an_older_gradebook_put_back_shows_the_newest_results_again(round, executor):
    grade(round)
    older = round.course.root / "gradebook" / "gradebook.db"
    kept = older.read_bytes()
    executor.shares["cy"] = 1.0
    file = round.course.folder("submitted", "cy", START) / f"{START}.ipynb"
    file.write_text(file.read_text() + "\n")
    grade(round)
    round.course.close()
    older.write_bytes(kept)
    assert points(round)["cy"] == 0
    assert grade(round) == ALL_GRADED
    assert points(round)["cy"] == 2


def test_one_student_who_cannot_be_entered_costs_no_other_anything(round, executor, capsys):
    in_the_way = round.course.root / "gradebook" / "autograded" / "ben"
    in_the_way.parent.mkdir()
    in_the_way.write_text("")
    assert grade(round) == NOT_ENTERED
    said = capsys.readouterr().out
    assert "ben: not entered: " in said
    assert "Not entered: 1." in said
    assert {student: points(round)[student] for student in ("ada", "cy")} == {"ada": 2, "cy": 0}
    in_the_way.unlink()
    executor.graded.clear()
    assert grade(round) == ALL_GRADED
    assert executor.graded == ["ben"]


def test_two_runs_at_once_are_one_too_many(round):
    with (
        no_other_run(round),
        pytest.raises(ValueError, match="another run is grading 00_start_here"),
    ):
        grade(round)
    assert grade(round) == ALL_GRADED


def test_without_a_sandbox_it_refuses_unless_told_otherwise(round, monkeypatch):
    monkeypatch.setattr(module, "why_not", lambda: "bubblewrap is not installed (apt install it)")
    confined = replace(round, plan=replace(round.plan, confined=True))
    with pytest.raises(ValueError, match=r"bubblewrap is not installed .*: --no-sandbox$"):
        grade(confined)
    assert grade(round) == ALL_GRADED


def test_regrading_shows_changes_and_keeps_them_until_asked(round, executor, capsys):
    grade(round)
    executor.shares["cy"] = 0.5
    assert regrade(round, frozenset(), apply=False) == 0
    assert "cy: weight_norm: 0 of 2 -> 1 of 2" in capsys.readouterr().out
    assert points(round)["cy"] == 0
    assert regrade(round, frozenset({"weight_norm"}), apply=True) == 0
    assert points(round)["cy"] == 1


def test_one_exercise_of_what_was_handed_in_anew_is_not_graded_again(round, executor, capsys):
    grade(round)
    executor.shares["cy"] = 1.0
    file = round.course.folder("submitted", "cy", START) / f"{START}.ipynb"
    file.write_text(file.read_text() + "\n")
    regrade(round, frozenset({"weight_norm"}), apply=True)
    assert "cy: handed in again since; grade that first" in capsys.readouterr().out
    assert points(round)["cy"] == 0
    assert grade(round) == ALL_GRADED
    assert points(round)["cy"] == 2


@pytest.mark.parametrize("exercises", [(), ("weight_norm",)])
def test_regrading_that_fails_leaves_the_score_as_it_was(round, executor, capsys, exercises):
    grade(round)
    reason = "grading it failed twice, so a person looks at it: a worker died"
    executor.changes["ada"] = {
        "status": Status.NEEDS_REVIEW,
        "reasons": (reason,),
        "submission": "",
    }
    regrade(round, frozenset(exercises), apply=True)
    assert f"ada: stays as it was: {reason}" in capsys.readouterr().out
    assert points(round)["ada"] == 2


def test_a_source_is_not_taken_in_by_grading_again(round, tmp_path):
    grade(round)
    with pytest.raises(ValueError, match="take the source in first"):
        regrade(replace(round, source=tmp_path), frozenset(), apply=False)


def test_publishing_is_what_the_gradebook_shows(round):
    """The made-up results reach nbgrader as they are, so the tests above mean what they say."""
    publish(round.course, result("dee", share=0.5))
    assert points(round)["dee"] == 1
