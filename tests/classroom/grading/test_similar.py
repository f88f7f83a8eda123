from __future__ import annotations

from grokedu.classroom.grading.similar import similar_answers

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
