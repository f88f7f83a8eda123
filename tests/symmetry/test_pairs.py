from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call

from grokedu import symmetry
from grokedu.measures import l2_norm
from grokedu.models.transformer import Transformer
from grokedu.models.transformer import forward as transformer_forward
from grokedu.symmetry import Pair
from tests.symmetry.networks import draw, forward, inputs, pair_of


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
        (nn.PReLU(), 1.0),
        (nn.Sequential(nn.ReLU(), nn.Dropout(0.9)), 1.0),
        (lambda z: z.clamp(-100, 100), None),  # linear where it is usually looked at
    ],
)
def test_the_degree_of_activations(activation: Any, degree: float | None) -> None:
    assert symmetry.symmetry_of(activation) == degree


@given(
    activation=st.sampled_from(["relu", "square", "linear"]),
    scales=st.lists(st.floats(0.05, 20), min_size=6, max_size=6),
    seed=st.integers(0, 1000),
)
def test_rescaling_keeps_the_function(activation: str, scales: list[float], seed: int) -> None:
    params, x = draw(seed), inputs()
    other = symmetry.rescale(params, pair_of(activation), torch.tensor(scales).double())
    before, after = forward(params, x, activation), forward(other, x, activation)
    torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_scale_for_each_run_and_neuron_is_the_runs_alone(dtype: torch.dtype) -> None:
    params, scale = draw(dtype=dtype), torch.rand(2, 6, dtype=dtype) + 0.5
    both = symmetry.rescale(params, pair_of("relu"), scale)
    for run in range(2):
        alone = {name: t[run] for name, t in params.items()}
        one = symmetry.rescale(alone, pair_of("relu"), scale[run])
        for name in params:
            assert both[name].dtype == dtype
            torch.testing.assert_close(one[name], both[name][run])


def test_a_forgotten_bias_would_change_the_function() -> None:
    params, x = draw(), inputs()
    other = symmetry.rescale(params, Pair({"A": "ij"}, {"W": "jo"}), 3.0)
    assert (forward(other, x) - forward(params, x)).abs().max() > 0.1


def test_rescaling_one_neuron_leaves_the_others() -> None:
    params = draw()
    other = symmetry.rescale_neuron(params, pair_of("square"), 2, 3.0)
    rest = [0, 1, 3, 4, 5]
    assert torch.equal(other["A"][..., rest], params["A"][..., rest])
    torch.testing.assert_close(other["b"][:, 2], 3 * params["b"][:, 2])
    torch.testing.assert_close(other["W"][:, 2], params["W"][:, 2] / 9)


@pytest.mark.parametrize("activation", ["relu", "square"])
def test_the_norm_along_the_orbit_is_the_norm_of_its_points(activation: str) -> None:
    params = {name: t[0] for name, t in draw().items()}
    scales, pair = torch.tensor([0.3, 1.0, 2.5]).double(), pair_of(activation)
    found = symmetry.norm_along_orbit(params, pair, scales)
    each = [l2_norm(symmetry.rescale(params, pair, one)) for one in scales]
    torch.testing.assert_close(found, torch.stack(each))


def test_a_hundred_points_of_the_orbit_of_a_module() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
    net = net.double()
    pairs, x = symmetry.sequential_pairs(net), inputs()
    weights = dict(net.named_parameters())
    points = symmetry.random_orbit(weights, pairs, torch.Generator().manual_seed(1), count=100)
    norms = l2_norm(points, run_axis=True)
    assert norms.max() > 2 * norms.min()
    for run in (0, 57, 99):
        one = functional_call(net, {name: t[run] for name, t in points.items()}, (x,))
        torch.testing.assert_close(one, net(x), rtol=1e-9, atol=1e-9)


def test_the_pairs_of_a_sequence_skip_what_allows_none() -> None:
    net = nn.Sequential(
        nn.Linear(2, 3, bias=False), nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 5), nn.ReLU(),
        nn.Dropout(0.0), nn.Linear(5, 1),
    )  # fmt: skip
    pairs = symmetry.sequential_pairs(net)
    assert [[*pair.incoming] for pair in pairs] == [["0.weight"], ["3.weight", "3.bias"]]
    assert [pair.degree for pair in pairs] == [1.0, 1.0]
    with pytest.raises(ValueError, match="no two Linear layers"):
        symmetry.sequential_pairs(nn.Sequential(nn.Linear(2, 3), nn.GELU(), nn.Linear(3, 1)))


