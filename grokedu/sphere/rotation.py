"""How far a step turns the weights, and the learning rate that this amounts to.

Where the norm does not matter (a scale-invariant network, or a homogeneous one whose radius is
fixed), training is a motion of the direction: what a learning rate means depends on the norm.

The angle between unit vectors u and v is ``2 asin(|u - v| / 2)``, computed here as
``2 atan2(|u - v|, |u + v|)``, which is accurate near pi too (Kahan). The arccosine of <u, v> would
be noise below 3e-4 in float32: the cosine of a small angle differs from 1 by its square.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def angular_step(before: Mapping[str, Tensor], after: Mapping[str, Tensor]) -> Tensor:
    """The angle between the weights before and after a step, in radians, all tensors together.

    It must be accurate for angles far below the rounding of a cosine, as steps of training are.

    Args:
        before, after: the weights, name to tensor; alike in names and shapes, of any norm.

    Returns:
        A scalar tensor, between 0 and pi.

    >>> u, v = {"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([0.0, 2.0])}
    >>> round(angular_step(u, v).item(), 4)  # a right angle
    1.5708
    """
    u, v = (torch.cat([w[name].flatten() for name in before]).double() for w in (before, after))
    u, v = u / u.norm(), v / v.norm()
    return 2 * torch.atan2((u - v).norm(), (u + v).norm())


def effective_learning_rate(lr: float, norm: float, kind: str, momentum: float = 0.0) -> float:
    """The learning rate that would turn weights of norm 1 by as much, on a loss blind to the norm.

    Args:
        lr: the learning rate at weights of this norm.
        norm: their norm.
        kind: "adam" or "sgd".
        momentum: SGD's; with it, gradients that keep pointing the same way add up, each a
            ``momentum`` times weaker than the one after it. It does not matter for "adam".

    Raises:
        ValueError: for another kind, a norm that is not above 0, or a momentum outside [0, 1).

    Source: van Laarhoven 2017 (arXiv 1706.05350); Hoffer et al. 2018 (arXiv 1803.01814).

    >>> effective_learning_rate(0.1, 2.0, "adam"), effective_learning_rate(0.1, 2.0, "sgd")
    (0.05, 0.025)
    """
    if norm <= 0:
        raise ValueError(f"norm is {norm}; it must be positive, for example 10.0")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum is {momentum}; wanted 0 <= momentum < 1, for example 0.9")
    if kind == "adam":
        return lr / norm
    if kind == "sgd":
        return lr / norm**2 / (1 - momentum)
    raise ValueError(f"kind is {kind!r}; wanted 'sgd' or 'adam'")


def scaled_lr(lr: float, radius: float, reference: float, kind: str = "adam") -> float:
    """The learning rate that is as effective at the radius as ``lr`` is at the reference radius.

    The formula: ``lr * radius / reference`` for Adam; for SGD on a scale-invariant loss the square
    of that ratio.

    Raises:
        ValueError: for a radius or a reference that is not positive, or another kind.

    >>> scaled_lr(1e-3, 80.0, 10.0), scaled_lr(1e-3, 20.0, 10.0, "sgd")
    (0.008, 0.004)
    """
    share = effective_learning_rate(1.0, reference, kind)
    return lr * (share / effective_learning_rate(1.0, radius, kind))
