from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from grokedu import symmetry
from grokedu.measures import l2_norm
from tests.symmetry.networks import ACTS, DEGREES, draw, forward, inputs, stacked

KINDS = ["relu", "square", "linear"]


def two_layers(params: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: params[name] for name in ("A", "b", "W")}


def moved(params: dict[str, Tensor], betas: Tensor, activation: str) -> dict[str, Tensor]:
    return params | symmetry.rescale_neurons(params, betas, DEGREES[activation])


def sides(params: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    into = params["A"].square().sum(0) + params["b"].square()
    return into, params["W"].square().sum(1)


@given(
    activation=st.sampled_from(KINDS),
    scales=st.lists(st.floats(0.05, 20), min_size=6, max_size=6),
    seed=st.integers(0, 1000),
)
def test_rescaling_keeps_the_function(activation: str, scales: list[float], seed: int) -> None:
    params, x = draw(seed), inputs()
    other = moved(params, torch.tensor(scales).double(), activation)
    before, after = forward(params, x, activation), forward(other, x, activation)
    torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)


def test_rescaling_one_neuron_leaves_the_others() -> None:
    params, betas = draw(), torch.ones(6).double()
    betas[2] = 3.0
    other = moved(params, betas, "square")
    rest = [0, 1, 3, 4, 5]
    assert torch.equal(other["A"][:, rest], params["A"][:, rest])
    torch.testing.assert_close(other["b"][2], 3 * params["b"][2])
    torch.testing.assert_close(other["W"][2], params["W"][2] / 9)


@pytest.mark.parametrize("activation", ["relu", "square"])
def test_the_norm_along_the_orbit_is_the_norm_of_its_points(activation: str) -> None:
    params, degree = two_layers(draw()), DEGREES[activation]
    scales = torch.tensor([0.3, 1.0, 2.5]).double()
    found = symmetry.norm_along_orbit(params, scales, degree)
    each = [l2_norm(symmetry.rescale_neurons(params, one.expand(6), degree)) for one in scales]
    torch.testing.assert_close(found, torch.stack(each))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", KINDS)
def test_a_balanced_network_has_charge_zero_and_the_closed_forms_norm(
    activation: str, dtype: torch.dtype
) -> None:
    params, k = draw(dtype=dtype), DEGREES[activation]
    least = params | symmetry.balance(params, k)
    into, out = sides(least)
    eps = torch.finfo(dtype).eps
    assert (symmetry.conserved_charge(least, k).abs() <= 32 * eps * into).all()
    a, c = sides(params)
    # a b^2 + c b^(-2k) at b^(2k+2) = k c / a, from the weights before
    each = (1 + 1 / k) * a ** (k / (k + 1)) * (k * c) ** (1 / (k + 1))
    torch.testing.assert_close(into + out, each)
    x = inputs(dtype)
    torch.testing.assert_close(forward(least, x, activation), forward(params, x, activation))


def test_for_relu_the_least_is_twice_the_product_of_the_norms() -> None:
    params = draw()
    a, c = sides(params)
    into, out = sides(symmetry.balance(params))
    torch.testing.assert_close(into + out, 2 * (a * c).sqrt())
    torch.testing.assert_close(into, out)


@pytest.mark.parametrize("activation", ["relu", "square"])
def test_nothing_on_the_orbit_is_smaller(activation: str) -> None:
    params, degree = two_layers(draw()), DEGREES[activation]
    generator = torch.Generator().manual_seed(0)
    log = torch.randn(200, 6, generator=generator, dtype=torch.float64)
    each = [symmetry.rescale_neurons(params, row.exp(), degree) for row in log]
    points = stacked(each)
    least = l2_norm(symmetry.balance(params, degree))
    assert (torch.vmap(l2_norm)(points) > least).all()
    again = torch.vmap(lambda net: l2_norm(symmetry.balance(net, degree)))(points)
    torch.testing.assert_close(again, least.expand(200))  # from anywhere on the orbit


def test_what_is_for_one_network_is_lifted_to_many() -> None:
    nets = [two_layers(draw(seed)) for seed in range(3)]
    many, scales = stacked(nets), torch.tensor([0.5, 1.0, 3.0]).double()
    for lifted in (
        lambda net: symmetry.norm_along_orbit(net, scales, 2.0),
        lambda net: symmetry.balance(net, 2.0)["W"],
        lambda net: symmetry.conserved_charge(net, 2.0),
        lambda net: symmetry.path_norm([(net["A"], net["b"]), (net["W"], torch.zeros(4).double())]),
    ):
        torch.testing.assert_close(torch.vmap(lifted)(many), torch.stack([*map(lifted, nets)]))
    none = {name: tensor[:0] for name, tensor in many.items()}
    assert torch.vmap(symmetry.balance)(none)["A"].shape == (0, 3, 6)


@pytest.mark.parametrize("activation", ["relu", "square"])
def test_the_hessian_on_the_orbit_is_the_old_one_between_two_diagonals(activation: str) -> None:
    params, x = two_layers(draw()), inputs()
    sizes = [tensor.numel() for tensor in params.values()]

    def loss(flat: Tensor) -> Tensor:
        A, b, W = (
            part.view(params[name].shape)
            for name, part in zip(params, flat.split(sizes), strict=True)
        )
        return (ACTS[activation](x @ A + b) @ W - 1).square().mean()

    def top(net: dict[str, Tensor]) -> float:
        hessian = torch.func.hessian(loss)(torch.cat([t.flatten() for t in net.values()]))
        return float(torch.linalg.eigvalsh(hessian)[-1])

    betas, degree = torch.tensor([0.4, 0.5, 1.0, 2.0, 2.5]).double(), DEGREES[activation]
    incoming = torch.arange(sum(sizes)) < sum(sizes) - params["W"].numel()
    start = torch.func.hessian(loss)(torch.cat([t.flatten() for t in params.values()]))
    found = symmetry.sharpness_along_orbit(start, incoming, betas, degree)
    for beta, value in zip(betas, found, strict=True):
        there = symmetry.rescale_neurons(params, beta.expand(6), degree)
        assert math.isclose(top(there), value, rel_tol=1e-9)
    assert found.max() > 2 * found.min()
