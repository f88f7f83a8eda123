from __future__ import annotations

import pytest
import torch
from torch import nn

from grokedu import symmetry
from grokedu.models import TwoLayer
from tests.symmetry.networks import DEEP, draw, draw_deep, forward, inputs, pair_of

PAIRS = torch.cartesian_prod(torch.arange(5), torch.arange(5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_degree_of_whole_networks(dtype: torch.dtype) -> None:
    for activation, degree in (("square", 3.0), ("relu", 2.0), ("gelu", None)):
        model = TwoLayer(5, 8, activation)
        params = model.init(torch.Generator().manual_seed(0), dtype)
        found = symmetry.homogeneity_degree(lambda w, m=model: m.apply(w, PAIRS), params)
        assert found == degree
    torch.manual_seed(0)
    for bias, degree in ((False, 3.0), (True, None)):
        net = nn.Sequential(
            nn.Linear(3, 8, bias=bias), nn.ReLU(), nn.Linear(8, 8, bias=bias), nn.ReLU(),
            nn.Linear(8, 2, bias=bias),
        ).to(dtype)  # fmt: skip
        assert symmetry.homogeneity_degree(net, inputs=inputs(dtype)) == degree


def test_a_bias_in_the_first_of_two_layers_does_no_harm() -> None:
    params = {k: t[0] for k, t in draw().items()} | {"c": torch.zeros(4).double()}
    assert symmetry.homogeneity_degree(lambda w: forward(w, inputs()), params) == 2.0
    with pytest.raises(ValueError, match="all zero"):
        symmetry.homogeneity_degree(lambda w: 0 * w["A"], params)
    with pytest.raises(ValueError, match="no weights"):
        symmetry.homogeneity_degree(lambda w: inputs())


@pytest.mark.parametrize("activation", ["relu", "square"])
def test_neuron_products_do_not_move_along_the_orbit(activation: str) -> None:
    params, pair = draw(), pair_of(activation)
    other = symmetry.rescale(params, pair, torch.rand(2, 6).double() + 0.3)
    torch.testing.assert_close(
        symmetry.neuron_products(other, pair), symmetry.neuron_products(params, pair)
    )


def path(params: dict[str, torch.Tensor]) -> torch.Tensor:
    return symmetry.path_norm(
        [params[f"w{layer}"] for layer in (1, 2, 3)], [params[f"b{layer}"] for layer in (1, 2, 3)]
    )


def test_the_path_norm_does_not_move_and_counts_every_path() -> None:
    params = draw_deep()
    other = symmetry.rescale(params, DEEP[0], torch.rand(6).double() + 0.3)
    other = symmetry.rescale(other, DEEP[1], torch.rand(5).double() + 0.3)
    torch.testing.assert_close(path(other), path(params))
    one = {name: t[0] for name, t in params.items()}
    squares = sum(
        (one["w3"][o, k] * one["w2"][k, j] * start).square()
        for o in range(2)
        for k in range(5)
        for j in range(6)
        for start in (*one["w1"][j], one["b1"][j])
    )
    squares += (one["w3"] * one["b2"]).square().sum() + one["b3"].square().sum()
    torch.testing.assert_close(path(params)[0], squares.sqrt())


def test_the_product_of_norms_moves_with_single_neurons_only() -> None:
    params, pair, names = draw(), symmetry.Pair({"A": "ij"}, {"W": "jo"}), ["A", "W"]
    before = symmetry.product_of_norms(params, names, run_axis=True)
    whole = symmetry.rescale(params, pair, 3.0)
    torch.testing.assert_close(symmetry.product_of_norms(whole, names, run_axis=True), before)
    single = symmetry.rescale_neuron(params, pair, 0, 30.0)
    assert (symmetry.product_of_norms(single, names, run_axis=True) > 2 * before).all()


def test_the_hessian_on_the_orbit_is_the_old_one_between_two_diagonals() -> None:
    params, pair, x = {k: t[0] for k, t in draw().items()}, pair_of("square"), inputs()

    def loss(w: dict[str, torch.Tensor]) -> torch.Tensor:
        return (forward(w, x, "square") - 1).square().mean()

    sizes = {name: t.numel() for name, t in params.items()}

    def flat(vector: torch.Tensor) -> torch.Tensor:
        parts = vector.split([*sizes.values()])
        return loss({n: v.reshape(params[n].shape) for n, v in zip(sizes, parts, strict=True)})

    hessian = torch.autograd.functional.hessian(
        flat, torch.cat([t.flatten() for t in params.values()])
    )
    found = symmetry.sharpness_along_orbit(
        loss, params, pair, [0.5, 1.0, 2.0], generator=torch.Generator().manual_seed(0)
    )
    for beta, value in zip((0.5, 1.0, 2.0), found, strict=True):
        power = {"A": 1 / beta, "b": 1 / beta, "W": beta**2, "c": 1.0}
        inverse = torch.cat([torch.full((n,), power[k]).double() for k, n in sizes.items()])
        top = torch.linalg.eigvalsh(inverse[:, None] * hessian * inverse)[-1]
        torch.testing.assert_close(value, top, rtol=1e-4, atol=0)
    assert found.max() > 2 * found.min()
    runs = symmetry.sharpness_along_orbit(
        lambda w: torch.stack([loss({k: t[run] for k, t in w.items()}) for run in range(2)]),
        draw(), pair, [0.5, 1.0, 2.0], run_axis=True,
        generator=[torch.Generator().manual_seed(run) for run in range(2)],
    )  # fmt: skip
    torch.testing.assert_close(runs[:, 0], found)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="no inputs were given"):
        symmetry.homogeneity_degree(nn.Linear(2, 3))
    with pytest.raises(ValueError, match="wanted at least one of A, b, W, c"):
        symmetry.product_of_norms(draw(), ["A", "V"])
    with pytest.raises(ValueError, match="the next one's in"):
        symmetry.path_norm([torch.ones(3, 2), torch.ones(2, 4)])
    with pytest.raises(ValueError, match="scales is empty"):
        symmetry.sharpness_along_orbit(
            lambda w: w["A"].sum(), draw(), pair_of("relu"), [], generator=torch.Generator()
        )
