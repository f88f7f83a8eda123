from __future__ import annotations

from copy import deepcopy

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat import NotebookNode

from grokedu.classroom.cells import content_id
from grokedu.classroom.learning.graft import LEFT_OVER, graft
from tests.classroom.notebooks import (
    answer,
    check,
    notebook,
    own,
    predict,
    prose,
    reflect,
    small_lesson,
)
from tests.classroom.notebooks import (
    cell as code_cell,
)

DOUBLE = "def double(x):\n    return 2 * x"


def by_id(made: NotebookNode) -> dict[str, str]:
    return {cell.id: cell.source for cell in made.cells}


def learners_copy() -> NotebookNode:
    """Double, the prediction and the reflection written; halve open; two own cells."""
    old = small_lesson()
    old.cells[1].source = DOUBLE
    old.cells[3].source = 'check.predict("norm", "it falls")'
    old.cells[7].source = "Because it is."
    old.cells.insert(2, own("double(4)", "aaaa"))
    old.cells.append(own("# done", "bbbb"))
    return old


def test_answers_predictions_reflections_and_own_cells_are_carried_over():
    release = small_lesson()
    release.cells[0] = prose("# A better lesson")
    release.cells[3].source += "  # think"
    release.cells[3].id = content_id("code", release.cells[3].source)
    release.cells[5] = answer("halve", doc="Do it better.")
    made, report = graft(release, learners_copy())
    got = by_id(made)
    assert got["double"] == DOUBLE
    assert got[release.cells[3].id] == 'check.predict("norm", "it falls")'
    assert got["why-reflect"] == "Because it is."
    assert "Do it better." in got["halve"]
    assert "# A better lesson" in got.values()
    assert "# A lesson" not in got.values()
    ids = [cell.id for cell in made.cells]
    assert ids.index("aaaa") == ids.index("double") + 1
    assert ids[-1] == "bbbb"
    assert report.kept == ["double", "norm", "why-reflect"]
    assert report.open == ["halve"]
    assert (report.own_cells, report.left_over, report.set_back) == (2, [], [])
    nbformat.validate(made)


def test_the_course_wins_over_changed_cells_of_its_own():
    old = learners_copy()
    old.cells[3].source = "check.double(lambda x: 1)"
    old.cells[3].metadata.nbgrader.points = 100
    made, report = graft(small_lesson(), old)
    assert by_id(made)["double-check"] == "check.double(double)"
    assert made.cells[3].metadata.nbgrader.points == 2
    assert report.set_back == ["double-check"]


def experiment(source: str = "steps = 100") -> NotebookNode:
    return code_cell("code", source, content_id("code", source))


def test_a_changed_code_cell_of_the_course_stands_as_released_with_the_change_below_it():
    release, old = small_lesson(), learners_copy()
    release.cells.insert(0, experiment())
    old.cells.insert(0, experiment())
    old.cells[0].source = "import math\nsteps = 10"
    made, report = graft(release, old)
    assert [each.source for each in made.cells[:2]] == ["steps = 100", "import math\nsteps = 10"]
    assert made.cells[1].id != made.cells[0].id
    assert (report.set_back, report.own_cells) == (["steps = 100"], 3)
    assert graft(release, made)[0] == made


def test_an_unchanged_cell_of_an_earlier_release_is_not_taken_for_a_change():
    release, old = small_lesson(), learners_copy()
    release.cells.insert(0, experiment("steps = 200"))
    old.cells.insert(0, experiment("steps = 100"))
    assert "steps = 100" not in by_id(graft(release, old)[0]).values()


def test_outputs_come_along_only_if_asked():
    release, old = small_lesson(), learners_copy()
    release.cells.insert(0, experiment())
    old.cells.insert(0, experiment())
    shown = {"output_type": "stream", "name": "stdout", "text": "seen"}
    for each in old.cells:
        if each.cell_type == "code":
            each.outputs = [shown]
    with_outputs, _ = graft(release, old, outputs=True)
    found = {each.id: each.outputs for each in with_outputs.cells if each.cell_type == "code"}
    assert found[release.cells[0].id] == found["double"] == found["aaaa"] == [shown]
    assert found["halve"] == [shown]
    without, _ = graft(release, old)
    assert not any(each.outputs for each in without.cells if each.cell_type == "code")


def test_deleted_cells_come_back():
    old = learners_copy()
    del old.cells[3:6]
    assert set(by_id(small_lesson())) <= set(by_id(graft(small_lesson(), old)[0]))


def test_an_answer_without_a_place_goes_to_the_end():
    release = small_lesson()
    del release.cells[1:3]
    made, report = graft(release, learners_copy())
    assert report.left_over == ["double"]
    assert [cell.source for cell in made.cells[-2:]] == [LEFT_OVER, DOUBLE]
    assert not made.cells[-1].metadata


def test_an_open_answer_without_a_place_is_dropped():
    release = small_lesson()
    del release.cells[1:3]
    made, report = graft(release, small_lesson())
    assert (len(made.cells), report.left_over) == (6, [])


def test_of_copied_answer_cells_the_last_written_one_counts_and_none_is_lost():
    old = small_lesson()
    old.cells[1].source = "def double(x):\n    return x"
    copy, empty = deepcopy(old.cells[1]), deepcopy(old.cells[1])
    copy.source, copy.id = DOUBLE, "copy"
    empty.source, empty.id = small_lesson().cells[1].source, "empty"
    old.cells[2:2] = [copy, empty]
    made, _ = graft(small_lesson(), old)
    assert by_id(made)["double"] == DOUBLE
    assert [cell.source for cell in made.cells].count("def double(x):\n    return x") == 1
    nbformat.validate(made)


