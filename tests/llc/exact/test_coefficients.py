from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import product
from typing import Any

import pytest

from grokedu.llc import deep_linear_llc
from grokedu.llc.exact.coefficients import LearningCoefficient, regular_llc
from grokedu.llc.exact.normal_crossing import normal_crossing_llc

# widths, rank: λ and m
KNOWN = [
    ((3, 2), 0, "3", 1),
    ((3, 2), 2, "3", 1),
    ((2, 1, 2), 0, "1", 2),
    ((2, 2, 2), 0, "3/2", 1),
    ((2, 2, 2), 1, "2", 2),
    ((2, 2, 2), 2, "2", 1),
    ((5, 3, 5), 0, "13/2", 2),
    ((5, 3, 5), 2, "19/2", 2),
    ((5, 4, 5), 0, "8", 1),
    ((4, 3, 8), 0, "6", 1),
    ((3, 8, 4), 0, "6", 1),
    ((3, 8, 4), 2, "6", 1),
    ((1, 1, 1, 1), 0, "1/2", 3),
    ((2, 2, 2, 2), 0, "3/2", 3),
    ((3, 3, 3, 3), 0, "3", 1),
    ((3, 3, 3, 3), 1, "4", 3),
    ((3, 3, 3, 3), 2, "9/2", 3),
    ((5, 5, 5, 5, 5), 2, "11", 4),
    ((10,) * 5, 3, "41", 4),
    ((10, 5, 3, 5, 10), 0, "13/2", 2),
    ((10, 5, 3, 5, 10), 3, "51/2", 1),
    ((4, 2, 6, 3), 1, "4", 1),
    ((100, 50, 50, 100), 10, "1750", 1),
    ((2,) * 11, 0, "3/2", 17),
]


def reduced_rank(m: int, h: int, n: int, r: int) -> LearningCoefficient:
    """Of ``y = B A x`` with M inputs, H hidden and N outputs (Aoyagi and Watanabe 2005)."""
    if m + h < n + r:
        return LearningCoefficient(Fraction(h * m - h * r + n * r, 2), 1)
    if n + h < m + r:
        return LearningCoefficient(Fraction(h * n - h * r + m * r, 2), 1)
    if m + n < h + r:
        return LearningCoefficient(Fraction(m * n, 2), 1)
    odd = (m + h + n + r) % 2
    eighths = -((h + r) ** 2) - m**2 - n**2 + 2 * (h + r) * (m + n) + 2 * m * n
    return LearningCoefficient(Fraction(eighths + odd, 8), 1 + odd)


@pytest.mark.parametrize(("widths", "rank", "value", "multiplicity"), KNOWN)
def test_published_values(
    widths: tuple[int, ...], rank: int, value: str, multiplicity: int
) -> None:
    expected = LearningCoefficient(Fraction(value), multiplicity)
    assert deep_linear_llc(widths, rank) == expected
    assert deep_linear_llc(widths[::-1], rank) == expected  # the transposed network
    if len(widths) == 3:
        assert reduced_rank(*widths, rank) == expected


def test_one_hidden_layer_is_reduced_rank_regression() -> None:
    compared = 0
    for widths in product(range(1, 8), repeat=3):
        for rank in range(min(widths) + 1):
            assert deep_linear_llc(widths, rank) == reduced_rank(*widths, rank)
            compared += 1
    assert compared == 1127


def test_one_layer_and_full_rank_are_regular() -> None:
    for width in range(1, 6):
        assert deep_linear_llc((width, 3), min(width, 3)) == regular_llc(3 * width)
        assert deep_linear_llc((width,) * 4, width) == regular_llc(width * width)


def test_width_one_is_a_product_of_scalars() -> None:
    for depth in range(1, 7):
        assert deep_linear_llc([1] * (depth + 1), 0) == normal_crossing_llc([1] * depth)


def fibre_codimension(widths: tuple[int, ...], rank: int) -> int:
    """Of the parameters that give one map of that rank, by counting orbits.

    A tuple of matrices is, up to a change of basis in every layer, a sum of intervals [a, b] of
    layers through which one direction passes. The codimension of an orbit is the sum, over pairs of
    intervals, of the extensions of one by the other: one where ``a < c <= b + 1 <= d`` (Abeasis,
    Del Fra and Kraft 1981). The orbits of true parameters are those in which ``rank`` intervals are
    whole; a map of that rank lies in a family of dimension ``rank (H_1 + H_(L+1) - rank)``.
    """
    layers = range(len(widths))
    intervals = [(a, b) for a in layers for b in layers[a:]]

    def counts(at: int, left: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if at == len(intervals):
            if not any(left):
                yield ()
            return
        a, b = intervals[at]
        whole = b - a == len(widths) - 1
        if a and left[a - 1]:
            return  # no interval that is left passes layer a - 1, and it is not filled
        choices = [rank] if whole else range(min(left[a : b + 1]) + 1)
        for count in choices:
            rest = tuple(w - count * (a <= s <= b) for s, w in enumerate(left))
            if min(rest) >= 0:
                yield from ((count, *others) for others in counts(at + 1, rest))

    def orbit(found: tuple[int, ...]) -> int:
        present = [(i, n) for i, n in zip(intervals, found, strict=True) if n]
        return sum(m * n for (a, b), m in present for (c, d), n in present if a < c <= b + 1 <= d)

    least = min(orbit(found) for found in counts(0, widths))
    return least + rank * (widths[0] + widths[-1] - rank)


def test_twice_the_coefficient_is_the_codimension_of_the_true_parameters() -> None:
    generator = random.Random(0)
    for layers in (2, 3, 4, 5) * 40:
        widths = tuple(generator.randint(1, 4 if layers < 5 else 2) for _ in range(layers))
        rank = generator.randint(0, min(widths))
        assert 2 * deep_linear_llc(widths, rank).value == fibre_codimension(widths, rank)


def test_normal_crossings_take_the_smallest_ratio() -> None:
    def known(*powers: int, prior: list[int] | None = None) -> tuple[Fraction, int]:
        return normal_crossing_llc(powers, prior)

    assert known(3) == (Fraction(1, 6), 1)
    assert known(1, 1, 1) == (Fraction(1, 2), 3)
    assert known(1, 2, 2, 0) == (Fraction(1, 4), 2)
    assert known(1, 2, prior=[0, 3]) == (Fraction(1, 2), 1)
    assert known(1, 2, prior=[1, 3]) == (Fraction(1), 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: deep_linear_llc([3], 0), "two or more"),
        (lambda: deep_linear_llc([3, 2, 3], 3), "at most the smallest"),
        (lambda: deep_linear_llc([3, 0, 3], 0), r"widths\[1\] is 0; wanted a whole number from 1"),
        (lambda: deep_linear_llc([3, 2.5], 0), "whole number"),  # type: ignore[list-item]
        (lambda: deep_linear_llc(3, 0), "a list of whole numbers"),  # type: ignore[arg-type]
        (lambda: deep_linear_llc([3, 2], -1), "rank is -1"),
        (lambda: deep_linear_llc([3, 2], True), "rank is True"),
        (lambda: deep_linear_llc([2, 2, 2], 3), "at most the smallest"),
        (lambda: regular_llc(0), "dimension is 0"),
        (lambda: normal_crossing_llc([]), "one above 0"),
        (lambda: normal_crossing_llc([0, 0]), "one above 0"),
        (lambda: normal_crossing_llc([1, -1]), r"powers\[1\] is -1"),
        (lambda: normal_crossing_llc([1, 1], [0]), "2 powers and 1 prior_powers"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
