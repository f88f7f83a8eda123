"""The degree of an activation, which says how a neuron may be rescaled.

A neuron with incoming weights u (its bias among them) and outgoing weights v adds
``v * act(u . x)`` to what comes next. Where ``act(beta z) = beta^k act(z)`` for every beta > 0,
the neuron (beta u, v / beta^k) adds the same: the function does not change and the norm does.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda z: z,
    "relu": torch.relu,
    "square": torch.square,
    "gelu": F.gelu,
    "tanh": torch.tanh,
}


def symmetry_of(activation: Callable[[Tensor], Tensor]) -> float | None:
    """The degree k with ``activation(beta * z) == beta**k * activation(z)`` for every beta > 0.

    Find it by trying: in float64, at values z of both signs and at several beta.

    Args:
        activation: any function from a tensor to a tensor of the same shape, entry by entry; not
            zero everywhere.

    Returns:
        The degree as a float, or None if no k does for all z and all beta > 0.

    Source: Dinh and others 2017 (arXiv 1703.04933) for ReLU.

    >>> symmetry_of(torch.relu), symmetry_of(torch.square)
    (1.0, 2.0)
    >>> print(symmetry_of(torch.tanh))
    None
    """
    z = torch.linspace(-3.0, 3.0, 12, dtype=torch.float64)
    value = activation(z)
    if not value.any():
        raise ValueError("the activation is zero at every point tried; it has no degree to find")
    largest = value.abs().argmax()
    ratio = float(activation(2 * z)[largest] / value[largest])
    if ratio <= 0:
        return None
    degree = round(math.log2(ratio), 9)
    for beta in (1e-4, 0.3, 5.0, 1e4):
        if not torch.allclose(activation(beta * z) / beta**degree, value, rtol=1e-9):
            return None
    return degree
