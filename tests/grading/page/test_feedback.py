"""Feedback pages: what they tell, what they keep back, and that nbgrader makes the same ones."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from grokedu.grading.book.course import Course
from grokedu.grading.book.gradebook import publish
from grokedu.grading.judging.annotations import FINDINGS
from grokedu.grading.page import feedback
from tests.grading import graded
from tests.grading.coursefolder import result, score_by_hand

NAME = graded.NAME


def words(html: str) -> str:
    """What a reader sees."""
    html = re.sub(r"(?s)<style>.*?</style>", "", html).replace("<wbr>", "")
    return " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())


class Table(HTMLParser):
    """The rows of the table of points, and the ids of the page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.headings: list[int] = []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given["href"][1:]] if given.get("href", "").startswith("#place") else []
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "nav":
            self.inside = "nav"
        if self.inside and tag == "tr":
            self.rows.append([])
        if self.inside and tag in ("th", "td"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        if tag == "nav":
            self.inside = ""

    def handle_data(self, data):
        if self.inside and self.rows:
            self.rows[-1][-1] += data.replace("\n", "")


@pytest.fixture(scope="module")
def half() -> str:
    return graded.of_student(graded.half(), "ada", late_penalty=2.0)


def test_the_head_tells_lesson_student_score_and_penalty(half: str):
    said = words(half)
    assert "Feedback on 01 · Grokking for ada" in said
    assert "9 of 35 points so far" in said
    assert "Handed in late: 2 points were taken off" in said
    assert "1 answer is still to be read by a person" in said
    assert "<bdi>ada</bdi>" in half
    assert '<html lang="en" dir="ltr">' in half


def test_the_table_tells_each_outcome_by_sign_and_word_and_leads_to_its_place(half: str):
    table = Table(half)
    assert table.rows[1:] == [
        ["modular_addition", "3 of 3", "✓ correct"],
        ["train_test_split", "4 of 4", "✓ correct"],
        ["forward", "1 of 3", "◐ partly"],
        ["cross_entropy", "0 of 4", "! crashed"],
        ["average_log_prob", "3 of 3", "✓ correct"],
        ["train_step", "0 of 4", "… not attempted"],
        ["grokking_delay", "0 of 5", "… not attempted"],
        ["censored_median", "0 of 4", "… not attempted"],
        ["norm", "– of 3", "○ not yet read"],
        ["censored", "0 of 2", "… not answered"],
    ]
    assert len(set(table.links)) == 10
    assert set(table.links) <= set(table.ids)
    assert len(set(table.ids)) == len(table.ids)


@pytest.mark.parametrize("make", [graded.perfect, graded.half, graded.needs_review])
def test_headings_are_in_order_under_one_of_level_one(make):
    levels = Table(graded.of_student(make())).headings
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_what_was_handed_in_stands_in_order_with_cards_and_comments(half: str):
    said = words(half)
    places = [
        said.rindex(text)
        for text in (
            "2 · A network that could know how to add",
            'return ( a + b ) . square () @ params [ "W" ]',
            "1/1 for all pairs",
            "forward partly — 1 of 3 points",
            "This looks like right for all p² pairs in order",
            "cross_entropy crashed — 0 of 4 points",
            "My own notes",
            "KeyError: 'the norm' in line 3: table['the norm']",
            "7 · What sets the delay?",
            "says what the norm did in at least two settings",  # the rubric
            r"$$\lVert w \rVert = \sqrt{\sum_i w_i^2}$$",
            "Your answer: censored",
        )
    ]
    assert places == sorted(places)
    assert "No response." not in said


def test_the_course_gives_headings_that_lead_somewhere_and_no_prose(half: str):
    said = words(half)
    assert "memorised its examples" not in said
    assert "5 · Does the weight norm fall?" not in said  # nothing of the learner's stands there
    assert "Sources" not in said
    assert 'alt="Two panels of train and test curves' in half


def test_nothing_of_the_check_or_the_package_is_told(half: str):
    said = words(half)
    assert "secret_line_of_the_package" not in said
    assert "Traceback" not in said
    assert "lesson.py" not in said
    assert "check . forward ( forward )" not in said
    assert "check.forward(forward)" not in said


def test_needs_review_shows_why_and_never_a_zero():
    said = words(graded.of_student(graded.needs_review()))
    assert "A person will look at this Not yet graded." in said
    assert graded.WHY in said
    assert "– of 3 ○ not yet graded" in said
    assert not re.search(r"\b0 of", said)
    assert "nothing was written" not in said
    assert "YOUR ANSWER HERE" not in said


def test_once_a_person_gave_all_points_it_is_graded():
    notebook = graded.needs_review()
    for cell in notebook.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.metadata.nbgrader.update(score=1.0, by_hand=True)
    said = words(graded.of_student(notebook))
    assert "10 of 35 points" in said
    assert "A person will look" not in said
    assert "forward 1 of 3 ● marked by a person" in said


def test_what_a_person_gave_stands_over_what_the_check_found():
    notebook = graded.half()
    graded.marks(notebook, "forward-check").update(score=3.0, by_hand=True)
    said = words(graded.of_student(notebook))
    assert "forward 3 of 3 ● marked by a person" in said
    assert "A person looked at this and gave 3 of 3 points." in said


def test_a_card_that_the_gradebook_did_not_go_by_is_not_shown():
    notebook = graded.half()
    graded.marks(notebook, "modular_addition-check")["score"] = 0.0
    said = words(graded.of_student(notebook))
    assert "modular_addition incorrect — 0 of 3 points" in said
    assert "modular_addition correct" not in said


def without_findings(notebook):
    """A notebook as it was graded before checks left their findings as data."""
    for cell in notebook.cells:
        for output in cell.get("outputs", ()):
            output.get("data", {}).pop(FINDINGS, None)
    return notebook


def test_a_notebook_graded_earlier_keeps_its_cards_and_its_points(half: str):
    earlier = graded.of_student(without_findings(graded.half()), "ada", late_penalty=2.0)
    rows, wanted = Table(earlier).rows, Table(half).rows
    assert [row[:2] for row in rows] == [row[:2] for row in wanted]
    changed = {row[0]: row[2] for row, other in zip(rows, wanted, strict=True) if row != other}
    assert changed == {"cross_entropy": "✗ incorrect"}  # crashed, says its card alone
    assert words(earlier).replace("✗ incorrect", "! crashed") == words(half)


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        {},
        {"groups": {}},
        {"outcome": "well done"},
        {"groups": {"all": [1]}},
        {"groups": {"all": ["x", 3]}},
        {"passed": 1e400},
        {"failure": {"case": "x", "more": 1}},
        {"also": 3},
    ],
)
def test_findings_that_are_unsound_count_as_missing(odd):
    notebook = graded.half()
    data = graded.cell_of(notebook, "modular_addition-check").outputs[0].data
    wrong = data[FINDINGS] | odd if isinstance(odd, dict) and odd else odd
    data[FINDINGS] = wrong
    said = words(graded.of_student(notebook))
    assert "modular_addition 3 of 3 ✓ correct" in said


