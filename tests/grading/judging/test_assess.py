"""One submission from its bytes to its result: what costs which points, and what a person sees."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_output

from grokedu.classroom.cells import grade_id
from grokedu.grading.judging import assess as assessing
from grokedu.grading.judging.assess import Grader, assess, case_seed
from grokedu.grading.judging.plan import Plan, make_plan
from grokedu.grading.result import Result, Status, Submission
from grokedu.grading.sandbox.sandbox import why_not
from grokedu.lessons import find

ROOT = Path(__file__).resolve().parents[3]
NAME = "01_grokking"
RELEASE = ROOT / "course" / NAME / f"{NAME}.ipynb"
KEY = ROOT / "solutions" / NAME / f"{NAME}.ipynb"
SEED = 20260101
FORWARD = """\
def forward(params, pairs):
    hidden = params["A"][..., pairs[:, 0], :] + params["B"][..., pairs[:, 1], :]
    return hidden.square() @ params["W"]
"""
starts = [
    pytest.mark.attacks,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "a sandbox can be made"),
]


def plan() -> Plan:
    made = make_plan(NAME, find, RELEASE, SEED)
    return replace(made, cell_seconds=2.0, check_seconds=8.0, student_seconds=40.0)


@pytest.fixture(scope="module")
def grader() -> Iterator[Grader]:
    made = Grader(plan())
    yield made
    made.close()


def handed_in(
    answers: dict[str, str] | None = None,
    own: str = "",
    change: Callable[[NotebookNode], None] = lambda notebook: None,
    student: str = "ada",
) -> Submission:
    """Right answers, but for those given, and a cell of the learner's own before the first."""
    notebook = nbformat.read(RELEASE, as_version=4)
    right = {cell.id: cell.source for cell in nbformat.read(KEY, as_version=4).cells}
    first = len(notebook.cells)
    for place, cell in enumerate(notebook.cells):
        if cell.metadata.get("nbgrader", {}).get("solution") and cell.cell_type == "code":
            cell.source = (answers or {}).get(cell.id, right[cell.id])
            first = min(first, place)
    if own:
        notebook.cells.insert(first, new_code_cell(own, id="own-cell"))
    change(notebook)
    return Submission(student, nbformat.writes(notebook).encode())


def lost(result: Result) -> dict[str, str]:
    """The exercises that did not earn all their points, with their outcomes."""
    assert result.status == Status.GRADED, result.reasons
    return {
        id: each["outcome"] for id, each in result.exercises.items() if each["points"] < each["of"]
    }


def outputs(result: Result, id: str) -> list[NotebookNode]:
    notebook = nbformat.reads(result.notebook, 4)
    nbformat.validate(notebook)
    return next(cell.outputs for cell in notebook.cells if cell.id == id)


