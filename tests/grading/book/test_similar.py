from __future__ import annotations

import time

import pytest

from grokedu.grading.book.similar import similar_answers

GIVEN = {
    "f": 'def f(weights):\n    """Their norm, all together."""\n    raise NotImplementedError()\n'
}
USUAL = "def f(weights):\n    return weights.square().sum().sqrt()\n"
ODD = """\
def f(weights):
    running_total_of_squares = 0.0
    for single_entry in weights.reshape(-1).tolist():
        running_total_of_squares = running_total_of_squares + single_entry**2
    return running_total_of_squares ** (1 / 2)
"""


def other(n: int) -> str:
    return (
        f"def f(weights):\n    t{n} = weights.pow({n}).sum({n} * 0)\n    return t{n} ** (1 / {n})\n"
    )


def test_what_two_students_alone_wrote_the_same_is_listed():
    copied = "# my own work\n" + ODD.replace("0.0", "0.0  # start")
    answers = {"ada": {"f": ODD}, "ben": {"f": copied}}
    answers |= {f"s{n}": {"f": other(n)} for n in range(2, 12)}
    [pair] = similar_answers(answers, GIVEN)
    assert (pair.first, pair.second, pair.share, pair.exercises) == ("ada", "ben", 1.0, ("f",))
    assert str(pair) == (
        "Nearly identical, to look at: ada and ben (100% of what few others wrote; f)"
    )


def test_an_answer_that_many_write_is_not():
    assert similar_answers({f"s{n}": {"f": USUAL} for n in range(30)}, GIVEN) == []


def test_short_right_answers_of_two_students_are_not():
    assert similar_answers({"ada": {"f": USUAL}, "ben": {"f": USUAL}}, GIVEN) == []


def test_what_was_released_counts_for_nothing():
    assert similar_answers({"ada": GIVEN, "ben": GIVEN}, GIVEN) == []


def test_an_answer_that_is_no_python_is_compared_as_far_as_it_goes():
    broken = ODD + "    'no end\n"
    pairs = similar_answers({"ada": {"f": ODD}, "ben": {"f": broken}}, GIVEN)
    assert [(pair.first, pair.second) for pair in pairs] == [("ada", "ben")]


LONG = 900_000
ENDLESS = {
    "names": "x = (" + " , ".join(f"a{i}" for i in range(140_000)) + ")",
    "brackets": "(" * LONG,
    "an f-string's brackets": "f'" + "{" * LONG,
    "lines of a text": "x='''" + "\n" * LONG,
    "backslashes": "\\\n" * (LONG // 2),
    "a text's backslashes": '"' + "\\" * LONG,
    "blocks in blocks": "".join(" " * i + "if 1:\n" for i in range(1300)),
    "digits": "1" * LONG,
}


@pytest.mark.parametrize("how", ENDLESS)
def test_no_answer_makes_the_comparison_stall(how):
    started = time.process_time()
    similar_answers({"ada": {"f": ENDLESS[how]}, "ben": {"f": ODD}}, GIVEN)
    assert time.process_time() - started < 1


def test_of_a_long_answer_only_its_beginning_counts():
    long = "\n".join(f"name_{n} = {n}" for n in range(2000))
    answers = {"ada": {"f": f"{long}\n{ODD}"}, "ben": {"f": ODD}}
    assert similar_answers(answers, GIVEN) == []
    many = {student: {"f": f"{long}\n{ODD}"} for student in ("ada", "ben")}
    assert [(pair.first, pair.second) for pair in similar_answers(many, GIVEN)] == [("ada", "ben")]


def test_the_same_run_in_two_exercises_counts_for_each():
    answers = {student: {"f": ODD, "g": ODD} for student in ("ada", "ben")}
    [pair] = similar_answers(answers, GIVEN)
    assert (pair.share, pair.exercises) == (1.0, ("f", "g"))
