from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text

from grokedu.grading.book.course import Course
from grokedu.grading.book.gradebook import SECRET, publish
from grokedu.grading.page.feedback import write
from grokedu.grading.result import Result, Status
from tests.grading.coursefolder import (
    CHECK,
    GROKKING,
    START,
    everything,
    grades,
    hand_in,
    result,
    score_by_hand,
)


def test_points_of_checks_become_automatic_scores(course: Course):
    given = result("ada", GROKKING, share=0.5)
    assert publish(course, given) == []
    found = grades(course, "ada", GROKKING)
    checks = {id.removesuffix("-check"): row for id, row in found.items() if "check" in id}
    assert {id: row[0] for id, row in checks.items()} == {
        id: each["points"] for id, each in given.exercises.items()
    }
    assert not any(needs for _, _, needs in checks.values())
    assert found["norm-reflect"] == (None, None, True)
    file = course.folder("autograded", "ada", GROKKING) / f"{GROKKING}.ipynb"
    assert file.read_text(encoding="utf-8") == given.notebook
    assert file.stat().st_mode & 0o777 == 0o444


def test_a_reflection_left_as_released_earns_nothing_and_says_so(course: Course):
    released = course.folder("release", ".", GROKKING) / f"{GROKKING}.ipynb"
    publish(course, result("ada", GROKKING, notebook=released.read_text(encoding="utf-8")))
    assert grades(course, "ada", GROKKING)["norm-reflect"] == (0.0, None, False)
    book = course.gradebook
    comment = book.look(lambda: book.find_comment("forward", GROKKING, GROKKING, "ada").comment)
    assert comment == "No response."


def test_publishing_again_changes_nothing(course: Course):
    given = result("ada", GROKKING, share=0.5)
    publish(course, given)
    course.ledger.write(given)
    before = everything(course)
    publish(course, given)
    assert everything(course) == before


REASON = 'two notebooks: <img src=x onerror="alert(1)">.ipynb, [b](javascript:x).ipynb'


@pytest.mark.parametrize("has_notebook", [True, False])
def test_what_needs_review_is_left_to_a_person_and_is_no_zero(course: Course, has_notebook: bool):
    changes = {} if has_notebook else {"notebook": "", "exercises": {}}
    given = result("ada", GROKKING, 0.0, status=Status.NEEDS_REVIEW, reasons=(REASON,), **changes)
    assert publish(course, given) == []
    assert set(grades(course, "ada", GROKKING).values()) == {(None, None, True)}
    book = course.gradebook
    listed = book.look(lambda: book.submission_dicts(GROKKING))
    assert [(each["student"], each["needs_manual_grade"]) for each in listed] == [("ada", True)]
    comments = book.look(
        lambda: [c.comment for c in book.find_submission(GROKKING, "ada").notebooks[0].comments]
    )
    assert set(comments) == {None}
    file = course.folder("autograded", "ada", GROKKING) / f"{GROKKING}.ipynb"
    notebook = json.loads(file.read_text(encoding="utf-8"))
    if not has_notebook:
        assert notebook["metadata"]["grokedu"] == {
            "status": Status.NEEDS_REVIEW,
            "reasons": [REASON],
        }
        shown = "".join(notebook["cells"][0]["source"])
        assert "<img" not in shown
        assert "](" not in shown
        assert "alert" in shown


def test_graded_before_and_now_in_need_of_review_keeps_no_old_score(course: Course):
    publish(course, result("ada"))
    publish(course, result("ada", status=Status.NEEDS_REVIEW, reasons=("it ended early",)))
    assert set(grades(course, "ada").values()) == {(None, None, True)}
    publish(course, result("ada"))
    assert grades(course, "ada") == {CHECK: (2.0, None, False)}


