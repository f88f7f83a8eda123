"""Comparing: rounding is forgiven, anything else is told, and nothing ever raises."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grokedu.classroom.checking.compare import describe, difference
from tests.classroom.checking.test_wire import DTYPES, values

finite = st.floats(-1e6, 1e6)
matrices = st.lists(st.lists(finite, min_size=2, max_size=2), min_size=1, max_size=4).map(
    lambda rows: torch.tensor(rows, dtype=torch.float64)
)


@given(values)
def test_a_value_does_not_differ_from_itself(value):
    if not isinstance(value, np.generic):
        assert difference(value, value) == ""


@given(values, values)
def test_any_two_values_can_be_compared_and_described(got, want):
    assert isinstance(difference(got, want), str)
    assert len(describe(got)) <= 2000


@given(matrices)
def test_rounding_is_forgiven_and_one_bound_more_is_not(matrix):
    scale = max(1.0, matrix.abs().max().item())
    bound = 1000 * torch.finfo(torch.float64).eps * scale
    entry = torch.zeros_like(matrix)
    entry[-1, 1] = bound
    assert difference(matrix + 0.9 * entry, matrix) == ""
    assert "[1] is " in difference(matrix + 2.2 * entry, matrix)
    assert difference(matrix + entry, matrix, operations=0) != "" or scale > 1e12


@given(matrices)
def test_the_coarser_width_sets_the_tolerance(matrix):
    single = matrix.float()
    assert difference(single, matrix) == ""
    assert difference(matrix, single) == ""
    for coarse in (torch.bfloat16, torch.float16):
        assert "too coarse to be compared" in difference(single.to(coarse), matrix)
    assert difference(matrix + 1e-3 * (1 + matrix.abs().max()), single) != ""


@given(matrices, matrices)
def test_order_of_summation_does_not_matter(left, right):
    total = (left.sum() + right.sum()).item()
    other = math.fsum([*right.flatten().tolist(), *left.flatten().tolist()])
    largest = max(1.0, left.abs().max().item(), right.abs().max().item())
    assert difference(total / largest, other / largest) == ""


@given(st.integers(), st.integers())
def test_integers_are_compared_exactly(got, want):
    assert (difference(got, want) == "") == (got == want)


def test_large_integers_against_anything_do_not_overflow():
    huge = 10**400
    for other in (1, 1.0, huge + 1, -huge, math.inf, 1j, torch.tensor(1.0), np.asarray(2.0)):
        assert difference(huge, other) != ""
        assert difference(other, huge) != ""
    assert difference(huge, huge) == ""
    assert difference(complex(1e308, 1e308), 0.0) != ""
    assert difference(1e308, -1e308) != ""


@pytest.mark.parametrize(
    "got",
    [2, 2.0, np.float32(2), np.asarray(2.0), torch.tensor(2.0), torch.tensor(2), Fraction(4, 2)],
)
def test_one_number_in_any_dress(got):
    for want in (2.0, torch.tensor(2.0, dtype=torch.float64), np.asarray(2)):
        found = difference(got, want)
        assert (found == "") == (not isinstance(got, Fraction)), found
        assert difference([got], (want,)) == found.replace("the result", "the result[0]")


@pytest.mark.parametrize("truth", [True, torch.tensor(True), np.asarray(True), np.True_])
def test_truth_in_any_dress(truth):
    for want in (True, torch.tensor(True), np.asarray(True)):
        assert difference(truth, want) == ""
    for want in (False, 1, 1.0, torch.tensor(1), None, "True"):
        assert difference(truth, want) != ""
    assert difference(1, True) != ""


SAID = [
    (None, torch.ones(2), "the result is None: did you forget a `return`?"),
    (None, 1.0, "the result is None: did you forget a `return`?"),
    ((1.0, None), [1.0, 2.0], "the result[1] is None: did you forget a `return`?"),
    ("five", 5, "the result is a string, wanted 5"),
    (2.0, torch.ones(2), "the result is 2.0, wanted a tensor of shape (2,)"),
    ([1.0], torch.ones(1), "the result is a list, wanted a tensor of shape (1,)"),
    (np.ones(2), torch.ones(2), "the result is a NumPy array of shape (2,), wanted a tensor of "
     "shape (2,)"),
    (torch.ones(2), np.ones(2), "the result is a tensor of shape (2,), wanted a NumPy array of "
     "shape (2,)"),
    (torch.ones(1), 1.0, "the result is a tensor of shape (1,), wanted 1.0"),
    (torch.ones(2, 1), torch.ones(2), "the result has shape (2, 1), wanted shape (2,)"),
    (torch.ones(2), torch.tensor(1.0), "the result has shape (2,), wanted shape () (a scalar)"),
    (torch.ones(2), torch.ones(2).long(), "the result has dtype torch.float32 (floating-point), "
     "wanted an integer one"),
    (torch.ones(2).bool(), torch.ones(2), "the result has dtype torch.bool (boolean), wanted a "
     "floating-point one"),
    (torch.tensor([1, 5]), torch.tensor([1, 2]), "the result[1] is 5, wanted 2 (1 of 2 entries "
     "differ)"),
    (math.nan, 1.0, "the result is nan, wanted 1.0"),
    (1.0, math.nan, "the result is 1.0, wanted nan"),
    (math.inf, -math.inf, "the result is inf, wanted -inf"),
    (1.0 + 1e-12, 1.0, "the result is 1.000000000001, wanted 1.0"),
    ((1, 2), [1], "the result has 2 parts, wanted 1"),
    (3, [1], "the result is 3, wanted a list of 1"),
    ({"a": 1}, {"b": 1}, "the result has keys ['a'], wanted ['b']"),
    ([1], {"b": 1}, "the result is a list, wanted a dict with keys ['b']"),
    ({"b": [1, 2]}, {"b": [1, 3]}, "the result['b'][1] is 2, wanted 3"),
    ("none", "ValueError", "the result is 'none', wanted 'ValueError'"),
    (Fraction(1, 2), Fraction(1, 3), "the result is Fraction(1, 2), wanted Fraction(1, 3)"),
]  # fmt: skip


@pytest.mark.parametrize(("got", "want", "said"), SAID, ids=[said for *_, said in SAID])
def test_what_is_said_first(got, want, said):
    assert difference(got, want) == said


def test_nan_and_infinity_agree_with_themselves_only():
    special = torch.tensor([math.nan, math.inf, -math.inf, 1.0])
    assert difference(special.clone(), special) == ""
    assert difference(special.flip(0), special) != ""
    assert difference(torch.full((4,), math.nan), special) != ""
    assert difference(torch.full((4,), math.inf), torch.ones(4)) != ""
    assert difference(torch.ones(4), torch.full((4,), math.inf)) != ""
    for number in (math.inf, complex(math.inf, 0)):
        assert difference(number, number) == ""
        for other in (1.0, -math.inf, 1e308, math.nan, 10**400):
            assert difference(other, number) != ""
            assert difference(number, other) != ""
    assert difference(torch.zeros(0, 3), torch.zeros(0, 3)) == ""


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype)[6:])
def test_every_dtype_can_be_compared_and_described(dtype):
    got = torch.ones(2, 3).to(dtype)
    for want in (torch.ones(2, 3), torch.ones(2, 3).cfloat(), torch.ones(2, 3).long(), 1.0, {}):
        for part, wanted in ((got, want), (got[0, 0], torch.tensor(1.0)), (got[0, 0], want)):
            assert isinstance(difference(part, wanted), str)
            assert describe(part)


def test_descriptions_are_short():
    assert describe("x" * 10_000).endswith("…")
    assert describe([[1.0] * 100] * 100).endswith("…")
    assert describe(torch.ones(13)) == "a tensor of shape (13,), float32"
    assert describe(np.ones((3, 5))) == "an array of shape (3, 5), float64"
    assert describe(np.array([1, 2])) == "array([1, 2])"
    assert describe(torch.nn.Parameter(torch.ones(1))) == "tensor([1.0])"
    assert describe({"a": (1, 2.0), "b": None}) == "{'a': (1, 2.0), 'b': None}"
    assert describe((1,)) == "(1,)"
    assert describe(torch.Generator().manual_seed(4)) == "torch.Generator().manual_seed(4)"
    assert (describe(1e-30), describe(3.0), describe(-0.0)) == ("1e-30", "3.0", "-0.0")