def test_a_notebook_from_colab_without_metadata_finds_its_places():
    old = learners_copy()
    for cell in old.cells:
        cell.metadata = nbformat.from_dict({"id": cell.pop("id")})
    made, report = graft(small_lesson(), old)
    assert by_id(made)["double"] == DOUBLE
    assert report.kept == ["double", "norm", "why-reflect"]
    assert report.open == ["halve"]
    assert report.own_cells == 2


def test_a_notebook_that_lost_all_metadata_is_matched_by_what_it_defines():
    old = learners_copy()
    for number, cell in enumerate(old.cells):
        cell.id, cell.metadata = f"x{number}", nbformat.from_dict({})
    release = small_lesson()
    release.cells[5] = answer("halve", doc="Do it better.")
    made, report = graft(release, old)
    assert by_id(made)["double"] == DOUBLE
    assert "Do it better." in by_id(made)["halve"]
    assert report.kept == ["double", "norm"]
    assert report.open == ["halve", "why-reflect"]
    sources = [cell.source for cell in made.cells]
    assert "Because it is." in sources
    assert sources.count("# A lesson") == 1


def test_a_note_in_an_empty_answer_is_an_answer():
    old = small_lesson()
    old.cells[1].source = old.cells[1].source.replace("    raise", "    # try x + x\n    raise")
    made, report = graft(small_lesson(), old)
    assert "# try x + x" in by_id(made)["double"]
    assert report.kept == ["double"]


def test_an_unwritten_answer_is_known_by_nbgraders_checksum():
    from nbgrader.utils import compute_checksum

    old, release = small_lesson(), small_lesson()
    for number in (1, 7):
        old.cells[number].source += "\n# of an earlier release"
        old.cells[number].metadata.nbgrader.checksum = compute_checksum(old.cells[number])
    made, report = graft(release, old)
    assert made.cells == release.cells
    assert report.kept == []


def test_an_old_prose_cell_of_the_course_does_not_stay():
    old = notebook(prose("old words"), answer("double"), check("double"))
    assert "old words" not in by_id(graft(small_lesson(), old)[0]).values()


def test_metadata_of_the_learners_own_cells_does_not_cross():
    old = small_lesson()
    old.cells.append(own("1", "mine"))
    old.cells[-1].metadata = nbformat.from_dict({"tags": ["skip-execution"]})
    assert graft(small_lesson(), old)[0].cells[-1].metadata == {}


@pytest.mark.parametrize("odd", [None, 3, [], {"grade_id": ["x"]}, {"solution": "yes"}])
def test_odd_metadata_is_ignored(odd):
    old = small_lesson()
    old.cells[1].metadata["nbgrader"] = odd
    old.cells[1].source = DOUBLE
    assert by_id(graft(small_lesson(), old)[0])["double"] == DOUBLE


PARTS = {
    "prose": lambda n: prose(f"text {n}"),
    "answer": lambda n: answer(f"f{n}"),
    "check": lambda n: check(f"f{n}"),
    "reflect": lambda n: reflect(f"r{n}"),
    "predict": lambda n: predict(f"q{n}"),
}
parts = st.tuples(st.sampled_from(sorted(PARTS)), st.integers(0, 4))
lessons = st.lists(parts, unique=True, max_size=12).map(
    lambda chosen: notebook(*(PARTS[kind](n) for kind, n in chosen))
)


@st.composite
def copies(draw: st.DrawFn) -> NotebookNode:
    """A lesson as a learner may leave it: written in, copied, moved, extended, stripped."""
    made = draw(lessons)
    words = st.text("ab \n#=", min_size=1, max_size=12)
    for cell in made.cells:
        if draw(st.booleans()):
            cell.source = draw(words)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(made.cells)))
        kind = draw(st.sampled_from(["code", "markdown"]))
        made.cells.insert(at, own(draw(words), draw(st.sampled_from(["o1", "o2", "f1"])), kind))
    if made.cells and draw(st.booleans()):
        copied = deepcopy(made.cells[draw(st.integers(0, len(made.cells) - 1))])
        copied.source = draw(words)
        made.cells.append(copied)
    made.cells = draw(st.permutations(made.cells))
    if draw(st.booleans()):
        for cell in made.cells:
            cell.metadata = nbformat.from_dict({})
    return made


@given(lessons, copies())
def test_the_release_stands_and_a_second_graft_changes_nothing(release, old):
    before = deepcopy((release, old))
    made, _ = graft(release, old)
    assert (release, old) == before
    ids = [cell.id for cell in made.cells]
    assert len(set(ids)) == len(ids)
    trunk = [cell for cell in made.cells if cell.id in by_id(release)]
    assert [(cell.id, cell.metadata) for cell in trunk] == [
        (cell.id, cell.metadata) for cell in release.cells
    ]
    nbformat.validate(made)
    again, report = graft(release, made)
    assert again == made
    assert report.left_over == []


@given(lessons, copies())
def test_nothing_the_learner_wrote_is_lost(release, old):
    written = {
        cell.source.strip()
        for cell in old.cells
        if cell.source.strip()
        and not cell.metadata.get("nbgrader", {}).get("grade_id", "").endswith("-check")
        and not cell.source.startswith("text")
        and "raise NotImplementedError" not in cell.source
        and "..." not in cell.source
        and cell.source != "YOUR ANSWER HERE"
    }
    course = {cell.source.strip() for cell in release.cells}
    made, report = graft(release, old)
    lost = written - {cell.source.strip() for cell in made.cells} - course
    assert len(lost) <= len(report.set_back)


@given(lessons)
def test_a_lesson_grafted_on_itself_is_itself(release):
    made, report = graft(release, release)
    assert made == release
    assert (report.kept, report.own_cells, report.set_back) == ([], 0, [])
