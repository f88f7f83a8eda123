from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from grokedu.llc.exact.free_energy import (
    free_energy_expansion,
    gaussian_free_energy,
    gaussian_prior_term,
    volume_exponent,
    weight_decay_term,
)
from grokedu.llc.exact.normal_crossing import (
    normal_crossing_free_energy,
    normal_crossing_llc,
    normal_crossing_volume,
)
from grokedu.llc.exact.quadrature import free_energy, quadrature_llc

SQUARE = [(-1.0, 1.0), (-1.0, 1.0)]


@pytest.mark.parametrize(
    ("norm", "n", "value"), [(4, 100, 25.055801), (4, 1e4, 48.052002), (40, 1e4, 66.050202)]
)
def test_known_gaussian_free_energies(norm: float, n: float, value: float) -> None:
    assert gaussian_free_energy(n, norm, 10) == pytest.approx(value, abs=5.01e-7)


@pytest.mark.parametrize("center", [[0.7], [0.5, -1.0], [0.2, 0.1, -0.3]])
@pytest.mark.parametrize(("n", "std"), [(0.5, 1.0), (40.0, 0.4)])
def test_quadrature_gives_the_gaussian_closed_form(
    center: list[float], n: float, std: float
) -> None:
    at, norm = torch.tensor(center, dtype=torch.float64), sum(c * c for c in center)

    def energy(w: Tensor) -> Tensor:
        prior = w.square().sum(1) / (2 * std**2) + len(center) / 2 * math.log(2 * math.pi * std**2)
        return n / 2 * (w - at).square().sum(1) + prior

    found = free_energy(energy, [(-7.0, 7.0)] * len(center), tolerance=1e-7)
    assert found == pytest.approx(gaussian_free_energy(n, norm, len(center), std), abs=1e-6)


def test_a_fixed_prior_adds_a_constant_and_a_fixed_decay_a_multiple_of_n() -> None:
    d, std, norm = 6, 0.8, 9.0
    rest = [
        gaussian_free_energy(n, norm, d, std) - (d / 2) * math.log(n / (2 * math.pi))
        for n in (1e6, 1e9, 1e12)
    ]
    assert rest[2] == pytest.approx(gaussian_prior_term(norm, d, std), abs=1e-9)
    assert abs(rest[1] - rest[2]) < 1e-6 < abs(rest[0] - rest[2])
    # in one dimension with the decay in the loss the free energy itself tells the order
    decay, center, sizes = 0.3, 1.5, (200.0, 400.0)

    def penalised(n: float) -> float:
        return free_energy(
            lambda w: n * (50 * (w[:, 0] - center).square() + decay / 2 * w[:, 0].square()),
            [(0.0, 3.0)],
        )

    best = 100 * center / (100 + decay)
    added = [weight_decay_term(n, best**2, decay) for n in sizes]
    misfit = [n * 50 * (best - center) ** 2 for n in sizes]
    regular = [0.5 * math.log(n * (100 + decay) / (2 * math.pi)) for n in sizes]
    for n, *parts in zip(sizes, added, misfit, regular, strict=True):
        assert penalised(n) == pytest.approx(sum(parts), abs=1e-8)
    assert added[1] == 2 * added[0]


def test_the_slope_of_exact_free_energies_is_the_coefficient() -> None:
    for powers in ([1], [2, 1], [1, 1], [3, 3, 3]):
        coefficient = normal_crossing_llc(powers)
        at = [1e20, 1e40]
        exact = [normal_crossing_free_energy(t, powers) for t in at]
        leading = [free_energy_expansion(t, 0.0, coefficient) for t in at]
        assert exact[1] - exact[0] == pytest.approx(leading[1] - leading[0], abs=0.2)
        without = [float(coefficient.value) * math.log(t) for t in at]
        if coefficient.multiplicity > 1:
            assert abs(exact[1] - exact[0] - (without[1] - without[0])) > 0.5
    assert free_energy_expansion(100, 0.5, (2, 1)) == 50 + 2 * math.log(100)


@pytest.mark.parametrize("power", [1, 2, 3])
@pytest.mark.parametrize("nbeta", [1e3, 1e6, 1e9])
def test_one_coordinate_has_its_coefficient_at_every_n(power: int, nbeta: float) -> None:
    reach = (100 / nbeta) ** (1 / (2 * power))  # exp(-100) at its ends
    found = quadrature_llc(lambda w: w[:, 0] ** (2 * power), [0.0], nbeta, box=[(-reach, reach)])
    assert found == pytest.approx(1 / (2 * power), abs=1e-9)


def test_the_coefficient_is_local() -> None:
    # of ((w1 - 1) (w1² + w2²)²)²: 1/4 at the origin, 1/2 on the line
    def loss(w: Tensor) -> Tensor:
        return ((w[:, 0] - 1) * w.square().sum(dim=1).square()).square()

    origin, line = [(-0.5, 0.5)] * 2, [(0.8, 1.2), (-0.2, 0.2)]
    settings: dict[str, Any] = {"nbeta": 1e8, "tolerance": 1e-8}
    assert quadrature_llc(loss, [0.0, 0.0], box=origin, **settings) == pytest.approx(0.25, abs=2e-3)
    assert quadrature_llc(loss, [1.0, 0.0], box=line, **settings) == pytest.approx(0.5, abs=1e-6)


