from __future__ import annotations

import csv
import functools
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from grokedu.grading.book.course import Course, open_course
from grokedu.grading.book.export import COLUMNS, export, inert, write_table
from grokedu.grading.book.gradebook import publish
from grokedu.grading.result import Status
from tests.grading.coursefolder import START, course_folder, result

REASON = "It ended <early>."


@pytest.fixture
def course(tmp_path: Path) -> Iterator[Course]:
    """Student 11 has all points but one half for being late, 12 needs review, 13 did nothing."""
    with open_course(course_folder(tmp_path / "course")) as course:
        book = course.gradebook
        due = datetime(2026, 12, 1)
        book.change(lambda: book.update_or_create_assignment(START, duedate=due))
        names = {"11": ("Ada", "=HYPERLINK(1)"), "12": ("Ben", ""), "13": ("", "")}
        for student, (first, last) in names.items():
            who = {
                "first_name": first,
                "last_name": last,
                "email": first and f"{first.lower()}@example.org",
            }
            book.change(functools.partial(book.update_or_create_student, student, **who))
        for given in (result("11"), result("12", status=Status.NEEDS_REVIEW, reasons=(REASON,))):
            publish(course, given)
            course.ledger.write(given)

        def come_late() -> None:
            book.find_submission_notebook(START, START, "11").late_submission_penalty = 0.5

        book.change(come_late)
        yield course


def table(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream))


def exported(
    course: Course, kind: str, roster: str | None = None, title: str | None = None
) -> tuple[list[list[str]], list[str]]:
    to, given = course.root / "out.csv", None
    if roster is not None:
        given = course.root / "roster.csv"
        given.write_bytes(roster.encode("utf-8-sig"))
    notes = export(course, START, kind, to, given, title)
    return table(to), notes


def test_csv_has_the_status_and_no_zero_that_nobody_gave(course: Course):
    rows, notes = exported(course, "csv")
    assert rows[0] == list(COLUMNS)
    found = [dict(zip(COLUMNS, row, strict=True)) for row in rows[1:]]
    assert [(r["student_id"], r["score"], r["status"], r["reasons"]) for r in found] == [
        ("11", "1.5", "graded", ""),
        ("12", "", Status.NEEDS_REVIEW, REASON),
        ("13", "", "none handed in", ""),
    ]
    assert found[0]["raw_score"] == "2.0"
    assert found[0]["late_submission_penalty"] == "0.5"
    assert found[0]["last_name"] == "'=HYPERLINK(1)"
    assert found[0]["duedate"] == "2026-12-01 00:00:00"
    assert [(r["raw_score"], r["late_submission_penalty"]) for r in found[1:]] == [("", "")] * 2
    assert notes == []
    assert (course.root / "out.csv").stat().st_mode & 0o777 == 0o600


def test_canvas_without_a_roster_has_the_ids(course: Course):
    rows, notes = exported(course, "canvas", title="Start here")
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Start here"],
        ["    Points Possible", "", "", "", "", "2"],
        ["Ada =HYPERLINK(1)", "11", "", "", "", "1.5"],
        ["Ben", "12", "", "", "", ""],
        ["13", "13", "", "", "", ""],
    ]
    assert notes == [f"12 needs review and has no grade: {REASON}"]


CANVAS = """\
Student,ID,SIS User ID,SIS Login ID,Section,Other (1),Start here (4711),Total
    Points Possible,,,,,5,2,
"Byron, Ben",900,,12,A,1,,
"Lovelace, Ada",11,s1,alovelace,A,2,,
"Student, Test",901,,t1,A,,,
"""


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_canvas_with_a_roster_keeps_its_names_order_and_heading(course: Course, separator: str):
    lines = list(csv.reader(CANVAS.splitlines()))
    target = course.root / "made.csv"
    with target.open("w", newline="") as stream:
        csv.writer(stream, delimiter=separator).writerows(lines)
    roster = target.read_text()
    rows, notes = exported(course, "canvas", roster, "Start here")
    assert rows == [
        ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "Start here (4711)"],
        ["    Points Possible", "", "", "", "", "2"],
        ["Byron, Ben", "900", "", "12", "A", ""],
        ["Lovelace, Ada", "11", "s1", "alovelace", "A", "1.5"],
        ["Student, Test", "901", "", "t1", "A", ""],
    ]
    assert notes == [f"12 needs review and has no grade: {REASON}"]


def test_a_student_whom_canvas_does_not_know_is_named(course: Course):
    roster = "\n".join(line for line in CANVAS.splitlines() if "Ada" not in line)
    _, notes = exported(course, "canvas", roster)
    assert notes[0] == "11 is not in Canvas's list: left out (graded)"


