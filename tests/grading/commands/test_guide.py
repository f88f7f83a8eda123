"""The instructor's guide: its commands do what it says, and its tables name every reason."""

from __future__ import annotations

import csv
import getpass
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest

from tests.grading.commands.courses import ROOT, grokking, make_course, start_here
from tests.grading.commands.test_dask import cluster as cluster

GUIDE = (ROOT / "docs" / "instructors.md").read_text(encoding="utf-8")
BY_HAND = "# By hand: "
# Guides name real places; here they stand in a temporary folder.
EXCHANGE, SCHEDULER, LEARNER = "/srv/nbgrader/exchange", "tcp://10.0.0.5:8786", "learner-01"
# By words of a block: the exit status it ends with, and what it says besides.
SAYS: dict[str, tuple[int, tuple[str, ...]]] = {
    "why_not": (0, ("The sandbox works.",)),
    "db assignment add": (0, ("Up to date: 00_start_here, 01_grokking",)),
    "nbgrader list": (0, ("Released as: grokedu 01_grokking", "Released assignments:")),
    "nbgrader submit": (0, ("Submitted as: grokedu 01_grokking",)),
    "nbgrader collect": (0, ("Processing 1 submissions",)),
    "grade 01 handed-in": (3, ("Taken in from handed-in: 3 students",)),
    "grade 01 downloads/canvas.zip": (
        3,
        (
            "onestudent_LATE_4711_90210_my work.ipynb: taken: was named my work.ipynb; late",
            "4711: 13 of 30",
            "4712: needs-review: two notebooks: one.ipynb, two.ipynb; which is meant?",
            "4 graded, 2 to review.",
            "Graded before, and as they were: 3.",
        ),
    ),
    "--no-sandbox": (0, ("Graded before, and as they were: 1", "graded, no sandbox")),
    "--executor": (0, ("student-04: 1 of 2", "student-05: 2 of 2", "4 graded, 0 to review.")),
    "release_feedback": (0, ("Feedback released",)),
    "--student ben --apply": (0, ("0 of 1 students change.", "Entered: 1")),
    "--exercise forward --apply": (0, ("0 of 5 students change.", "0 of 1 students change.")),
    "cat gradebook/seed": (0, ("0 of 1 students change.",)),
    "grade 00 --regrade --apply": (0, ("0 of 4 students change.", "Entered: 4")),
    "# and so does": (0, ()),
    "--for canvas": (
        0,
        (
            "4712 needs review and has no grade: two notebooks",
            "ben is not in Canvas's list: left out (to be read)",
        ),
    ),
    "--for moodle": (0, ("4711 is not in Moodle's list: left out (to be read)",)),
    "backups/gradebook-": (3, ("4 graded, 2 to review.",)),
    "--older-than": (0, ("gradebook/submitted/student-03", "Nothing was deleted.")),
}


@dataclass(frozen=True)
class Block:
    """A fenced block of the guide: its language, what it is for (file=, append=, in=), its text."""

    language: str
    use: str
    to: str
    text: str

    @property
    def runs(self) -> bool:
        return self.language == "sh" and not self.text.startswith(BY_HAND)


def blocks() -> Iterator[Block]:
    for found in re.finditer(r"^```(\w+)(?: (\w+)=(\S+))?\n(.*?)^```$", GUIDE, re.M | re.S):
        yield Block(found[1], found[2] or "", found[3] or "", found[4])


def test_only_what_installs_or_serves_is_left_to_hand():
    left = [block.text.splitlines()[0] for block in blocks() if block.text.startswith(BY_HAND)]
    assert left == [
        "# By hand: it installs.",
        "# By hand: it starts servers, each in a terminal or on a machine of its own.",
        "# By hand: it serves until you end it.",
        "# By hand: it needs a database server.",
    ]
    assert {block.language for block in blocks()} == {"sh", "python", "csv", "text"}


def hand_ins(course: Path) -> None:
    """What the guide takes for granted that students and platforms have sent."""
    work = {name: nbformat.writes(each.notebook) for name, each in grokking().items()}
    first = {name: nbformat.writes(each.notebook) for name, each in start_here().items()}
    files = {
        "handed-in/ada.ipynb": work["perfect"],
        "handed-in/ben.ipynb": work["half"],
        "handed-in/student-03.ipynb": '{"cells": [',
        "first-week/ada.ipynb": first["perfect"],
        "first-week/ben.ipynb": first["half"],
        "second-week/student-04.ipynb": first["half"],
        "second-week/student-05.ipynb": first["perfect"],
        "downloads/canvas-grades.csv": "Student,ID,SIS User ID,SIS Login ID,Section,Final Score\n"
        '    Points Possible,,,,,100\n"A, B",4711,,one,1,90\n"C, D",,,ada,1,80\n',
        "downloads/moodle-worksheet.csv": "Identifier,Full name,Email address,Status,Grade,"
        "Maximum grade,Feedback comments\nParticipant 12,A B,ben@example.edu,Submitted,,35.00,\n",
    }
    for name, text in files.items():
        (course / name).parent.mkdir(exist_ok=True)
        (course / name).write_text(text, encoding="utf-8")
    with zipfile.ZipFile(course / "downloads" / "canvas.zip", "w") as archive:
        for name in ("one", "two"):
            archive.writestr(f"twofiles_4712_9021_{name}.ipynb", work["half"])
        archive.writestr("onestudent_LATE_4711_90210_my work.ipynb", work["half"])


