from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from grokedu.llc import deep_linear_llc
from grokedu.llc.exact.normal_crossing import (
    crossing_ratios,
    leading_correction,
    normal_crossing_free_energy,
    normal_crossing_llc,
    normal_crossing_target,
    normal_crossing_volume,
)
from grokedu.llc.exact.quadrature import free_energy, quadrature_llc

# nβ, powers: nβ E[K] on the square
KNOWN = [
    (1e2, [1, 1], 0.347762),
    (1e3, [1, 1], 0.387277),
    (1e4, [1, 1], 0.410505),
    (1e6, [1, 1], 0.436625),
    (1e2, [1, 2], 0.204284),
    (1e4, [1, 2], 0.237150),
    (1e6, [1, 2], 0.246074),
]


@pytest.mark.parametrize(("nbeta", "powers", "target"), KNOWN)
def test_known_targets(nbeta: float, powers: list[int], target: float) -> None:
    assert normal_crossing_target(nbeta, powers) == pytest.approx(target, abs=5.01e-7)


def test_at_a_thousand_examples_the_target_is_far_from_the_coefficient() -> None:
    found = normal_crossing_target(1000 / math.log(1000), [1, 1])
    assert found == pytest.approx(0.356, abs=5.01e-4)
    assert normal_crossing_llc([1, 1]).value == 0.5


def product_of(powers: list[int]) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda w: w.pow(torch.tensor([2 * k for k in powers])).prod(dim=1)


@pytest.mark.parametrize(
    ("powers", "prior"),
    [
        ([1], [0]),
        ([3], [2]),
        ([1, 1], [0, 0]),
        ([1, 2], [0, 0]),
        ([2, 3], [0, 3]),
        ([1, 0], [1, 0]),
    ],
)
@pytest.mark.parametrize("nbeta", [0.3, 20.0, 5e3])
def test_the_integral_over_log_k_is_the_one_over_the_cube(
    powers: list[int], prior: list[int], nbeta: float
) -> None:
    cube, loss = [(0.0, 1.0)] * len(powers), product_of(powers)

    def energy(w: torch.Tensor) -> torch.Tensor:
        density = sum(h * w[:, j].log() + math.log(h + 1) for j, h in enumerate(prior))
        return nbeta * loss(w) - density

    found = normal_crossing_free_energy(nbeta, powers, prior)
    assert found == pytest.approx(free_energy(energy, cube), abs=1e-8)
    if not any(prior):
        target = quadrature_llc(loss, [0.0] * len(powers), nbeta, box=cube)
        assert normal_crossing_target(nbeta, powers) == pytest.approx(target, abs=1e-8)


@pytest.mark.parametrize("powers", [[1, 1], [1, 2, 3], [1, 1, 1, 1, 1], [4, 4, 1]])
@pytest.mark.parametrize("nbeta", [1e-3, 1.0, 50.0, 1e8])
def test_the_target_is_the_derivative_of_the_free_energy(powers: list[int], nbeta: float) -> None:
    step = 1e-3
    ends = [normal_crossing_free_energy(nbeta * math.exp(s), powers) for s in (-step, step)]
    slope = (ends[1] - ends[0]) / (2 * step)
    assert normal_crossing_target(nbeta, powers) == pytest.approx(slope, rel=1e-6, abs=1e-9)


def expansion(nbeta: float, powers: list[int], prior: list[int]) -> float:
    """The free energy up to what vanishes as nβ grows, from the pole of the zeta function at -λ.

    With the constant: ``λ log nβ - (m - 1) log log nβ - log[Γ(λ) λ^m / (m - 1)! · ∏ μ / (μ - λ)]``
    over the μ = (h + 1) / (2 k) above λ (Watanabe 2009, section 4).
    """
    value, order = normal_crossing_llc(powers, prior)
    others = [r for r in crossing_ratios(powers, prior) if r > value]
    constant = math.lgamma(value) + order * math.log(value) - math.lgamma(order)
    constant += sum(math.log(r / (r - value)) for r in others)
    size = math.log(nbeta)
    return float(value) * size - (order - 1) * math.log(size) - constant


