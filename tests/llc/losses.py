"""Losses whose learning coefficients are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import torch
from torch import Tensor

N = 1e6
Loss = Callable[[Mapping[str, Tensor]], Tensor]


def quadratic(h: Sequence[float]) -> tuple[Loss, dict[str, Tensor]]:
    """Half the sum of h_i w_i^2, and its minimum."""
    scales = torch.tensor(h)
    return lambda params: (params["w"].square() * scales).sum(dim=1) / 2, {"w": 0 * scales}


def deep_linear(widths: Sequence[int], rank: int) -> tuple[Loss, dict[str, Tensor]]:
    """Half the squared distance of the product from diag(I_r, 0), and layers that are the same."""
    layers = {}
    for at, (first, second) in enumerate(pairwise(widths)):
        layers[f"W{at}"] = torch.zeros(second, first)
        layers[f"W{at}"][range(rank), range(rank)] = 1.0
    target = torch.zeros(widths[-1], widths[0])
    target[range(rank), range(rank)] = 1.0

    def loss(params: Mapping[str, Tensor]) -> Tensor:
        product = params["W0"]
        for at in range(1, len(params)):
            product = params[f"W{at}"] @ product
        return (product - target).square().sum(dim=(1, 2)) / 2

    return loss, layers