class Terminal:
    """An instructor's terminal: what one block exports is there for the next."""

    def __init__(self, folder: Path, places: dict[str, str]) -> None:
        self.folder, self.places = folder, places
        self.used: set[str] = set()
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(folder.parent),
        }

    def here(self, text: str) -> str:
        for name, place in self.places.items():
            if name in text:
                self.used.add(name)
            text = text.replace(name, place)
        return text

    def run(self, block: Block) -> tuple[int, str]:
        """Run a block whose last line may end with any status; all others must with 0."""
        keep = self.folder.parent / "environment"
        script = f"set -e\ntrap 'env -0 > {keep}' EXIT\n{self.here(block.text)}"
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder / block.to if block.use == "in" else self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
        )
        kept = dict(each.split("=", 1) for each in keep.read_text().split("\0") if each)
        if "GROKEDU_LESSONS" in kept:
            self.environment["GROKEDU_LESSONS"] = kept["GROKEDU_LESSONS"]
        else:
            self.environment.pop("GROKEDU_LESSONS", None)
        return done.returncode, done.stdout + done.stderr

    def write(self, block: Block) -> None:
        path = self.folder / block.to
        path.parent.mkdir(exist_ok=True)
        with path.open("a" if block.use == "append" else "w") as file:
            file.write(self.here(block.text))


def export(course: Path, name: str) -> list[list[str]]:
    with (course / name).open(newline="") as file:
        return list(csv.reader(file))


def check_export(course: Path, block: Block, learner: str) -> list[str]:
    """What is wrong with an export, for the class as it stands at that place of the guide."""
    if "nbgrader export" in block.text:
        header, *rows = export(course, "gradebook/01_grokking-csv.csv")
        places = [header.index(name) for name in ("student_id", "score", "status")]
        found = [tuple(row[at] for at in places) for row in rows]
        wanted = [
            ("4711", "13.0", "to be read"),
            ("4712", "", "needs-review"),
            ("ada", "30.0", "to be read"),
            ("ben", "12.5", "to be read"),  # 36 h late, of which 24 h were granted
            (learner, "0.0", "graded"),
            ("student-03", "", "needs-review"),
            ("student-04", "", "none handed in"),
            ("student-05", "", "none handed in"),
        ]
        return [] if found == sorted(wanted) else [f"exported: {found}"]
    if "--for canvas" in block.text:
        found = [row[-1] for row in export(course, "canvas.csv")]
        return [] if found == ["Grokking", "35", "13", "30"] else [f"for Canvas: {found}"]
    if "--for moodle" in block.text:
        found = [row[4] for row in export(course, "moodle.csv")]
        return [] if found == ["Grade", "12.5"] else [f"for Moodle: {found}"]
    return []


@pytest.mark.grading
@pytest.mark.full
def test_every_command_does_what_is_said(tmp_path: Path, cluster):
    course = make_course(tmp_path / "course")
    shutil.copytree(ROOT / "results", course / "results")
    hand_ins(course)
    learner = getpass.getuser()
    places = {EXCHANGE: str(tmp_path / "exchange"), SCHEDULER: cluster[0], LEARNER: learner}
    terminal = Terminal(course, places)
    collected, aside = course / "gradebook" / "submitted" / learner, tmp_path / "aside"
    unsaid, wrong, shown = dict(SAYS), [], ""
    for block in blocks():
        if block.use in ("file", "append"):
            terminal.write(block)
        elif block.language == "text":
            lines = [line for line in block.text.splitlines() if line not in shown.splitlines()]
            wrong += [f"not said: {line}" for line in lines]
            aside.rename(collected)
        elif block.runs:
            words = next((key for key in unsaid if key in block.text), "")
            wanted, says = unsaid.pop(words, (0, ()))
            status, shown = terminal.run(block)
            print(f"{block.text}=> {status}\n{shown}\n")
            if status != wanted or any(each not in shown for each in says):
                wrong.append(f"{block.text}wanted {wanted}, {says}; ended with {status}:\n{shown}")
            wrong += check_export(course, block, learner)
        if "nbgrader collect" in block.text:
            collected.rename(aside)  # whoever runs this test is not in the table that is shown
    assert not wrong, "\n\n".join(wrong)
    assert not unsaid
    assert terminal.used == set(places)
    assert (tmp_path / "gradebook.tar.gz").stat().st_size > 0
    assert not [*(course / "gradebook").rglob("student?03*")]
