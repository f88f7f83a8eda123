"""What logits cost in weight norm.

Efficiency is the logit scale that a network reaches at a given norm (Varma et al. 2023, arXiv
2309.02390). A bias-free network of degree L multiplies its logits by r^L when all its weights are
multiplied by r, so that its norm at any other scale of logits is known from one point: without
biases the two-layer network has L = 3 with x² and L = 2 with ReLU.

Logits have shape (..., n, classes), labels (n,) or (..., n); leading axes count runs and are kept.
All of these see the labels of the examples they are given.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from grokedu.measures import cross_entropy
from grokedu.measures.losses import require_labels

HALVINGS = 60  # of an interval whose upper end is near the root: to float64's last bit
LEAST_LOSS = 1e-12  # with smaller ones rounding, 1e-16 times the logits, would show in the norm


def logit_scale(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean over examples of the label's logit less the mean of the others.

    A shift of all logits of an example, which no loss sees, does not move it.

    Returns:
        The scale, of shape (...).

    Raises:
        ValueError: for no examples, labels that do not belong to these logits, or a single class.

    >>> logit_scale(torch.tensor([[3.0, 1.0, -1.0]]), torch.tensor([0])).item()
    3.0
    """
    require_labels(logits, labels)
    if logits.shape[-1] < 2:
        raise ValueError(f"logits have shape {tuple(logits.shape)}; wanted at least two classes")
    labels = labels.expand(logits.shape[:-1])
    chosen = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    others = (logits.sum(dim=-1) - chosen) / (logits.shape[-1] - 1)
    return (chosen - others).mean(dim=-1)


def logit_scale_per_norm(
    logits: Tensor, labels: Tensor, norm: Tensor | float, *, degree: float = 1
) -> Tensor:
    """The efficiency: the logit scale over the norm to the power of the degree.

    With the network's own degree it does not change when all weights are multiplied by a number.

    Args:
        logits, labels: as above.
        norm: the L2 norm of all weights, of shape (...).
        degree: L, positive; 1 gives the plain ratio.

    Raises:
        ValueError: for a norm or a degree that is not positive.

    Source: Varma et al. 2023, arXiv 2309.02390, section 3.

    >>> logits, labels = torch.tensor([[3.0, 1.0, -1.0]]), torch.tensor([0])
    >>> logit_scale_per_norm(logits, labels, torch.tensor(2.0), degree=2).item()
    0.75
    """
    _check(norm, degree)
    return logit_scale(logits, labels) / norm**degree


def norm_at_fixed_logit(
    logits: Tensor, labels: Tensor, norm: Tensor | float, target: float, *, degree: float
) -> Tensor:
    """The norm at which the network, all weights scaled alike, has a logit scale of the target.

    ``norm * (target / scale)**(1 / degree)``; nan where the scale is not positive.

    Raises:
        ValueError: for a norm, a degree or a target that is not positive.

    >>> logits, labels = torch.tensor([[3.0, 1.0, -1.0]]), torch.tensor([0])
    >>> norm_at_fixed_logit(logits, labels, torch.tensor(2.0), 24.0, degree=3).item()
    4.0
    """
    _check(norm, degree)
    if not target > 0:
        raise ValueError(f"target is {target}; wanted a positive logit, for example 10.0")
    scale = logit_scale(logits, labels)
    ratio = torch.where(scale > 0, target / scale, torch.nan)
    return norm * ratio ** (1 / degree)


def norm_at_fixed_loss(
    logits: Tensor, labels: Tensor, norm: Tensor | float, target: float, *, degree: float
) -> Tensor:
    """The norm at which the network, all weights scaled alike, has a cross-entropy of the target.

    The loss of s times the logits is convex in s and log(classes) at 0: the first s at which it
    falls to the target is found by bisection, and the norm is ``norm * s**(1 / degree)``.

    Args:
        logits, labels, norm, degree: as above.
        target: in nats, from 1e-12 to below log(classes).

    Returns:
        The norm of shape (...), nan where no scale reaches the target, as when too many examples
        are wrong.

    Raises:
        ValueError: for a norm or degree that is not positive, a target out of its range, or labels
            that do not fit.

    >>> logits, labels = torch.tensor([[1.0, 0.0]]).double(), torch.tensor([0])
    >>> target = math.log(1 + math.exp(-8))  # reached by the logits 8 and 0
    >>> round(norm_at_fixed_loss(logits, labels, torch.tensor(3.0), target, degree=3).item(), 9)
    6.0
    """
    _check(norm, degree)
    classes = logits.shape[-1]
    require_labels(logits, labels)
    if not isinstance(norm, Tensor):
        norm = logits.new_tensor(norm)
    if not LEAST_LOSS <= target < math.log(classes):
        raise ValueError(
            f"target is {target}; wanted a loss from {LEAST_LOSS} to below log({classes}) = "
            f"{math.log(classes):.4g}, for example 0.1"
        )
    wide = logits.double()
    labels = labels.expand(logits.shape[:-1])
    one_hot = torch.nn.functional.one_hot(labels, classes)

    def at(scale: Tensor) -> tuple[Tensor, Tensor]:
        scaled = wide * scale[..., None, None]
        slope = ((scaled.softmax(dim=-1) - one_hot) * wide).sum(dim=-1).mean(dim=-1)
        return _each_loss(scaled, labels) - target, slope

    # Far enough that every logit difference above rounding has saturated the softmax.
    size = (wide - wide.mean(dim=-1, keepdim=True)).abs().amax(dim=(-2, -1))
    low = torch.zeros_like(size)
    high = 1 / size.clamp_min(torch.finfo(torch.float64).tiny)
    for _ in range(60):
        excess, slope = at(high)
        going = (excess > 0) & (slope < 0)
        if not going.any():
            break
        high = torch.where(going, 2 * high, high)
    bottom = _bisect(lambda scale: at(scale)[1] > 0, low, high)
    high = torch.where(at(high)[0] > 0, bottom, high)
    reached = at(high)[0] <= 0
    scale = _bisect(lambda scale: at(scale)[0] < 0, low, high)
    return torch.where(reached, norm * scale.to(norm.dtype) ** (1 / degree), torch.nan)


def _each_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy, (...), of logits (..., n, classes) with labels (..., n)."""
    networks, shape = logits.reshape(-1, *logits.shape[-2:]), logits.shape[:-1]
    return torch.vmap(cross_entropy)(networks, labels.reshape(-1, shape[-1])).reshape(shape[:-1])


def _check(norm: Tensor | float, degree: float) -> None:
    if not degree > 0 or not bool((torch.as_tensor(norm) > 0).all()):
        raise ValueError(
            f"degree={degree}, norm={norm}; both must be positive, for example 3, 50.0"
        )


def _bisect(above: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        over = above(middle)
        low, high = torch.where(over, low, middle), torch.where(over, middle, high)
    return high
