"""Activation functions of the two-layer network, and their slopes in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "square": torch.square,
    "relu": F.relu,
    "gelu": F.gelu,
}


def slope(activation: str, hidden: Tensor) -> Tensor:
    """The derivative of an activation, entry by entry.

    Args:
        activation: one of :data:`ACTIVATIONS`.
        hidden: float, of any shape.

    Returns:
        The derivative at each entry, of the same shape; ReLU's at 0 is 0.

    Raises:
        ValueError: for an unknown activation.

    >>> slope("square", torch.tensor([3.0])).item(), slope("relu", torch.tensor([-1.0])).item()
    (6.0, 0.0)
    """
    if activation == "square":
        return 2 * hidden
    if activation == "relu":
        return (hidden > 0).to(hidden.dtype)
    if activation == "gelu":
        bell = torch.exp(-0.5 * hidden.square()) / math.sqrt(2 * math.pi)
        return 0.5 * (1 + torch.erf(hidden / math.sqrt(2))) + hidden * bell
    raise ValueError(f"activation is {activation!r}; wanted one of {[*ACTIVATIONS]}")
