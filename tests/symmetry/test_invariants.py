from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.func import functional_call

from grokedu import symmetry
from grokedu.models import TwoLayer
from tests.symmetry.networks import DEEP, draw, draw_deep, forward, inputs

PAIRS = torch.cartesian_prod(torch.arange(5), torch.arange(5))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_degree_of_whole_networks(dtype: torch.dtype) -> None:
    for activation, degree in (("square", 3.0), ("relu", 2.0), ("gelu", None)):
        model = TwoLayer(5, 8, activation)
        params = model.init(torch.Generator().manual_seed(0), dtype)
        assert symmetry.measured_degree(lambda w, m=model: m.apply(w, PAIRS), params) == degree
    torch.manual_seed(0)
    for bias, degree in ((False, 3.0), (True, None)):
        net = nn.Sequential(
            nn.Linear(3, 8, bias=bias), nn.ReLU(), nn.Linear(8, 8, bias=bias), nn.ReLU(),
            nn.Linear(8, 2, bias=bias),
        ).to(dtype)  # fmt: skip
        found = symmetry.measured_degree(
            lambda w, n=net: functional_call(n, w, (inputs(dtype),)), dict(net.named_parameters())
        )
        assert found == degree


def test_a_bias_in_the_first_of_two_layers_does_no_harm() -> None:
    params = draw() | {"c": torch.zeros(4).double()}
    assert symmetry.measured_degree(lambda w: forward(w, inputs()), params) == 2.0
    with pytest.raises(ValueError, match="all zero"):
        symmetry.measured_degree(lambda w: 0 * w["A"], params)
    with pytest.raises(ValueError, match="no weights"):
        symmetry.measured_degree(lambda w: inputs(), {})


@pytest.mark.parametrize(
    ("activation", "biases"),
    [("relu", [True, False]), ("square", [False, False]), ("square", [True, True])],
)
def test_a_counted_degree_is_the_one_found_by_trying(activation: str, biases: list[bool]) -> None:
    net, degree = draw(), {"relu": 1.0, "square": 2.0}[activation]
    net["b"], net["c"] = net["b"] * biases[0], torch.full((4,), 0.7 * biases[1]).double()
    found = symmetry.measured_degree(lambda w: forward(w, inputs(), activation), net)
    assert symmetry.homogeneity_degree([degree], biases) == found


def path(params: dict[str, torch.Tensor]) -> torch.Tensor:
    layers = [(params[f"w{layer}"].mT, params[f"b{layer}"]) for layer in (1, 2, 3)]
    return symmetry.path_norm(layers)


def test_the_path_norm_does_not_move_and_counts_every_path() -> None:
    one = draw_deep()
    other = symmetry.rescale(one, DEEP[0], torch.rand(6).double() + 0.3)
    other = symmetry.rescale(other, DEEP[1], torch.rand(5).double() + 0.3)
    torch.testing.assert_close(path(other), path(one))
    squares = sum(
        (one["w3"][o, k] * one["w2"][k, j] * start).square()
        for o in range(2)
        for k in range(5)
        for j in range(6)
        for start in (*one["w1"][j], one["b1"][j])
    )
    squares += (one["w3"] * one["b2"]).square().sum() + one["b3"].square().sum()
    torch.testing.assert_close(path(one), squares.sqrt())
