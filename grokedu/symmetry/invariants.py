"""A norm that rescaling neurons cannot change, and the degree of a whole network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor


def path_norm(layers: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    """The L2 path norm of a ReLU network, which no rescaling of its neurons changes.

    A path leads from an input, or from a bias, through one neuron of each later layer to an output;
    its weight is the product of the weights on it (a bias included). The path norm is the root of
    the sum, over all paths, of the *squared* path weights.

    Args:
        layers: for each layer, first one first, its weights of shape (in, out) and its bias of
            shape (out,): the layer computes ``x @ weights + bias``.

    Returns:
        A scalar tensor.

    Source: Neyshabur and others 2015 (arXiv 1506.02617).

    >>> first = (torch.tensor([[3.0, 1.0]]), torch.tensor([0.0, 0.0]))
    >>> second = (torch.tensor([[2.0], [4.0]]), torch.tensor([0.0]))
    >>> path_norm([first, second])  # the root of (3 * 2)**2 + (1 * 4)**2
    tensor(7.2111)
    """
    reach = torch.ones_like(layers[0][0][:, 0])
    for weights, bias in layers:
        reach = reach @ weights.square() + bias.square()
    return reach.sum().sqrt()


def homogeneity_degree(degrees: Sequence[float | None], biases: Sequence[bool]) -> float | None:
    """The degree of a whole network when *all* its weights and biases are multiplied by r > 0.

    That is the m with ``outputs(r * w) == r**m * outputs(w)`` for every input. Find it by counting,
    layer by layer: the input does not depend on r, so has degree 0; multiplying by weights adds 1;
    an activation of degree k multiplies by k; and a bias, which has degree 1, may only be added to
    something of degree 1.

    Args:
        degrees: one for each activation, of which there is one after every layer but the last: its
            degree, None if it has none.
        biases: one for each layer: whether the layer has a bias.

    Returns:
        m as a float, or None if there is none.

    Source: Lyu and Li 2020 (arXiv 1906.05890).

    >>> homogeneity_degree([1.0], [True, False])  # two layers, ReLU, a bias in the first
    2.0
    >>> homogeneity_degree([2.0], [False, False])  # the network of lesson 01
    3.0
    >>> print(homogeneity_degree([1.0], [True, True]))
    None
    """
    degree = 0.0
    for activation, bias in zip([*degrees, 1.0], biases, strict=True):
        degree = degree + 1
        if activation is None or (bias and degree != 1):
            return None
        degree = activation * degree
    return degree


@torch.no_grad()
def measured_degree(
    outputs: Callable[[dict[str, Tensor]], Tensor], weights: Mapping[str, Tensor]
) -> float | None:
    """The m of :func:`homogeneity_degree` found by trying: weights times 2 and over 4.

    Args:
        outputs: from a dictionary of weights to a tensor of any shape.
        weights: the weights to try it at.

    Returns:
        m, rounded to four digits, or None if there is none.

    Raises:
        ValueError: if there are no weights, or the outputs are all zero.

    >>> square = lambda w: (w["A"] @ torch.ones(3)).square() @ w["W"]
    >>> measured_degree(square, {"A": torch.ones(2, 3), "W": torch.ones(2, 1)})
    3.0
    """
    if not weights:
        raise ValueError("no weights were given; wanted a dictionary such as {'W': tensor}")
    # Powers of two scale every float without rounding.
    base, *scaled = (
        outputs({name: r * weight for name, weight in weights.items()}).double()
        for r in (1.0, 2.0, 0.25)
    )
    if not base.any():
        raise ValueError(
            "the outputs are all zero; wanted weights and inputs with some that are not"
        )
    largest = int(base.abs().argmax())
    ratio = scaled[0].flatten()[largest] / base.flatten()[largest]
    if not ratio > 0:
        return None
    degree = round(float(ratio.log2()), 4)
    noise = 1e3 * torch.finfo(next(iter(weights.values())).dtype).eps
    absolute = noise * float(base.abs().max())
    for r, values in zip((2.0, 0.25), scaled, strict=True):
        if not torch.allclose(values / r**degree, base, rtol=noise, atol=absolute):
            return None
    return degree
