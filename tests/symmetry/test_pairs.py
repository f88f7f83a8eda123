from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from grokedu import symmetry
from grokedu.measures import l2_norm
from grokedu.models.transformer import Transformer
from grokedu.models.transformer import forward as transformer_forward
from grokedu.symmetry import Pair
from grokedu.symmetry.activations import ACTIVATIONS
from tests.symmetry.networks import DEEP, draw, draw_deep, forward, forward_deep, inputs, pair_of


@pytest.mark.parametrize(
    ("activation", "degree"),
    [
        ("relu", 1.0),
        ("linear", 1.0),
        ("square", 2.0),
        ("gelu", None),
        ("tanh", None),
        (nn.LeakyReLU(0.2), 1.0),
        (lambda z: z.abs().sqrt(), 0.5),
        (torch.sign, 0.0),
        (lambda z: z**3, 3.0),
        (lambda z: torch.relu(z) + 0.01, None),
        (lambda z: torch.relu(z) - z.square(), None),
        (torch.cos, None),
        (nn.PReLU().double(), 1.0),
        (nn.Sequential(nn.ReLU(), nn.Dropout(0.9)).eval(), 1.0),
        (lambda z: z.clamp(-100, 100), None),  # linear where it is usually looked at
    ],
)
def test_the_degree_of_activations(activation: Any, degree: float | None) -> None:
    assert symmetry.symmetry_of(ACTIVATIONS.get(activation, activation)) == degree


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_pair_is_rescaled_as_the_two_layer_network_that_it_is(dtype: torch.dtype) -> None:
    params, scale = draw(dtype=dtype), torch.rand(6, dtype=dtype) + 0.5
    found = symmetry.rescale(params, pair_of("square"), scale)
    for name, tensor in symmetry.rescale_neurons(params, scale, 2.0).items():
        assert found[name].dtype == dtype
        torch.testing.assert_close(found[name], tensor)
    assert found["c"] is params["c"]


def test_a_forgotten_bias_would_change_the_function() -> None:
    params, x = draw(), inputs()
    other = symmetry.rescale(params, Pair({"A": "ij"}, {"W": "jo"}), 3.0)
    assert (forward(other, x) - forward(params, x)).abs().max() > 0.1


def test_a_deep_network_is_balanced_in_every_pair_at_once() -> None:
    params, x = draw_deep(), inputs()
    least = symmetry.balance_pairs(params, DEEP, tolerance=1e-12)
    for pair in DEEP:
        net = pair.network(least)
        into, out = net["A"].square().sum(0), net["W"].square().sum(1)
        torch.testing.assert_close(into, out, rtol=1e-9, atol=0)
    torch.testing.assert_close(forward_deep(least, x), forward_deep(params, x))
    moved = symmetry.rescale(symmetry.rescale(params, DEEP[1], 7.0), DEEP[0], 0.2)
    again = symmetry.balance_pairs(moved, DEEP, tolerance=1e-12)
    for name in params:  # the minimum is one point
        torch.testing.assert_close(again[name], least[name], rtol=1e-8, atol=1e-10)


def test_a_hundred_points_of_the_orbit_of_a_deep_network() -> None:
    params, x, draws = draw_deep(), inputs(), torch.Generator().manual_seed(1)
    norms = []
    for _ in range(100):
        point = params
        for pair in DEEP:
            log = torch.randn(pair.shape(params), generator=draws, dtype=torch.float64)
            point = symmetry.rescale(point, pair, log.exp())
        norms.append(float(l2_norm(point)))
        same = forward_deep(point, x)
        torch.testing.assert_close(same, forward_deep(params, x), rtol=1e-9, atol=1e-9)
    assert max(norms) > 2 * min(norms)


def test_sweeps_that_do_not_end_are_an_error() -> None:
    with pytest.raises(RuntimeError, match="not balanced after 2 sweeps"):
        symmetry.balance_pairs(draw_deep(), DEEP, sweeps=2, tolerance=1e-12)
    with pytest.raises(ValueError, match="no pair was given"):
        symmetry.balance_pairs(draw_deep(), [])
    with pytest.raises(ValueError, match="only positive ones have a least"):
        symmetry.balance_pairs(draw(), [Pair({"A": "ij"}, {"W": "jo"}, torch.sign)])


def test_dead_neurons_are_emptied_through_the_layers() -> None:
    params, x = draw_deep(), inputs()
    alive = symmetry.balance_pairs(params, DEEP)
    assert alive["w2"][1].abs().max() > 0
    params["w3"][:, 1] = 0  # neuron 1 of the second layer leads nowhere
    params["w2"][[0, 2, 3, 4], 2] = 0  # neuron 2 of the first leads to that one alone
    least = symmetry.balance_pairs(params, DEEP)
    assert least["w2"][1].abs().max() == 0
    assert least["b2"][1] == 0
    assert least["w1"][2].abs().max() == 0
    assert least["w2"][0].abs().max() > 0
    torch.testing.assert_close(forward_deep(least, x), forward_deep(params, x))


