"""The loss as a function of radius and direction.

For a homogeneous network of degree m, ``f(r u) = r^m f(u)``: the radius is a temperature. Along it
the loss changes, and which class has the largest logit does not, so that it alone cannot change the
accuracy; it can change where the direction goes from here.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from grokedu.measures import cross_entropy
from grokedu.models.two_layer import forward


def polar_loss(
    direction: Mapping[str, Tensor], radius: Tensor, pairs: Tensor, labels: Tensor
) -> Tensor:
    """The train loss of the two-layer network as a function of radius and direction.

    The weights are ``radius * direction / |direction|``, all tensors together; the logits are those
    of ``forward``, the loss is ``cross_entropy``. Autograd can differentiate it in both.

    Args:
        direction: "A", "B" (p, N) and "W" (N, p), of any norm; only where they point counts.
        radius: a scalar tensor.
        pairs: int64 (n, 2).
        labels: int64 (n,).

    Returns:
        A scalar tensor, in nats.

    >>> direction = {"A": torch.ones(2, 1), "B": torch.ones(2, 1), "W": torch.ones(1, 2)}
    >>> pairs, labels = torch.tensor([[0, 1]]), torch.tensor([1])
    >>> f"{polar_loss(direction, torch.tensor(9.0), pairs, labels).item():.4f}"  # two equal logits
    '0.6931'
    """
    norm = torch.stack([t.square().sum() for t in direction.values()]).sum().sqrt()
    weights = {name: radius * t / norm for name, t in direction.items()}
    return cross_entropy(forward(weights, pairs), labels)
