from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from grokedu.llc.exact.coefficients import regular_llc
from grokedu.llc.exact.quadratic import localised_quadratic_llc, sgld_quadratic_llc, step_size_bias
from grokedu.llc.exact.quadrature import quadrature_llc

# curvatures; nβ, γ, ε, T: the estimate with continuous time, stationary, and over T draws from w*
TEN = [1.0] * 10
KNOWN = [
    (TEN, 100, 1, 1e-3, 1000, 4.950495, 5.078733, 5.027146),
    (TEN, 100, 0, 1e-3, 1000, 5.0, 5.128205, 5.075608),
    ([10, 1, 0.1, 0.01, 0], 100, 1, 1e-3, 2000, 1.699095, 1.880020, 1.794803),
    ([2, 2, 0.5, 0.5], 144.764827, 5, 1e-4, 5000, 1.918410, 1.927515, 1.896471),
]


@pytest.mark.parametrize("row", KNOWN)
def test_known_values(row: tuple[Any, ...]) -> None:
    h, nbeta, gamma, size, draws, exact, stationary, transient = row
    found = sgld_quadratic_llc(h, nbeta, gamma, step_size=size)
    short = sgld_quadratic_llc(h, nbeta, gamma, step_size=size, draws=draws)
    last_digit = 5.01e-7
    assert localised_quadratic_llc(h, nbeta, gamma) == pytest.approx(exact, abs=last_digit)
    assert found == pytest.approx(stationary, abs=last_digit)
    assert short == pytest.approx(transient, abs=last_digit)


def recursion(h: list[float], nbeta: float, gamma: float, size: float, steps: int) -> list[float]:
    """nβ E[L] before each step, from the covariance of the chain in a turned basis."""
    turn = torch.linalg.qr(
        torch.randn(len(h), len(h), generator=torch.Generator().manual_seed(0)).double()
    )[0]
    hessian = turn @ torch.diag(torch.tensor(h, dtype=torch.float64)) @ turn.mT
    eye = torch.eye(len(h), dtype=torch.float64)
    move = eye - size / 2 * (nbeta * hessian + gamma * eye)
    covariance, found = torch.zeros_like(hessian), []
    for _ in range(steps):
        found.append(float(nbeta / 2 * (hessian @ covariance).trace()))
        covariance = move @ covariance @ move.mT + size * eye
    return found


@pytest.mark.parametrize("size", [1e-4, 1e-2, 0.02, 0.034])  # κ from 1 to 101: up to ε κ = 3.4
@pytest.mark.parametrize(("burn_in", "draws"), [(0, 1), (0, 300), (40, 50)])
def test_the_exact_recursion_of_the_chain(size: float, burn_in: int, draws: int) -> None:
    h, nbeta, gamma = [1.0, 0.3, 0.01, 0.0], 100.0, 1.0
    expected = recursion(h, nbeta, gamma, size, burn_in + draws)[burn_in:]
    found = sgld_quadratic_llc(h, nbeta, gamma, step_size=size, draws=draws, burn_in=burn_in)
    assert found == pytest.approx(np.mean(expected), rel=1e-10, abs=1e-14)


def test_a_step_that_forgets_everything() -> None:
    # ε κ = 2: every draw after the first is stationary
    stationary = sgld_quadratic_llc([1.0], 100, step_size=0.02)
    short = sgld_quadratic_llc([1.0], 100, step_size=0.02, draws=4)
    assert stationary == pytest.approx(1.0, rel=1e-12)
    assert short == pytest.approx(0.75 * stationary, rel=1e-12)
    assert sgld_quadratic_llc([1.0], 100, step_size=0.02, draws=4, burn_in=1) == stationary


def test_bias_falls_with_the_step_and_rises_with_the_draws() -> None:
    sizes = [0.03, 1e-2, 1e-3, 1e-5, 1e-9]
    stationary = [step_size_bias(TEN, 100, 1, step_size=s) for s in sizes]
    assert stationary == sorted(stationary, reverse=True)
    assert 0 < stationary[-1] < 1e-6
    runs = [
        step_size_bias(TEN, 100, 1, step_size=1e-3, draws=t) for t in (1, 10, 100, 10**4, 10**9)
    ]
    assert runs == sorted(runs)
    assert runs[0] == -localised_quadratic_llc(TEN, 100, 1)  # one draw, at w*
    assert runs[-1] == pytest.approx(stationary[2], rel=1e-5)


def test_the_localised_target_is_that_of_quadrature_and_tends_to_half_the_rank() -> None:
    h, gamma = [2.0, 0.3], 4.0
    curvatures = torch.tensor(h, dtype=torch.float64)
    for nbeta in (1.0, 30.0, 1000.0):
        found = quadrature_llc(
            lambda w: w.square() @ curvatures / 2 + 3,
            [0.0, 0.0],
            nbeta,
            box=[(-12, 12), (-12, 12)],
            gamma=gamma,
        )
        assert found == pytest.approx(localised_quadratic_llc(h, nbeta, gamma), abs=1e-8)
    regular = float(regular_llc(2).value)
    assert localised_quadratic_llc(h, 1e12, gamma) == pytest.approx(regular, abs=1e-10)
    assert localised_quadratic_llc([2.0, 0.0, 1e-9], 5.0) == regular  # at any n without γ


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: localised_quadratic_llc([1, -1], 100), "holds -1.0"),
        (lambda: localised_quadratic_llc([np.inf], 100), "holds inf"),
        (lambda: localised_quadratic_llc([], 100), "at least 1"),
        (lambda: localised_quadratic_llc(1.0, 100), r"shape \(\)"),
        (lambda: localised_quadratic_llc([1], 0), "nbeta is 0"),
        (lambda: localised_quadratic_llc([1], 100, -1), "gamma is -1"),
        (lambda: sgld_quadratic_llc([1], 100, step_size=0.04), "diverges; wanted below 0.04"),
        (lambda: sgld_quadratic_llc([1], 100, step_size=0), "step_size is 0"),
        (lambda: sgld_quadratic_llc([1], 100, step_size=0.1, draws=9), "diverges"),
        (lambda: sgld_quadratic_llc([1], 100, step_size=1e-3, draws=0), "draws is 0"),
        (lambda: sgld_quadratic_llc([1], 100, step_size=1e-3, burn_in=5), "without draws"),
    ],
)
def test_bad_input_is_named(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
