from __future__ import annotations

import pytest
import torch

from grokedu import symmetry
from grokedu.measures import l2_norm
from grokedu.models.transformer import Transformer
from grokedu.models.transformer import forward as transformer_forward
from tests.symmetry.networks import (
    DEEP,
    draw,
    draw_deep,
    forward,
    forward_deep,
    inputs,
    pair_of,
)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("activation", ["relu", "square", "linear"])
def test_a_balanced_pair_has_charge_zero_and_the_closed_forms_norm(
    activation: str, dtype: torch.dtype
) -> None:
    params, pair = draw(dtype=dtype), pair_of(activation)
    least, k = symmetry.balance(params, pair), pair.degree
    into, out = pair.squares(least)
    eps = torch.finfo(dtype).eps
    assert (symmetry.conserved_charge(least, pair).abs() <= 32 * eps * into).all()
    a, c = pair.squares(params)
    # a b^2 + c b^(-2k) at b^(2k+2) = k c / a, from the weights before
    each = (1 + 1 / k) * a ** (k / (k + 1)) * (k * c) ** (1 / (k + 1))
    torch.testing.assert_close(into + out, each)
    x = inputs(dtype)
    torch.testing.assert_close(forward(least, x, activation), forward(params, x, activation))


def test_for_relu_the_least_is_twice_the_product_of_the_norms() -> None:
    params, pair = draw(), pair_of("relu")
    into, out = pair.squares(symmetry.balance(params, pair))
    torch.testing.assert_close(into + out, 2 * symmetry.neuron_products(params, pair))
    torch.testing.assert_close(into, out)


@pytest.mark.parametrize("activation", ["relu", "square"])
def test_nothing_on_the_orbit_is_smaller(activation: str) -> None:
    params = {name: t[0] for name, t in draw().items()}
    pair = pair_of(activation)
    points = symmetry.random_orbit(params, [pair], torch.Generator().manual_seed(0), count=200)
    least = symmetry.least_norm(params, pair)
    assert (l2_norm(points, run_axis=True) > least).all()
    torch.testing.assert_close(
        symmetry.least_norm(points, pair, run_axis=True), least.expand(200)
    )  # and it does not depend on where on the orbit one starts


def test_a_deep_network_is_balanced_in_every_pair_at_once() -> None:
    params, x = draw_deep(), inputs()
    least = symmetry.balance(params, DEEP, tolerance=1e-12)
    for pair in DEEP:
        into, out = pair.squares(least)
        torch.testing.assert_close(into, out, rtol=1e-9, atol=0)
    torch.testing.assert_close(forward_deep(least, x), forward_deep(params, x))
    moved = symmetry.rescale(symmetry.rescale(params, DEEP[1], 7.0), DEEP[0], 0.2)
    again = symmetry.balance(moved, DEEP, tolerance=1e-12)
    for name in params:  # the minimum is one point
        torch.testing.assert_close(again[name], least[name], rtol=1e-8, atol=1e-10)


def test_sweeps_that_do_not_end_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="not balanced after 2 sweeps"):
        symmetry.balance(draw_deep(), DEEP, sweeps=2, tolerance=1e-12)
    with pytest.raises(ValueError, match="no pair was given"):
        symmetry.balance(draw_deep(), [])


def test_dead_neurons_are_emptied_through_the_layers() -> None:
    params, x = draw_deep(), inputs()
    params["w3"][0, :, 1] = 0  # in run 0 neuron 1 of the second layer leads nowhere
    least = symmetry.balance(params, DEEP)
    assert least["w2"][0, 1].abs().max() == 0
    assert least["b2"][0, 1] == 0
    assert least["w2"][1, 1].abs().max() > 0
    torch.testing.assert_close(forward_deep(least, x), forward_deep(params, x))


def test_linear_factors_of_least_norm() -> None:
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(3, 4, 7, generator=generator, dtype=torch.float64)
    second = torch.randn(3, 9, 4, generator=generator, dtype=torch.float64)
    one, two = symmetry.balance_linear(first, second)
    torch.testing.assert_close(two @ one, second @ first)
    nuclear = torch.linalg.matrix_norm(second @ first, "nuc")
    total = one.square().sum(dim=(1, 2)) + two.square().sum(dim=(1, 2))
    torch.testing.assert_close(total, 2 * nuclear)
    charge = symmetry.linear_charge(one, two)
    assert charge.abs().max() < 1e-12 * total.max()
    wide, tall = symmetry.balance_linear(torch.ones(5, 2), torch.ones(3, 5))  # n above both
    assert (wide.shape, tall.shape) == ((5, 2), (3, 5))
    torch.testing.assert_close(tall @ wide, torch.full((3, 2), 5.0))
    with pytest.raises(ValueError, match=r"wanted \(..., n, i\) and \(..., o, n\)"):
        symmetry.balance_linear(torch.ones(5, 2), torch.ones(3, 4))


def test_the_balanced_transformer_is_the_same_function_with_equal_partners() -> None:
    model = Transformer(p=5, d_model=8, heads=2, d_mlp=12)
    params = model.init([torch.Generator().manual_seed(s) for s in range(2)], torch.float64)
    params["W_V"], params["W_Q"] = params["W_V"] * 5, params["W_Q"] / 3
    pairs = torch.cartesian_prod(torch.arange(5), torch.arange(5))
    least = symmetry.balance_transformer(params)
    torch.testing.assert_close(
        transformer_forward(least, pairs), transformer_forward(params, pairs)
    )
    norms = {name: t.flatten(1).norm(dim=1) for name, t in least.items()}
    for one, other in (("W_V", "W_O"), ("W_Q", "W_K")):
        torch.testing.assert_close(norms[one], norms[other])
    assert (l2_norm(least, run_axis=True) < l2_norm(params, run_axis=True)).all()
    scaled = symmetry.balance(params, symmetry.transformer_pairs()["V-O"])
    vo = (least["W_V"].norm() ** 2 + least["W_O"].norm() ** 2).item()
    assert vo < (scaled["W_V"].norm() ** 2 + scaled["W_O"].norm() ** 2).item()
    assert {k: torch.equal(least[k], params[k]) for k in ("W_E", "W_pos", "W_U")} == dict.fromkeys(
        ("W_E", "W_pos", "W_U"), True
    )