def test_the_transformers_pairs_keep_its_function_and_others_do_not() -> None:
    model = Transformer(p=5, d_model=8, heads=2, d_mlp=12)
    params = model.init(torch.Generator().manual_seed(0), torch.float64)
    params |= {name: torch.randn_like(params[name]) for name in ("b_in", "b_out")}
    pairs = torch.cartesian_prod(torch.arange(5), torch.arange(5))
    before = transformer_forward(params, pairs)
    generator = torch.Generator().manual_seed(3)
    for pair in (*symmetry.transformer_pairs().values(), symmetry.residual_pair()):
        scale = torch.rand(pair.shape(params), generator=generator, dtype=torch.float64) + 0.3
        after = transformer_forward(symmetry.rescale(params, pair, scale), pairs)
        torch.testing.assert_close(after, before, rtol=1e-10, atol=1e-10)
    traded = params | {"W_E": params["W_E"] * 2, "W_pos": params["W_pos"] * 2}
    traded["W_U"] = params["W_U"] / 2
    assert (transformer_forward(traded, pairs) - before).abs().max() > 0.01


def test_the_balanced_transformer_is_the_same_function_with_equal_partners() -> None:
    model = Transformer(p=5, d_model=8, heads=2, d_mlp=12)
    params = model.init(torch.Generator().manual_seed(0), torch.float64)
    params["W_V"], params["W_Q"] = params["W_V"] * 5, params["W_Q"] / 3
    pairs = torch.cartesian_prod(torch.arange(5), torch.arange(5))
    least = symmetry.balance_pairs(params, [*symmetry.transformer_pairs().values()])
    torch.testing.assert_close(
        transformer_forward(least, pairs), transformer_forward(params, pairs)
    )
    for one, other in (("W_V", "W_O"), ("W_Q", "W_K")):
        torch.testing.assert_close(least[one].norm(), least[other].norm())
    assert l2_norm(least) < l2_norm(params)
    assert {k: torch.equal(least[k], params[k]) for k in ("W_E", "W_pos", "W_U")} == dict.fromkeys(
        ("W_E", "W_pos", "W_U"), True
    )


def test_the_residual_stream_links_what_writes_into_it_with_what_reads_from_it() -> None:
    model = Transformer(p=5, d_model=8, heads=2, d_mlp=12)
    params = model.init(torch.Generator().manual_seed(0), torch.float64)
    params["b_in"] = torch.full_like(params["b_in"], 0.3)
    pairs = [*symmetry.transformer_pairs().values(), symmetry.residual_pair()]
    least = symmetry.balance_pairs(params, pairs, tolerance=1e-9)
    square = {name: float(tensor.square().sum()) for name, tensor in least.items()}
    write = square["W_E"] + square["W_pos"] + square["b_in"] + square["b_out"]
    assert write == pytest.approx(square["W_U"] + square["W_Q"] + square["W_K"], rel=1e-6)
    alone = symmetry.balance_pairs(params, pairs[:3], tolerance=1e-9)
    assert l2_norm(least) < l2_norm(alone) * (1 - 1e-4)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: pair_of("swish").degree, "no activation is called 'swish'; there are"),
        (lambda: symmetry.symmetry_of(torch.zeros_like), "zero at every point"),
        (lambda: Pair({"A": "ij"}, {"A": "ij"}), "none that is both"),
        (lambda: Pair({"A": "ik"}, {"W": "jo"}), "axes of A are 'ik'"),
        (lambda: pair_of("gelu").degree, "allows no rescaling"),
        (lambda: symmetry.rescale(draw(), pair_of("relu"), 0.0), "must be positive"),
        (lambda: symmetry.rescale(draw(), pair_of("relu"), float("nan")), "must be positive"),
        (lambda: symmetry.rescale({"A": torch.ones(2, 2)}, pair_of("relu"), 1.0), "no tensor 'b'"),
        (
            lambda: symmetry.rescale({**draw(), "W": torch.ones(2)}, pair_of("relu"), 1.0),
            r"W has shape \(2,\); wanted the axes 'jo'",
        ),
        (
            lambda: pair_of("relu").network({**draw(), "W": torch.ones(6, 4, device="meta")}),
            "on different devices, .*'W': 'meta'",
        ),
        (
            lambda: symmetry.rescale({**draw(), "W": torch.ones(7, 4)}, pair_of("relu"), 2.0),
            "as many neurons 'j'",
        ),
        (
            lambda: symmetry.rescale(draw(), pair_of("relu"), torch.ones(2)),
            r"wanted a number or \(",
        ),
    ],
)
def test_bad_input_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
