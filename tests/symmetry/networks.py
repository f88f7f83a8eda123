"""Small networks with a run axis, and the pairs that they have."""

from __future__ import annotations

import torch
from torch import Tensor

from grokedu.symmetry import Pair

TWO_LAYER = Pair({"A": "ij", "b": "j"}, {"W": "jo"})
ACTS = {"relu": torch.relu, "square": torch.square, "linear": lambda z: z}
DEEP = [
    Pair({"w1": "ji", "b1": "j"}, {"w2": "oj"}),
    Pair({"w2": "ji", "b2": "j"}, {"w3": "oj"}),
]


def pair_of(activation: str) -> Pair:
    return Pair(TWO_LAYER.incoming, TWO_LAYER.outgoing, activation)


def draw(seed: int = 0, dtype: torch.dtype = torch.float64, runs: int = 2) -> dict[str, Tensor]:
    shapes = {"A": (3, 6), "b": (6,), "W": (6, 4), "c": (4,)}
    generator = torch.Generator().manual_seed(seed)
    return {
        name: 0.5 * torch.randn(runs, *shape, generator=generator, dtype=torch.float64).to(dtype)
        for name, shape in shapes.items()
    }


def draw_deep(seed: int = 0, runs: int = 2) -> dict[str, Tensor]:
    shapes = {"w1": (6, 3), "b1": (6,), "w2": (5, 6), "b2": (5,), "w3": (2, 5), "b3": (2,)}
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(runs, *shape, generator=generator, dtype=torch.float64)
        for name, shape in shapes.items()
    }


def inputs(dtype: torch.dtype = torch.float64, n: int = 7, size: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(99)
    return torch.randn(n, size, generator=generator, dtype=torch.float64).to(dtype)


def forward(params: dict[str, Tensor], x: Tensor, activation: str = "relu") -> Tensor:
    hidden = ACTS[activation](x @ params["A"] + params["b"].unsqueeze(-2))
    return hidden @ params["W"] + params["c"].unsqueeze(-2)


def forward_deep(params: dict[str, Tensor], x: Tensor) -> Tensor:
    for layer in (1, 2, 3):
        x = x @ params[f"w{layer}"].mT + params[f"b{layer}"].unsqueeze(-2)
        x = torch.relu(x) if layer < 3 else x
    return x


def gradient(params: dict[str, Tensor], activation: str = "relu") -> dict[str, Tensor]:
    leaves = {name: t.detach().clone().requires_grad_() for name, t in params.items()}
    loss = (forward(leaves, inputs(params["A"].dtype), activation) - 1).square().mean(dim=(1, 2))
    return dict(zip(leaves, torch.autograd.grad(loss.sum(), [*leaves.values()]), strict=True))