def test_what_a_person_gave_stays_and_stays_settled(course: Course):
    given = result("ada", GROKKING)
    publish(course, given)
    course.ledger.write(given)
    score_by_hand(course, "ada", GROKKING, norm_reflect=2.5, forward_check=1.0)
    before = everything(course)
    publish(course, given)
    assert everything(course) == before

    again = result("ada", GROKKING, share=0.5)
    publish(course, again)
    found = grades(course, "ada", GROKKING)
    assert found["norm-reflect"] == (None, 2.5, False)
    assert found["forward-check"] == (1.5, 1.0, True)
    comments = [row[-1] for row in everything(course)["comment"]]
    assert comments == ["well put"] * len(comments)


def test_a_new_submission_is_put_up_for_another_look(course: Course):
    given = result("ada", GROKKING)
    publish(course, given)
    course.ledger.write(given)
    score_by_hand(course, "ada", GROKKING, norm_reflect=2.5)
    publish(course, result("ada", GROKKING, submission="c" * 64))
    assert grades(course, "ada", GROKKING)["norm-reflect"] == (None, 2.5, True)


@pytest.mark.parametrize(
    ("exercises", "score", "says"),
    [
        ({"weight_norm": {"points": 9.0, "of": 9.0}}, 2.0, "worth 2 in the gradebook but 9"),
        ({"weight_norm": {"points": -1.0, "of": 2.0}}, 0.0, ""),
        ({"weight_norm": {"points": float("nan"), "of": 2.0}}, None, "a person gives its points"),
        ({}, None, "a person gives its points"),
    ],
)
def test_points_that_do_not_fit_lose_no_student(
    course: Course, exercises: dict[str, Any], score: float | None, says: str
):
    notes = publish(course, result("ada", exercises=exercises))
    assert grades(course, "ada") == {CHECK: (score, None, score is None)}
    assert says in " ".join(notes)
    assert bool(notes) == bool(says)


def test_a_cell_that_the_gradebook_lacks_is_a_note(course: Course):
    given = result("ada", GROKKING)
    publish(course, given)
    book = course.gradebook
    gone = text(
        "DELETE FROM grade WHERE cell_id IN (SELECT id FROM base_cell WHERE name = 'forward-check')"
    )
    book.change(lambda: book.db.execute(gone))
    notes = publish(course, given)
    assert notes == ["forward-check is not in the gradebook: its points were not entered"]


def test_lone_surrogates_in_a_notebook_lose_no_student(course: Course):
    given = result("ada")
    broken = json.loads(given.notebook)
    broken["cells"][0]["source"] = "\ud800"
    raw = json.dumps(broken, ensure_ascii=False)
    publish(course, result("ada", notebook=raw))
    assert grades(course, "ada") == {CHECK: (2.0, None, False)}


@pytest.mark.parametrize("student", ["../ben", "", "a\0b"])
def test_an_id_that_leads_elsewhere_is_refused(course: Course, student: str):
    before = everything(course)
    with pytest.raises(ValueError, match="cannot be a student's id"):
        publish(course, result(student))
    assert everything(course) == before


def test_a_lesson_that_was_not_entered_is_named(course: Course):
    with pytest.raises(ValueError, match="99_nothing"):
        publish(course, Result("ada", "99_nothing", "graded", notebook=result("ada").notebook))


def secret_after(course: Course, content: bytes | str) -> str | None:
    """What lies beside the graded notebook and its page, when this came with a submission."""
    secret = hand_in(course, "ada") / SECRET
    secret.unlink(missing_ok=True)
    if isinstance(content, str):
        secret.symlink_to(content)
    else:
        secret.write_bytes(content)
    publish(course, result("ada"))
    write(course, "ada", START)
    found = [course.folder(step, "ada", START) / SECRET for step in ("autograded", "feedback")]
    texts = {path.read_text() if path.is_file() else None for path in found}
    assert len(texts) == 1
    return texts.pop()


def test_what_the_exchange_knows_a_submission_by_comes_along(course: Course):
    assert secret_after(course, b"0123abcd") == "0123abcd"
    assert secret_after(course, b"4567ef") == "4567ef"


@pytest.mark.parametrize("content", ["/etc/hostname", b"x" * 2000])
def test_a_secret_that_is_none_stays_where_it_is(course: Course, content: bytes | str):
    assert secret_after(course, content) is None
    assert grades(course, "ada") == {CHECK: (2.0, None, False)}