def test_an_error_of_a_check_cell_tells_no_line():
    notebook = graded.half()
    cell = graded.cell_of(notebook, "train_step-check")
    cell.outputs = [graded.error("NameError", "name 'train_step' is not defined")]
    said = words(graded.of_student(notebook))
    assert "NameError: name 'train_step' is not defined" in said
    assert "train_step incorrect — 0 of 4 points" in said


@pytest.mark.parametrize("count", [30, 31])
def test_long_outputs_are_folded_away(count: int):
    notebook = graded.half()
    text = "\n".join(f"row {row}" for row in range(count))
    graded.cell_of(notebook, "own").outputs = [new_output("stream", text=text)]
    folded = f"<summary>Output, {count} lines</summary>" in graded.of_student(notebook)
    assert folded == (count > 30)


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<iframe src=https://example.org></iframe>",
    "[go](javascript:alert(1)) [go](JaVaScRiPt&#58;alert(1)) [go](data:text/html,x)",
    "![](https://example.org/pixel.png) ![x](data:image/svg+xml;base64,PHN2Zz4=)",
    "</pre></div></main><h1>Full marks</h1>",
    "<style>body { display: none }</style><link rel=stylesheet href=https://example.org>",
    "<div style='position:fixed' id=points class=card>forged</div>",
    "<meta http-equiv=refresh content='0;url=https://example.org'><base href=https://example.org>",
    "<a href=' javascript:alert(1)'>go</a><form action=https://example.org><input></form>",
    "{{ 7 * 7 }} {% raw %}",
    "$<img src=x onerror=alert(1)>$",
    "`</code><script>alert(1)</script>`",
    "\ud800 lone \x1b[31mred\x1b[0m \x00",
]