class TestWithoutASandbox:
    def test_every_student_and_every_change_has_other_cases(self) -> None:
        parts = [
            (SEED, NAME, "forward", "ada", "x"),
            (SEED + 1, NAME, "forward", "ada", "x"),
            (SEED, NAME, "cross_entropy", "ada", "x"),
            (SEED, NAME, "forward", "ben", "x"),
            (SEED, NAME, "forward", "ada", "x "),
            (SEED, NAME, "forward", "ada", "\ud800"),
        ]
        seeds = [case_seed(*each) for each in parts]
        assert len(set(seeds)) == len(parts)
        assert seeds == [case_seed(*each) for each in parts]
        assert all(0 <= seed < 2**31 for seed in seeds)

    def test_what_could_not_be_taken_in_is_for_a_person(self) -> None:
        result = Grader(plan()).grade(Submission("ada", None, "it is a link", ("came late",)))
        assert (result.status, result.reasons) == (Status.NEEDS_REVIEW, ("it is a link",))
        assert result.flags == ("came late",)
        assert {each["outcome"] for each in result.exercises.values()} == {Status.NEEDS_REVIEW}
        noted = json.loads(result.notebook)["metadata"]["grokedu"]
        assert noted == {"status": Status.NEEDS_REVIEW, "reasons": ["it is a link"]}

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "is empty"),
            (b"{}", "not a notebook"),
            (b'{"nbformat": 4, "cells": []}', "this is another notebook"),
        ],
    )
    def test_what_is_no_notebook_of_the_lesson_is_for_a_person(
        self, content: bytes, says: str
    ) -> None:
        result = Grader(plan()).grade(Submission("ada", content))
        assert result.status == Status.NEEDS_REVIEW
        assert says in result.reasons[0]

    def test_what_cannot_be_read_is_for_a_person(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def deep(content: bytes) -> None:
            raise RecursionError

        monkeypatch.setattr(assessing, "repair", deep)
        result = Grader(plan()).grade(Submission("ada", b"{}"))
        assert result.status == Status.NEEDS_REVIEW
        assert result.reasons == ("it could not be read (RecursionError): a person looks at it",)


class Judged:
    pytestmark = starts


class TestPoints(Judged):
    def test_right_answers_earn_all(self, grader: Grader) -> None:
        result = grader.grade(handed_in())
        assert lost(result) == {}
        assert result.points == result.max_points > 0
        assert (result.seed, result.sandbox, result.flags) == (SEED, "bubblewrap", ())

    def test_the_release_earns_nothing(self, grader: Grader) -> None:
        result = grader.grade(Submission("ada", RELEASE.read_bytes()))
        assert set(lost(result).values()) == {"not attempted"}
        assert result.points == 0

    def test_the_card_tells_the_same_points(self, grader: Grader) -> None:
        result = grader.grade(handed_in({"forward": "def forward(params, pairs):\n    return 0"}))
        [card] = outputs(result, "forward-check")
        assert card.data["text/plain"] == "0.0"
        assert "incorrect" in card.data["text/html"]

    def test_a_reference_taken_earns_nothing_and_may_be_used(self, grader: Grader) -> None:
        taken = {"forward": 'forward = check.reference("forward")'}
        assert lost(grader.grade(handed_in(taken))) == {"forward": "reference taken"}

    def test_a_reference_called_earns_its_points_and_is_flagged(self, grader: Grader) -> None:
        calls = "def forward(*args):\n    return check.reference('forward')(*args)"
        result = grader.grade(handed_in({"forward": calls}))
        assert lost(result) == {}
        assert [flag.partition(":")[0] for flag in result.flags] == ["forward"]

    def test_a_syntax_error_costs_its_own_exercise(self, grader: Grader) -> None:
        result = grader.grade(handed_in({"forward": "def forward(params:\n    return 0"}))
        assert lost(result) == {"forward": "crashed"}
        [error] = outputs(result, "forward")
        assert error.ename == "SyntaxError"

    def test_an_exit_costs_its_own_exercise(self, grader: Grader) -> None:
        exits = "import os\ndef forward(*args):\n    os._exit(0)"
        assert lost(grader.grade(handed_in({"forward": exits}))) == {"forward": "crashed"}

    def test_what_stood_before_an_exit_stands_after_it(self, grader: Grader) -> None:
        uses = "def forward(params, pairs):\n    return helped(params, pairs)"
        exits = "import os\ndef cross_entropy(*args):\n    os._exit(0)"
        own = "from grokedu.models.two_layer import forward as helped"
        answers = {
            "forward": uses,
            "modular_addition": exits.replace("cross_entropy", "modular_addition"),
        }
        assert lost(grader.grade(handed_in(answers, own))) == {"modular_addition": "crashed"}

    def test_answers_use_the_learners_own_cells(self, grader: Grader) -> None:
        own = "def fraction_of(n, fraction):\n    return round(n * fraction)"
        split = """\
def train_test_split(n, fraction, generator):
    size = fraction_of(n, fraction)
    if not 0 < size < n:
        raise ValueError("an empty part")
    order = torch.randperm(n, generator=generator)
    return order[:size], order[size:]
"""
        assert lost(grader.grade(handed_in({"train_test_split": split}, own))) == {}
        without = grader.grade(handed_in({"train_test_split": split}))
        assert lost(without) == {"train_test_split": "crashed"}


class TestTheNotebook(Judged):
    def test_a_changed_setup_cell_is_kept_below_the_courses_own(self, grader: Grader) -> None:
        def change(notebook: NotebookNode) -> None:
            for cell in notebook.cells:
                if "from grokedu.lessons import" in cell.source:
                    cell.source += "\nmine = 3"

        answers = {"forward": f"assert mine == 3\n{FORWARD}"}
        assert lost(grader.grade(handed_in(answers, change=change))) == {}
        assert lost(grader.grade(handed_in(answers))) == {"forward": "crashed"}

    def test_a_reference_imported_is_the_reference_all_the_same(self, grader: Grader) -> None:
        imports = {"forward": "from grokedu.models.two_layer import forward"}
        assert lost(grader.grade(handed_in(imports))) == {"forward": "reference taken"}

    def test_what_their_cells_showed_is_kept_and_what_they_raise_is_added(
        self, grader: Grader
    ) -> None:
        seen = new_output("stream", text="seen at home\n")

        def change(notebook: NotebookNode) -> None:
            next(cell for cell in notebook.cells if cell.id == "own-cell").outputs = [seen]

        result = grader.grade(handed_in(own="import math\nprint('here')\n1 / 0", change=change))
        printed, error = outputs(result, "own-cell")
        assert printed.text == "seen at home\n"
        assert (error.ename, error.traceback) == ("ZeroDivisionError", ["line 3: 1 / 0"])
        assert (lost(result), result.flags) == ({}, ())

    def test_where_nothing_was_shown_what_is_printed_is_kept(self, grader: Grader) -> None:
        own = "import math\nprint('looked')\n1 / 0"
        result = grader.grade(handed_in({"forward": f"print('here')\n{FORWARD}"}, own))
        assert outputs(result, "forward")[0].text == "here\n"
        assert outputs(result, "own-cell")[0].text == "looked\n"

    def test_an_experiment_of_their_own_is_not_run(self, grader: Grader) -> None:
        result = grader.grade(handed_in(own="losses = []\nwhile True: losses.append(1)"))
        assert (lost(result), outputs(result, "own-cell")) == ({}, [])

    @pytest.mark.parametrize(
        ("source", "name"),
        [
            ("import math\nwhile True: pass", "TimeLimit"),
            ("import os; os._exit(0)", "ProcessEnded"),
        ],
    )
    def test_a_cell_that_was_ended_says_so(self, grader: Grader, source: str, name: str) -> None:
        result = grader.grade(handed_in(own=source))
        assert [error.ename for error in outputs(result, "own-cell")] == [name]
        assert lost(result) == {}

    def test_check_cells_are_the_courses_own(self, grader: Grader) -> None:
        def change(notebook: NotebookNode) -> None:
            for cell in notebook.cells:
                if (grade_id(cell) or "").endswith("-check"):
                    cell.source = "100.0"

        wrong = {"forward": "def forward(*args):\n    return 1"}
        result = grader.grade(handed_in(wrong, change=change))
        assert lost(result) == {"forward": "incorrect"}

    def test_honest_oddities_cost_nothing(self, grader: Grader) -> None:
        own = """\
%matplotlib inline
import matplotlib.pyplot as plt
from tqdm.auto import tqdm
for step in tqdm(range(3)):
    plt.plot([step])
plt.savefig("figure.png")
display(plt.gcf())
torch.set_num_threads(2)
!echo none
%time 1 + 1
"""
        assert lost(grader.grade(handed_in(own=own))) == {}

    def test_commands_and_installers_do_nothing(self, grader: Grader) -> None:
        own = """\
!pip install -q einops
%pip install einops
%conda install einops
%matplotlib widget
%no_such_magic
from google.colab import drive
drive.mount("/content/drive")
files = !ls
def rows_of(params, pairs):
    get_ipython().system("nvidia-smi")
    return params["A"][..., pairs[:, 0], :] + params["B"][..., pairs[:, 1], :]
exit()
"""
        uses = "def forward(params, pairs):\n    hidden = rows_of(params, pairs)\n"
        result = grader.grade(
            handed_in({"forward": f"{uses}    return hidden.square() @ params['W']"}, own)
        )
        assert (lost(result), outputs(result, "own-cell")) == ({}, [])


class TestFlags(Judged):
    def test_a_cell_that_raised_may_have_cost_an_answer_its_points(self, grader: Grader) -> None:
        uses = "def forward(params, pairs):\n    return helped(params, pairs)"
        result = grader.grade(handed_in({"forward": uses}, "import math\nhelped = no_such_name"))
        assert lost(result) == {"forward": "crashed"}
        assert result.flags == (
            "a cell of their own raised NameError (line 2: helped = no_such_name): "
            "look whether answers lost points by it",
        )

    def test_an_answer_below_its_check_is_flagged(self, grader: Grader) -> None:
        def change(notebook: NotebookNode) -> None:
            notebook.cells.append(new_code_cell(FORWARD, id="too-late"))

        stub = next(cell.source for cell in nbformat.read(RELEASE, 4).cells if cell.id == "forward")
        result = grader.grade(handed_in({"forward": stub}, change=change))
        assert "forward" in lost(result)
        assert [flag for flag in result.flags if "below" in flag] == [
            "forward: defined below its check: look whether it is an answer"
        ]

    def test_a_flag_is_one_line_of_harmless_text(self, grader: Grader) -> None:
        answers = {"forward": "def forward(*args):\n    return 1"}
        own = "class Loud(Exception): pass\nLoud.__name__ = 'a\\x1b[2J\\nb'\nraise Loud"
        result = grader.grade(handed_in(answers, own))
        [flag] = result.flags
        assert flag.isprintable()


class TestLimits(Judged):
    def test_threads_take_turns(self) -> None:
        shared = plan()
        wrong = {"forward": "def forward(*args):\n    return 1"}
        with ThreadPoolExecutor(2) as pool:
            every = [handed_in(wrong if number % 2 else None) for number in range(4)]
            results = list(pool.map(assess, every, [shared] * 4))
        assert [list(lost(result)) for result in results] == [[], ["forward"]] * 2

    def test_out_of_time_is_for_a_person(self, grader: Grader) -> None:
        short = Grader(replace(grader.plan, student_seconds=0.5))
        short._sandbox = grader.sandbox
        result = short.grade(handed_in(own="import time\ntime.sleep(1)"))
        assert result.status == Status.NEEDS_REVIEW
        assert "more than 0.5 s" in result.reasons[0]

    def test_a_check_ends_within_its_budget(self, grader: Grader) -> None:
        short = Grader(replace(grader.plan, check_seconds=1e-3))
        short._sandbox = grader.sandbox
        outcomes = set(lost(short.grade(handed_in())).values())
        assert outcomes
        assert outcomes <= {"timed out", "partly"}  # a first call may end before it is counted

    def test_the_next_submission_is_graded_as_if_it_were_the_first(self, grader: Grader) -> None:
        before = grader.grade(handed_in())
        grader.grade(handed_in(own="import os\nos.makedirs('a/b')\nos.chmod('a', 0)"))
        after = grader.grade(handed_in())
        assert after.exercises == before.exercises
        assert after.notebook == before.notebook
