"""The verdict: a plain number for nbgrader, text for a terminal, an accessible card, a pickle."""

from __future__ import annotations

import copy
import html.parser
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.formatters import DisplayFormatter

from grokedu.classroom.checking.verdict import Failure, Findings, Outcome, Verdict

EVIL = "<script>alert(1)</script>\" onmouseover='x' &amp; ]]>"


def verdict(outcome="partly", **given) -> Verdict:
    groups = {"small": (1.0, 1.0), "large": (0.0, 2.0)}
    failure = Failure("two rows", "tensor([1, 2])", "the result is 3, wanted 4", "line 2 of f: x")
    return Verdict(
        Findings(
            "forward",
            outcome,
            **{"groups": groups, "passed": 1, "total": 2, "failure": failure, "advice": "look"}
            | given,
        )
    )


class Shell:
    """The shell of a kernel, of a class of its own as on Colab."""

    kernel = object()


@pytest.fixture
def in_kernel(monkeypatch):
    monkeypatch.setattr("IPython.get_ipython", Shell)


def shown(value) -> dict[str, str]:
    return DisplayFormatter().format(value)[0]


def test_it_is_the_points_as_a_float():
    assert verdict() == 1.0
    assert isinstance(verdict(), float)
    assert float(verdict()) + 1 == 2.0
    assert repr(verdict()) == "1.0"
    assert f"{verdict():.2f}" == "1.00"
    assert f"{verdict()}" == str(verdict())
    assert (verdict().outcome, verdict().correct) == ("partly", False)
    assert verdict("correct").correct
    assert verdict().findings.max_points == 3.0


def test_a_kernel_shows_nbgrader_the_plain_number(in_kernel):
    data = shown(verdict())
    assert data["text/plain"] == "1.0"
    assert data["text/html"].startswith("<div")


@pytest.mark.parametrize("points", [0.0, 0.5, 1.0, 3.0])
def test_nbgrader_reads_the_points_from_the_cell(in_kernel, points):
    from nbformat.v4 import new_code_cell, new_output
    from nbgrader.utils import determine_grade

    marks = {"grade": True, "solution": False, "points": 3, "grade_id": "f-check"}
    given = verdict(groups={"all": (points, 3.0)})
    outputs = [new_output("execute_result", shown(given), execution_count=1)]
    cell = new_code_cell("check.f(f)", metadata={"nbgrader": marks}, outputs=outputs)
    assert determine_grade(cell) == (points, 3)


def test_a_terminal_shows_the_text():
    assert shown(verdict())["text/plain"] == str(verdict())
    assert str(verdict()).split("\n") == [
        "◐ forward: partly — 1 of 3 points, 1 of 2 cases passed",
        "  First case that failed: two rows: the result is 3, wanted 4",
        "  Called with: tensor([1, 2])",
        "  In your code: line 2 of f: x",
        "  Points: small 1/1, large 0/2",
        "  Next: look",
    ]


def test_a_misconception_and_prints_are_told():
    said = str(verdict(misconception="the root", failure=Failure("c", "", "f", printed="hello")))
    assert "This looks like: the root" in said
    assert "It printed: hello" in said
    assert "Called with" not in said


class Parser(html.parser.HTMLParser):
    """Collects tags and text, and fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.hidden = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if dict(self.tags[-1][1]).get("aria-hidden") == "true" and self.open[-1] == "span":
            self.hidden += data
        else:
            self.text += data


@pytest.mark.parametrize("outcome", tuple(Outcome))
def test_the_card_is_whole_and_accessible(outcome):
    card = Parser(verdict(outcome)._repr_html_())
    outer, attributes = card.tags[0]
    assert (outer, attributes["role"]) == ("div", "group")
    assert attributes["aria-label"].startswith(f"Check of forward: {outcome} — 1 of 3 points")
    assert outcome in card.text  # in words, not by the sign or its colour alone
    assert len(card.hidden) == 1
    assert {tag for tag, _ in card.tags} <= {"div", "p", "span", "code", "strong", "dl", "dt", "dd"}
    assert str(verdict(outcome)).startswith(card.hidden)


def test_each_outcome_has_its_own_sign():
    assert len({str(verdict(outcome))[0] for outcome in Outcome}) == len(Outcome)


def everywhere(text: str) -> Verdict:
    return Verdict(
        Findings(
            text, "incorrect", {text: (0.0, 1.0), "b": (0.0, 1.0)},
            failure=Failure(text, text, text, text, text),
            misconception=text, advice=text, also=(text,),
        )
    )  # fmt: skip


@given(
    st.one_of(st.just(EVIL), st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
)
def test_nothing_in_the_card_is_markup_but_its_own(text):
    card, plain = Parser(everywhere(text)._repr_html_()), Parser(everywhere("x")._repr_html_())
    assert [tag for tag, _ in card.tags] == [tag for tag, _ in plain.tags]
    for (_, attributes), (_, usual) in zip(card.tags, plain.tags, strict=True):
        assert attributes.keys() == usual.keys()
    assert card.text.count(text) >= 8


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_it_pickles_and_copies(protocol):
    for twin in (pickle.loads(pickle.dumps(verdict(), protocol)), copy.deepcopy(verdict())):
        assert type(twin) is Verdict
        assert (twin, twin.findings) == (1.0, verdict().findings)
        assert str(twin) == str(verdict())


@pytest.mark.notebooks
def test_in_a_real_kernel_nbgrader_gets_a_number_and_the_learner_a_card():
    from nbclient import NotebookClient
    from nbformat.v4 import new_code_cell, new_notebook

    source = (
        "from grokedu.classroom.checking.verdict import Findings, Verdict\n"
        "Verdict(Findings('f', 'partly', {'a': (0.5, 1.0)}))"
    )
    notebook = new_notebook(cells=[new_code_cell(source)])
    NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
    (output,) = notebook.cells[0].outputs
    assert output.data["text/plain"] == "0.5"
    assert "0.5 of 1 points" in output.data["text/html"]