class Markup(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


@pytest.mark.parametrize("evil", HOSTILE)
def test_nothing_in_a_notebook_gets_to_run_or_load(evil: str):
    notebook = graded.half()
    data = {"text/html": evil, "image/svg+xml": evil, "application/javascript": evil}
    outputs = [
        new_output("display_data", data=data),
        new_output("display_data", data={"image/png": evil}),
        new_output("stream", text=evil),
        new_output("error", ename=evil, evalue=evil, traceback=[evil]),
    ]
    for id in ("forward", "own"):
        cell = graded.cell_of(notebook, id)
        cell.source, cell.outputs = f"# {evil}\n{evil}", outputs
    for id in ("norm-reflect", "notes"):
        graded.cell_of(notebook, id).source = evil
    graded.cell_of(notebook, "norm-reflect")["attachments"] = {"x.png": {"image/png": evil}}
    for place in ("forward", "forward-check"):
        graded.marks(notebook, place)["comment"] = evil
    card = graded.cell_of(notebook, "forward-check").outputs[0]
    card.data["text/html"] += evil
    card.data[FINDINGS]["failure"].update(found=evil, line=evil, case=evil)
    card.data[FINDINGS]["exercise"] = evil
    notebook.metadata["grokedu"]["reasons"] = [evil]
    html = graded.of_student(notebook, student=evil, lesson_title=evil)
    html.encode()

    usual = Markup(graded.of_student(graded.half()))
    allowed = {tag for tag, _ in usual.tags} | {"br", "hr", "b", "i", "blockquote"}
    found = Markup(html)
    assert {tag for tag, _ in found.tags} <= allowed
    assert [tag for tag, _ in found.tags if tag in ("h1", "main", "style", "meta", "html")] == [
        tag for tag, _ in usual.tags if tag in ("h1", "main", "style", "meta", "html")
    ]
    for tag, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
        if tag == "img":
            assert attributes["src"].startswith(("data:image/png;base64,", "data:image/jpeg;"))
        elif "href" in attributes:
            assert re.match(r"#|https://", attributes["href"])
        assert "src" not in attributes or tag == "img"
    ids = [attributes["id"] for _, attributes in found.tags if "id" in attributes]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    "odd",
    [
        {"grokedu": "graded"},
        {"grokedu": {"status": ["needs-review"], "reasons": "why"}},
        {"grokedu": {"status": "graded", "reasons": [None, 3, {}]}},
        {},
    ],
)
def test_odd_metadata_and_outputs_stop_nothing(odd):
    notebook = graded.release()
    notebook.metadata = nbformat.from_dict(odd)
    for id, marks in (("forward", "none"), ("forward-check", {"grade": True, "score": "3"})):
        graded.cell_of(notebook, id).metadata["nbgrader"] = marks
    odd_outputs = [
        "text", {}, {"output_type": "display_data"}, {"output_type": 3, "data": []},
        {"output_type": "stream", "text": {"a": 1}}, {"output_type": "error", "traceback": "x"},
        {"output_type": "display_data", "data": {"image/png": 5}, "metadata": []},
    ]  # fmt: skip
    more = new_code_cell("x = 1")
    more["outputs"] = odd_outputs
    none = new_code_cell("y = 2")
    none["outputs"] = None
    pictures = new_markdown_cell("![](attachment:a.png)")
    pictures["attachments"] = "none"
    deep = new_code_cell("(" * 5000 + "\n" + "a." * 5000 + "b")
    notebook.cells += [more, none, pictures, deep, new_markdown_cell(">" * 3000 + "*a **a " * 500)]
    about = {"student": "ben", "lesson_title": "x", "score": 0.0, "max_score": 1.0}
    assert feedback.page(notebook, **about).startswith("<!DOCTYPE html>")