def test_the_transformers_pairs_keep_its_function_and_others_do_not() -> None:
    model = Transformer(p=5, d_model=8, heads=2, d_mlp=12)
    params = model.init([torch.Generator().manual_seed(s) for s in range(2)], torch.float64)
    params |= {name: torch.randn_like(params[name]) for name in ("b_in", "b_out")}
    pairs = torch.cartesian_prod(torch.arange(5), torch.arange(5))
    before = transformer_forward(params, pairs)
    generator = torch.Generator().manual_seed(3)
    for pair in (*symmetry.transformer_pairs().values(), symmetry.residual_pair()):
        shape = pair.squares(params)[0].shape
        scale = torch.rand(shape, generator=generator, dtype=torch.float64) + 0.3
        after = transformer_forward(symmetry.rescale(params, pair, scale), pairs)
        torch.testing.assert_close(after, before, rtol=1e-10, atol=1e-10)
    traded = params | {"W_E": params["W_E"] * 2, "W_pos": params["W_pos"] * 2}
    traded["W_U"] = params["W_U"] / 2
    assert (transformer_forward(traded, pairs) - before).abs().max() > 0.01


def test_the_residual_stream_links_what_writes_into_it_with_what_reads_from_it() -> None:
    model = Transformer(p=5, d_model=8, heads=2, d_mlp=12)
    params = model.init(torch.Generator().manual_seed(0), torch.float64)
    params["b_in"] = torch.full_like(params["b_in"], 0.3)
    pairs = [*symmetry.transformer_pairs().values(), symmetry.residual_pair()]
    least = symmetry.balance(params, pairs, tolerance=1e-9)
    square = {name: float(tensor.square().sum()) for name, tensor in least.items()}
    write = square["W_E"] + square["W_pos"] + square["b_in"] + square["b_out"]
    assert write == pytest.approx(square["W_U"] + square["W_Q"] + square["W_K"], rel=1e-6)
    alone = symmetry.balance(params, pairs[:3], tolerance=1e-9)
    assert l2_norm(least) < l2_norm(alone) * (1 - 1e-4)


def test_runs_on_their_orbits_are_each_alone() -> None:
    params, pair = draw(), pair_of("square")
    scales = torch.tensor([0.5, 1.0, 3.0])
    norms = symmetry.norm_along_orbit(params, pair, scales)
    points = symmetry.random_orbit(params, [pair], torch.Generator().manual_seed(0), count=4)
    for run in range(2):
        alone = {name: t[run] for name, t in params.items()}
        torch.testing.assert_close(norms[:, run], symmetry.norm_along_orbit(alone, pair, scales))
        point = {name: t[2, run] for name, t in points.items()}
        torch.testing.assert_close(
            forward(point, inputs(), "square"), forward(alone, inputs(), "square")
        )
    assert symmetry.balance({k: t[:0] for k, t in params.items()}, pair)["A"].shape == (0, 3, 6)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: symmetry.symmetry_of("swish"), "no activation is called 'swish'; there are"),
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
        (lambda: symmetry.rescale_neuron(draw(), pair_of("relu"), 6, 1.0), "wanted 0 to 5"),
        (
            lambda: pair_of("relu").squares({**draw(), "W": torch.ones(6, 4, device="meta")}),
            "on different devices, .*'W': 'meta'",
        ),
        (
            lambda: symmetry.rescale({**draw(), "W": torch.ones(2, 7, 4)}, pair_of("relu"), 2.0),
            "as many neurons 'j'",
        ),
        (
            lambda: symmetry.rescale(draw(), pair_of("relu"), torch.ones(2)),
            r"wanted a number or \(",
        ),
        (
            lambda: symmetry.sequential_pairs(
                nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3), nn.ReLU(), nn.Linear(3, 1))
            ),
            "no two Linear layers",
        ),
    ],
)
def test_bad_input_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