def gap(nbeta: float, powers: list[int], prior: list[int]) -> float:
    exact = normal_crossing_free_energy(nbeta, powers, prior)
    return exact - expansion(nbeta, powers, prior)


@pytest.mark.parametrize(
    ("powers", "prior", "value", "following", "nbeta"),
    [([1, 2], [0, 0], 1 / 4, 1 / 2, 1e20), ([2, 3, 1], [0, 0, 5], 1 / 6, 1 / 4, 1e60)],
)
def test_past_the_expansion_the_free_energy_goes_as_the_following_pole(
    powers: list[int], prior: list[int], value: float, following: float, nbeta: float
) -> None:
    ends = gap(nbeta, powers, prior), gap(1e4 * nbeta, powers, prior)
    assert ends[0] / ends[1] == pytest.approx(1e4 ** (following - value), rel=1e-3)
    assert gap(1e6, [2], [0]) == pytest.approx(0, abs=1e-12)  # no pole follows


@pytest.mark.parametrize(
    ("powers", "prior", "others"),
    [([1, 1], [0, 0], []), ([2, 2, 1, 3], [0, 0, 5, 1], [3, 1 / 3])],
)
def test_past_the_expansion_of_a_double_pole_is_the_derivative_of_its_residue(
    powers: list[int], prior: list[int], others: list[float]
) -> None:
    value, order = normal_crossing_llc(powers, prior)
    rate = torch.tensor(float(value), dtype=torch.float64)
    slope = float(torch.special.digamma(rate)) + sum(1 / (r - float(value)) for r in others)
    assert order == 2
    for nbeta in (1e200, 1e300):
        expected = -math.log(1 - slope / math.log(nbeta))
        assert gap(nbeta, powers, prior) == pytest.approx(expected, abs=1e-10)


def test_past_the_expansion_of_a_triple_pole_are_two_derivatives_of_its_residue() -> None:
    half = torch.tensor(0.5, dtype=torch.float64)
    first, second = (float(torch.special.polygamma(k, half)) for k in (0, 1))
    for nbeta in (1e50, 1e200):
        size = math.log(nbeta)
        expected = -math.log(1 - 2 * first / size + (first**2 + second) / size**2)
        assert gap(nbeta, [1, 1, 1], [0, 0, 0]) == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("order", [2, 3])
def test_the_leading_correction_is_first_in_one_over_log(order: int) -> None:
    short = [
        normal_crossing_target(t, [1] * order) - 0.5 - leading_correction(order, t)
        for t in (1e20, 1e40, 1e80)
    ]
    for first, second in itertools.pairwise(short):
        assert first / second == pytest.approx(4, rel=0.15)  # the next term goes as its square


def test_the_leading_correction_of_deep_linear_networks() -> None:
    n = 1e6
    for rank, multiplicity, share in [(2, 5, -0.024), (3, 7, -0.032)]:
        value, order = deep_linear_llc([6] * 6, rank)
        assert order == multiplicity
        correction = leading_correction(order, n / math.log(n))
        assert correction / value == pytest.approx(share, abs=5.01e-4)


def test_volumes_are_those_of_drawn_points() -> None:
    draws = torch.rand(400_000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for powers, threshold in itertools.product([[1, 0, 0], [1, 1, 0], [2, 1, 3]], [0.1, 1e-4]):
        expected = normal_crossing_volume(threshold, powers)
        share = (product_of(powers)(draws) < threshold).double().mean().item()
        spread = math.sqrt(expected * (1 - expected) / len(draws))
        assert abs(share - expected) < 5 * spread
    assert normal_crossing_volume(2.0, [1, 1]) == 1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: normal_crossing_target(0, [1]), "nbeta is 0"),
        (lambda: normal_crossing_target(math.nan, [1]), "nbeta is nan"),
        (lambda: normal_crossing_free_energy(10, [0]), "one above 0"),
        (lambda: normal_crossing_volume(-1, [1]), "threshold is -1"),
        (lambda: leading_correction(0, 100), "multiplicity is 0"),
        (lambda: leading_correction(2, 1), "nbeta is 1"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
