from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from grokedu import symmetry
from grokedu.training.optimizers import SGD, Adam, AdamW
from tests.symmetry.networks import DEGREES, draw, gradient

KINDS = ["relu", "square", "linear"]


def product(x: dict[str, Tensor], y: dict[str, Tensor], degree: float) -> Tensor:
    """The indefinite product that belongs to the charge, by polarisation; (N,)."""
    both, less = ({name: x[name] + sign * y[name] for name in x} for sign in (1, -1))
    charges = [symmetry.conserved_charge(net, degree) for net in (both, less)]
    return (charges[0] - charges[1]) / 4


@pytest.mark.parametrize("activation", KINDS)
def test_the_gradient_is_orthogonal_to_the_orbit(activation: str) -> None:
    params = draw()
    slope = gradient(params, activation)
    into = (params["A"] * slope["A"]).sum(0) + params["b"] * slope["b"]
    assert into.abs().max() > 0.01  # the two sides cancel, they are not zero
    found = product(params, slope, DEGREES[activation])
    torch.testing.assert_close(found, torch.zeros_like(found), rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", KINDS)
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_under_sgd_the_charge_follows_its_recursion_exactly(
    activation: str, momentum: float, decay: float, dtype: torch.dtype
) -> None:
    params, degree = draw(3, dtype), DEGREES[activation]
    optimizer = SGD(lr=0.003, momentum=momentum, weight_decay=decay)
    state = optimizer.init(params)
    charges, buffers = [symmetry.conserved_charge(params, degree)], []
    for _ in range(60):
        params, state = optimizer.step(params, gradient(params, activation), state)
        buffer = {name: state[f"buffer/{name}"] for name in params}
        buffers.append(symmetry.conserved_charge(buffer, degree))
        charges.append(symmetry.conserved_charge(params, degree))
    told = symmetry.charge_under_sgd(
        charges[0], buffers, lr=0.003, momentum=momentum, weight_decay=decay
    )
    moved = (charges[-1] - charges[0]).abs().max()
    rounding = 60 * 8 * torch.finfo(dtype).eps * charges[0].abs().max()
    assert moved > 4 * rounding  # there is something to tell
    torch.testing.assert_close(told, torch.stack(charges), rtol=0, atol=float(rounding))


def test_without_momentum_it_is_the_short_formula() -> None:
    start, step = torch.tensor([2.0, -1.0]).double(), torch.tensor([0.5, 0.25]).double()
    lr, decay = 0.1, 0.3
    buffer = step + decay**2 * start  # the charge of g + decay * w
    told = symmetry.charge_under_sgd(start, [buffer], lr=lr, weight_decay=decay)
    torch.testing.assert_close(told[1], (1 - lr * decay) ** 2 * start + lr**2 * step)


def drift(steps: int, time: float, decay: float = 0.0) -> tuple[Tensor, Tensor]:
    params, degree = draw(), 2.0
    optimizer = SGD(lr=time / steps, weight_decay=decay)
    start, state = symmetry.conserved_charge(params, degree), optimizer.init(params)
    for _ in range(steps):
        optimizer.step(params, gradient(params, "square"), state)
    return start, symmetry.conserved_charge(params, degree)


def test_towards_gradient_flow_the_charge_is_conserved_in_first_order() -> None:
    errors = []
    for steps in (200, 400, 800):
        start, end = drift(steps, time=0.05)
        errors.append(float((end - start).abs().max()))
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)
    assert errors[1] / errors[2] == pytest.approx(2, rel=0.05)


def test_weight_decay_shrinks_the_gap_as_exp_of_minus_two_lambda_t() -> None:
    decay, time = 2.0, 0.2
    errors = []
    for steps in (400, 800):
        start, end = drift(steps, time, decay)
        errors.append(float((end - start * math.exp(-2 * decay * time)).abs().max()))
    assert errors[0] / errors[1] == pytest.approx(2, rel=0.1)
    assert errors[1] < 0.05 * float(start.abs().max())


def first_order(optimizer: SGD | Adam | AdamW, steps: int = 20) -> tuple[float, float]:
    """How far the charge moved by the first and by the second term."""
    params, degree = draw(), 1.0
    state, totals = optimizer.init(params), [0.0, 0.0]
    for _ in range(steps):
        before = {name: t.clone() for name, t in params.items()}
        params, state = optimizer.step(params, gradient(params), state)
        moved = {name: params[name] - before[name] for name in params}
        terms = 2 * product(before, moved, degree), symmetry.conserved_charge(moved, degree)
        for at, term in enumerate(terms):
            totals[at] += float(term.abs().max())
        change = symmetry.conserved_charge(params, degree) - symmetry.conserved_charge(
            before, degree
        )
        torch.testing.assert_close(terms[0] + terms[1], change, rtol=0, atol=1e-12)
    return totals[0], totals[1]


def test_adam_breaks_the_conservation_in_first_order_and_gradient_descent_does_not() -> None:
    assert first_order(SGD(lr=1e-3))[0] < 1e-12
    for optimizer in (Adam(lr=1e-3), AdamW(lr=1e-3, weight_decay=0.0)):
        first, second = first_order(optimizer)
        assert first > 100 * second
    halved = first_order(Adam(lr=5e-4))[0] / first_order(Adam(lr=1e-3))[0]
    assert halved == pytest.approx(0.5, rel=0.05)