def test_text_that_is_slow_to_read_is_shown_unread():
    notebook = graded.half()
    slow = new_output("display_data", data={"text/html": "<div>" * 60_000, "text/plain": "plain"})
    graded.cell_of(notebook, "own").outputs = [slow] * 60
    graded.cell_of(notebook, "notes").source = "[" * 100_000
    html = graded.of_student(notebook)
    assert "10 more outputs are not shown." in html
    assert "[" * 40_000 in html
    assert "… (cut here)" in html


def test_a_page_is_written_from_the_gradebook(course: Course):
    publish(course, result("ada", NAME, share=0.5))
    file = feedback.write(course, "ada", NAME)
    assert file == course.root / "gradebook" / "feedback" / "ada" / NAME / f"{NAME}.html"
    assert file.stat().st_mode & 0o777 == 0o644
    said = words(file.read_text(encoding="utf-8"))
    assert "15 of 35 points so far" in said
    assert "2 answers are still to be read" in said

    score_by_hand(course, "ada", NAME, norm_reflect=3.0, censored_reflect=0.0, forward_check=3.0)
    said = words(feedback.write(course, "ada", NAME).read_text(encoding="utf-8"))
    assert "19.5 of 35 points" in said
    assert "so far" not in said
    assert "norm 3 of 3 ● read by a person" in said
    assert "censored 0 of 2 ● read by a person" in said
    assert "forward 3 of 3 ● marked by a person" in said
    assert "Comment well put" in said
    assert [path.name for path in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("notebook", ["", None])
def test_a_page_of_what_needs_review_has_its_reason(course: Course, notebook: str | None):
    changes = {"status": "needs-review", "reasons": ("cut <short>",), "exercises": {}}
    if notebook is None:
        notebook = nbformat.writes(graded.needs_review()).replace(graded.WHY, "cut <short>")
    publish(course, result("ben", NAME, notebook=notebook, **changes))
    said = words(feedback.write(course, "ben", NAME).read_text(encoding="utf-8"))
    assert "Not yet graded. It could not be graded by itself: cut <short> Points" in said
    assert not re.search(r"\b0 of", said)
    assert "Your cell" not in said


def test_a_page_of_nothing_is_refused_with_what_to_do(course: Course):
    with pytest.raises(ValueError, match=r"by student 'nobody': there is no .*; grade it with"):
        feedback.write(course, "nobody", NAME)
    publish(course, result("ada", NAME))
    stray = course.folder("autograded", "stray", NAME)
    stray.mkdir(parents=True)
    (stray / f"{NAME}.ipynb").write_text(nbformat.writes(graded.release()))
    with pytest.raises(ValueError, match="nothing is graded for 01_grokking by student 'stray'"):
        feedback.write(course, "stray", NAME)


def test_the_exporter_wants_points_from_the_gradebook():
    with pytest.raises(ValueError, match="nbgrader generate_feedback LESSON"):
        feedback.FeedbackExporter().from_notebook_node(graded.release())


@pytest.mark.grading
def test_nbgraders_command_makes_the_very_same_pages(course: Course):
    publish(course, result("ada", NAME, share=0.5))
    publish(course, result("zoë", NAME, notebook=nbformat.writes(graded.half())))
    publish(course, result("ben", NAME, status="needs-review", reasons=("why",), notebook=""))
    score_by_hand(course, "ada", NAME, norm_reflect=2.0)
    own = {s: feedback.write(course, s, NAME).read_bytes() for s in ("ada", "zoë", "ben")}
    run = subprocess.run(
        [sys.executable, "-m", "nbgrader", "generate_feedback", NAME, "--force"],
        cwd=course.root,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    folder = course.root / "gradebook" / "feedback"
    made = {s: (folder / s / NAME / f"{NAME}.html").read_bytes() for s in own}
    assert made == own
    assert "Removing existing assignment" in run.stderr  # it was nbgrader that wrote these