def test_moodle_without_a_roster_has_participants(course: Course):
    rows, _ = exported(course, "moodle")
    assert rows == [
        [
            "Identifier",
            "Full name",
            "Email address",
            "Status",
            "Grade",
            "Maximum grade",
            "Feedback comments",
        ],
        [
            "Participant 11",
            "Ada =HYPERLINK(1)",
            "ada@example.org",
            "graded",
            "1.5",
            "2",
            "0.5 points less, as it came late.",
        ],
        [
            "Participant 12",
            "Ben",
            "ben@example.org",
            Status.NEEDS_REVIEW,
            "",
            "2",
            "A person will look at this. It ended &lt;early&gt;.",
        ],
        [
            "Participant 13",
            "",
            "",
            "none handed in",
            "",
            "2",
            "Nothing was handed in.",
        ],
    ]


MOODLE = """\
Identifier,"Full name","Email address",Status,Grade,"Maximum grade","Grade can be changed",\
"Last modified (submission)","Feedback comments"
"Participant 12","Ben B",x@example.org,"Submitted for grading",,{most},Yes,"Monday, 1 December",old
"Participant 77","Ada L",ada@example.org,"Submitted for grading",,{most},Yes,-,
"Participant 99",Nobody,no@example.org,"No submission",3.00,{most},Yes,-,keep
"""


@pytest.mark.parametrize("most", ["2.00", '"2,00"', "100.00"])
def test_moodle_with_a_roster_fills_its_rows(course: Course, most: str):
    rows, notes = exported(course, "moodle", MOODLE.format(most=most))
    assert rows[0][6:8] == ["Grade can be changed", "Last modified (submission)"]
    assert [(row[0], row[3], row[4], row[8]) for row in rows[1:]] == [
        (
            "Participant 12",
            "Submitted for grading",
            "",
            "A person will look at this. It ended &lt;early&gt;.",
        ),
        ("Participant 77", "Submitted for grading", "1.5", "0.5 points less, as it came late."),
        ("Participant 99", "No submission", "3.00", "keep"),
    ]
    assert any("maximum grade is 100.00" in note for note in notes) == (most == "100.00")


@pytest.mark.parametrize("kind", ["canvas", "moodle"])
@pytest.mark.parametrize("roster", ["", "Name,Points\nada,3\n", 'Student,ID\n"unclosed', "\0"])
def test_a_roster_that_is_none_is_named(course: Course, kind: str, roster: str):
    with pytest.raises(ValueError, match=r"roster\.csv is not a grad"):
        exported(course, kind, roster)
    assert not (course.root / "out.csv").exists()


def test_other_kinds_are_refused(course: Course):
    with pytest.raises(ValueError, match="csv, canvas, moodle"):
        exported(course, "xlsx")
    with pytest.raises(ValueError, match="every student"):
        exported(course, "csv", CANVAS)


RISKY = ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\uff1d1", " =1"]


def test_what_does_not_go_together_is_said(course: Course):
    with pytest.raises(ValueError, match="--roster goes with --for canvas"):
        exported(course, "csv", "Student,ID\n")
    with pytest.raises(ValueError, match=r"there is no folder .*nowhere; make it first"):
        export(course, START, "csv", course.root / "nowhere" / "out.csv")


@pytest.mark.parametrize("text", RISKY)
def test_what_could_be_a_formula_is_text(tmp_path: Path, text: str):
    write_table(tmp_path / "t.csv", [["a", text]])
    assert table(tmp_path / "t.csv") == [["a", "'" + text]]


@pytest.mark.parametrize("text", ["-2.5", "+3", "2", "", "ada", "a=b", "-0,5", "1e5"])
def test_numbers_and_plain_text_stay(text: str):
    assert inert(text) == text


def test_text_that_no_file_can_hold_is_replaced(tmp_path: Path):
    write_table(tmp_path / "t.csv", [["a \ud800"]])
    assert table(tmp_path / "t.csv") == [["a ?"]]


@pytest.mark.grading
@pytest.mark.parametrize("options", ["", f"--assignment ['{START}'] --student ['12']"])
def test_nbgrader_export_says_the_status(course: Course, options: str):
    course.close()
    subprocess.run(
        [sys.executable, "-m", "nbgrader", "export", *shlex.split(options, posix=False)],
        cwd=course.root,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        check=True,
        timeout=120,
    )
    rows = [
        dict(zip(COLUMNS, row, strict=True))
        for row in table(course.root / "gradebook" / "grades.csv")
    ][1:]
    start = [(r["student_id"], r["score"], r["status"]) for r in rows if r["assignment"] == START]
    if options:
        assert (len(rows), start) == (1, [("12", "", Status.NEEDS_REVIEW)])
    else:
        assert start[0] == ("11", "1.5", "graded")
        assert len(rows) == 6
