"""Small networks, and the pairs that they have."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from grokedu.symmetry import Pair

TWO_LAYER = Pair({"A": "ij", "b": "j"}, {"W": "jo"})
ACTS = {"relu": torch.relu, "square": torch.square, "linear": lambda z: z}
DEGREES = {"relu": 1.0, "square": 2.0, "linear": 1.0}
DEEP = [
    Pair({"w1": "ji", "b1": "j"}, {"w2": "oj"}),
    Pair({"w2": "ji", "b2": "j"}, {"w3": "oj"}),
]


def pair_of(activation: str) -> Pair:
    return Pair(TWO_LAYER.incoming, TWO_LAYER.outgoing, activation)


def draw(seed: int = 0, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
    return drawn({"A": (3, 6), "b": (6,), "W": (6, 4), "c": (4,)}, seed, 0.5, dtype)


def draw_deep(seed: int = 0) -> dict[str, Tensor]:
    return drawn(
        {"w1": (6, 3), "b1": (6,), "w2": (5, 6), "b2": (5,), "w3": (2, 5), "b3": (2,)}, seed
    )


def drawn(
    shapes: Mapping[str, tuple[int, ...]],
    seed: int,
    scale: float = 1.0,
    dtype: torch.dtype = torch.float64,
) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: scale * torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        for name, shape in shapes.items()
    }


def stacked(nets: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([net[name] for net in nets]) for name in nets[0]}


def inputs(dtype: torch.dtype = torch.float64, n: int = 7, size: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(99)
    return torch.randn(n, size, generator=generator, dtype=torch.float64).to(dtype)


def forward(params: dict[str, Tensor], x: Tensor, activation: str = "relu") -> Tensor:
    return ACTS[activation](x @ params["A"] + params["b"]) @ params["W"] + params["c"]


def forward_deep(params: dict[str, Tensor], x: Tensor) -> Tensor:
    for layer in (1, 2, 3):
        x = x @ params[f"w{layer}"].mT + params[f"b{layer}"]
        x = torch.relu(x) if layer < 3 else x
    return x


def gradient(params: dict[str, Tensor], activation: str = "relu") -> dict[str, Tensor]:
    def loss(net: dict[str, Tensor]) -> Tensor:
        return (forward(net, inputs(net["A"].dtype), activation) - 1).square().mean()

    return torch.func.grad(loss)(params)
