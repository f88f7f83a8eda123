from __future__ import annotations

import math

import pytest
import torch

from grokedu.fourier import (
    clock_logits,
    exact_network,
    explained_by_sum,
    pizza_logits,
    product,
    random_phase_network,
    square_from_gelu,
    square_from_relu,
)
from grokedu.measures import accuracy
from grokedu.models.two_layer import forward
from grokedu.tasks import modular_addition, random_stream


def test_the_exact_network_has_exact_logits() -> None:
    p = 97
    pairs, labels = modular_addition(p)
    logits = forward(exact_network(p), pairs)
    wanted = torch.full((p * p, p), -1.5, dtype=torch.float64)
    wanted[torch.arange(p * p), labels] = 144.0
    torch.testing.assert_close(logits, wanted, rtol=0, atol=1e-10)


@pytest.mark.parametrize("k", [1, 48])
def test_one_frequency_is_enough_with_the_stated_margin(k: int) -> None:
    pairs, labels = modular_addition(97)
    logits = forward(exact_network(97, [k]), pairs)
    assert accuracy(logits, labels) == 1
    best = logits.topk(2).values
    margin = (best[:, 0] - best[:, 1]).min().item()
    assert margin == pytest.approx(3 * (1 - math.cos(2 * math.pi / 97)), rel=1e-9)
    assert margin == pytest.approx(0.0062915, abs=5e-8)
    torch.testing.assert_close(logits, 3 * clock_logits(97, [k]))


@pytest.mark.parametrize(("width", "low", "high"), [(48, 0.76, 0.92), (100, 0.99, 1), (250, 1, 1)])
def test_random_phases_are_the_better_the_wider(width: int, low: float, high: float) -> None:
    # Published ranges of ours at p = 97: 0.78-0.90, 0.9986-0.9993, 1.
    pairs, labels = modular_addition(97)
    weights = random_phase_network(97, width, random_stream(0, "phases"))
    assert low <= accuracy(forward(weights, pairs), labels) <= high
    assert weights["W"].shape == (width, 97)


def test_the_phases_come_from_the_generator_and_the_dtype_is_kept() -> None:
    one, two, other = (
        random_phase_network(7, 20, random_stream(s, "phases"), torch.float32) for s in (0, 0, 1)
    )
    assert all(torch.equal(one[name], two[name]) for name in "ABW")
    assert not torch.equal(one["A"], other["A"])
    assert one["B"].dtype == torch.float32


def test_clock_and_pizza_logits_answer_right() -> None:
    labels = modular_addition(31)[1]
    for logits in (clock_logits(31, [2, 7, 15]), pizza_logits(31, [2, 7, 15])):
        assert accuracy(logits, labels) == 1
    torch.testing.assert_close(
        explained_by_sum(clock_logits(31, [2, 7]))[[2, 7]], torch.full((2,), 0.5).double()
    )


@pytest.mark.parametrize("make", [clock_logits, pizza_logits, exact_network])
def test_bad_moduli_and_frequencies_are_refused(make: object) -> None:
    for p, frequencies, said in (
        (9, [1], "odd prime"),
        (7, [4], "wanted 1 to 3"),
        (7, [], "no frequencies"),
    ):
        with pytest.raises(ValueError, match=said):
            make(p, frequencies)  # type: ignore[operator]
    with pytest.raises(ValueError, match="width is 0"):
        random_phase_network(7, 0, random_stream(0, "phases"))


@pytest.mark.parametrize("scale", [0.3, 0.1, 0.01])
def test_a_gelu_pair_squares_within_its_bound(scale: float) -> None:
    x = torch.linspace(-2, 2, 101, dtype=torch.float64)
    x = x[x.abs() > 0.01]
    error, z = 1 - square_from_gelu(x, scale) / x**2, (scale * x).abs()
    rounding = 4 * torch.finfo(torch.float64).eps / z  # of Phi(z) - Phi(-z), over what is left
    assert (error > -rounding).all()
    assert (error < z**2 / 6 + rounding).all()


@pytest.mark.parametrize("pieces", [1, 8, 32])
def test_relu_pieces_square_within_their_bound(pieces: int) -> None:
    x = torch.linspace(-3, 3, 4001, dtype=torch.float64)
    error = square_from_relu(x, pieces, 3.0) - x**2
    bound = (3 / pieces) ** 2 / 4
    assert error.min() > -1e-12
    assert error.max().item() == pytest.approx(bound, rel=1e-4)  # it is reached mid-piece
    knots = torch.linspace(-3, 3, 2 * pieces + 1, dtype=torch.float64)
    torch.testing.assert_close(square_from_relu(knots, pieces, 3.0), knots**2)


def test_products_from_either_activation() -> None:
    x, y = torch.meshgrid(*2 * [torch.linspace(-1, 1, 21).double()], indexing="ij")
    exact = x * y
    torch.testing.assert_close(product(x, y), exact)
    # Two squares of size at most 2, each off by at most (2 scale)^2 / 6 of itself, over 4.
    by_gelu = product(x, y, lambda z: square_from_gelu(z, 0.05))
    assert (by_gelu - exact).abs().max() < (2 * 0.05) ** 2 / 6
    by_relu = product(x, y, lambda z: square_from_relu(z, 32, 2.0))
    assert (by_relu - exact).abs().max() <= (2 / 32) ** 2 / 16 + 1e-12
    for bad in (lambda: square_from_gelu(x, 0), lambda: square_from_relu(x, 0, 1.0)):
        with pytest.raises(ValueError, match="must be positive"):
            bad()
