"""Losses whose learning coefficient at w* is known, to try an estimator on."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from grokedu.llc.exact.coefficients import deep_linear_llc
from grokedu.llc.exact.quadratic import localised_quadratic_llc
from grokedu.models.parameters import Params


@dataclass(frozen=True)
class Known:
    """A loss, a minimum of it, and what an estimate there ought to be.

    Attributes:
        loss: from weights with a leading axis of C chains to the loss of each, (C,).
        center: w*.
        value: the exact value.
        multiplicity: 1 where an estimate at a finite n is not too low by a term in 1 / log(n).
    """

    loss: Callable[[Params], Tensor]
    center: dict[str, Tensor]
    value: float
    multiplicity: int = 1


def quadratic(h: Sequence[float], *, n: float, gamma: float = 1.0) -> Known:
    """L = half the sum of h_i w_i^2, at 0, with the exact value at this n and gamma.

    >>> case = quadratic([2.0, 1.0], n=1e6, gamma=0.0)
    >>> case.value, case.loss({"w": torch.tensor([[1.0, 2.0]])}).tolist()
    (1.0, [3.0])
    """
    scales = torch.tensor(h, dtype=torch.float32)

    def loss(params: Params) -> Tensor:
        return (params["w"].square() * scales.to(params["w"])).sum(dim=1) / 2

    value = localised_quadratic_llc(h, nbeta=n / math.log(n), gamma=gamma)
    return Known(loss, {"w": torch.zeros_like(scales)}, value)


def deep_linear(widths: Sequence[int], rank: int) -> Known:
    """L = half the squared distance of a product of matrices from diag(I_rank, 0).

    It is the population loss of a deep linear network on white inputs, without noise. At w* every
    layer is diag(I_rank, 0), where the learning coefficient of the whole fibre is attained.

    >>> case = deep_linear([3, 3, 3, 3], 2)
    >>> case.value, case.multiplicity
    (4.5, 3)
    >>> case.loss({name: layer.unsqueeze(0) for name, layer in case.center.items()}).tolist()
    [0.0]
    """
    layers = {}
    for at, (before, after) in enumerate(pairwise(widths), start=1):
        layers[f"W{at}"] = _identity(after, before, rank)
    target = _identity(widths[-1], widths[0], rank)

    def loss(params: Params) -> Tensor:
        product, *others = params.values()
        for layer in others:
            product = torch.bmm(layer, product)
        return (product - target.to(product)).square().sum(dim=(1, 2)) / 2

    exact = deep_linear_llc(widths, rank)
    return Known(loss, layers, float(exact.value), exact.multiplicity)


def _identity(rows: int, columns: int, rank: int) -> Tensor:
    matrix = torch.zeros(rows, columns)
    matrix[range(rank), range(rank)] = 1.0
    return matrix