def test_a_prior_of_bounded_support_and_a_narrow_peak() -> None:
    # the disc, of which the box's corners are no part, to what its sharp edge allows; and n = 1e8
    disc = free_energy(
        lambda w: torch.where(w.square().sum(1) < 1, 0.0, math.inf), SQUARE, tolerance=1e-5
    )
    assert disc == pytest.approx(-math.log(math.pi), abs=1e-3)
    peak = free_energy(lambda w: 5e7 * (w[:, 0] - 0.1234).square() + 700, [(-1, 1)])
    assert peak == pytest.approx(700 - 0.5 * math.log(math.pi / 5e7), abs=1e-9)
    low = free_energy(lambda w: -1e4 + w[:, 0] ** 2, [(-9, 9)])  # exp of it would overflow
    assert low == pytest.approx(-1e4 - 0.5 * math.log(math.pi), abs=1e-8)


def test_points_by_the_handful_give_the_same_integral(monkeypatch: pytest.MonkeyPatch) -> None:
    # the energy falls along the box, so that every handful finds a lower one; 64 cells of 8 points
    # and their halves are enough
    monkeypatch.setattr("grokedu.llc.exact.quadrature.POINTS", 64)
    found = free_energy(lambda w: -50 * w[:, 0], [(0, 1)], max_points=3 * 64 * 8)
    assert found == pytest.approx(math.log(50) - 50 - math.log1p(-math.exp(-50)), abs=1e-10)


@pytest.mark.parametrize("powers", [[1], [2], [1, 2], [1, 1], [1, 1, 1]])
def test_exact_volumes_have_the_exponent(powers: list[int]) -> None:
    thresholds = [10.0**-e for e in (60, 70, 80)]
    volumes = [normal_crossing_volume(t, powers) for t in thresholds]
    value, order = normal_crossing_llc(powers)
    assert volume_exponent(thresholds, volumes, order) == pytest.approx(float(value), rel=1e-3)
    if order > 1:  # without the multiplicity it is off
        assert volume_exponent(thresholds, volumes) < 0.99 * float(value)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: free_energy(lambda w: w, SQUARE), r"wanted a tensor of shape \(\d+,\)"),
        (lambda: free_energy(lambda w: 1.0, SQUARE), "is float; wanted"),  # type: ignore[arg-type]
        (lambda: free_energy(lambda w: w[:, 0].log(), SQUARE), "nan at"),
        (lambda: free_energy(lambda w: w[:, 0], [0, 1]), "one to three pairs"),  # type: ignore[list-item]
        (lambda: free_energy(lambda w: w[:, 0] / 0, [(-1, 1)]), "-inf"),
        (lambda: free_energy(lambda w: w[:, 0].abs() / 0, [(0.1, 1)]), "inf all over"),
        (lambda: free_energy(lambda w: w[:, 0], [(1, -1)]), "low below high"),
        (lambda: free_energy(lambda w: w[:, 0], []), "one to three pairs"),
        (lambda: free_energy(lambda w: w[:, 0], [(0, 1)] * 4), "one to three pairs"),
        (lambda: free_energy(lambda w: w[:, 0], [(0, math.inf)]), "low below high"),
        (lambda: free_energy(lambda w: w[:, 0], [(0, 1)], tolerance=0), "tolerance is 0"),
        (
            lambda: free_energy(
                lambda w: torch.where(w.square().sum(1) < 1, 0.0, math.inf),
                SQUARE,
                max_points=10**5,
            ),
            "not settled after 100000 points",
        ),
        (lambda: quadrature_llc(lambda w: w[:, 0], [2.0], 10, box=[(-1, 1)]), "not in the box"),
        (lambda: quadrature_llc(lambda w: w[:, 0], [0.0], 0, box=[(-1, 1)]), "nbeta is 0"),
        (lambda: free_energy_expansion(1, 0.0, (1, 1)), "n is 1"),
        (lambda: free_energy_expansion(10, math.nan, (1, 1)), "loss is nan"),
        (lambda: free_energy_expansion(10, 0.0, (1, 0)), "multiplicity is 0"),
        (lambda: gaussian_free_energy(-1, 1, 1), "n is -1"),
        (lambda: gaussian_prior_term(-1, 1), "squared_norm is -1"),
        (lambda: gaussian_prior_term(1, 1, 0), "prior_std is 0"),
        (lambda: weight_decay_term(10, 1, -1), "weight_decay is -1"),
        (lambda: volume_exponent([0.1, 0.1], [1, 1]), "two different thresholds"),
        (lambda: volume_exponent([0.1, 0.2], [0, 1]), "above 0"),
        (lambda: volume_exponent([0.1, 2], [0.1, 1], 2), "below 1 where m > 1"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
