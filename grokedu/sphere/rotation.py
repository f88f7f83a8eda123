"""How far a step turns the weights, and the learning rate that this amounts to.

Where the norm does not matter (a scale-invariant network, or a homogeneous one whose radius is
fixed), training is a motion of the direction: what a learning rate means depends on the norm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from grokedu.measures import named, vectors

Params = Mapping[str, Tensor]
Kind = Literal["sgd", "adam"]


def angular_step(before: Params, after: Params, *, run_axis: bool = False) -> Tensor:
    """The angle between two sets of weights, in radians, all tensors together.

    With unit vectors u and v it is ``2 asin(|u - v| / 2)``, computed as
    ``2 atan2(|u - v|, |u + v|)``: the same, and accurate near pi too (Kahan). The arccosine of
    <u, v> would be noise below 3e-4 in float32: the cosine of a small angle differs from 1 by its
    square. Computed in float64.

    Args:
        before, after: name to tensor, alike.
        run_axis: whether the first axis of every tensor counts runs; then (S,) is returned.

    Raises:
        ValueError: where names, shapes or devices differ, or weights are all zero. The angle of
            weights that are nan is nan.

    >>> u, v = {"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([0.0, 2.0])}
    >>> round(angular_step(u, v).item(), 6)  # a right angle
    1.570796
    >>> f"{angular_step(u, {'w': torch.tensor([1.0, 1e-6])}).item():.3g}"  # in float32
    '1e-06'
    """
    first, second = _flat_pair(before, after, run_axis)
    norms = first.norm(dim=-1, keepdim=True), second.norm(dim=-1, keepdim=True)
    if bool((norms[0] == 0).any() or (norms[1] == 0).any()):
        raise ValueError("weights that are all zero have no direction, and no angle to others")
    u, v = first / norms[0], second / norms[1]
    return 2 * torch.atan2((u - v).norm(dim=-1), (u + v).norm(dim=-1))


def effective_learning_rate(
    lr: float | Tensor, norm: float | Tensor, kind: Kind, momentum: float = 0.0
) -> float | Tensor:
    """The learning rate that would turn weights of norm 1 as far.

    The formula: ``lr / norm^2`` for SGD on a scale-invariant loss, whose gradient itself falls as
    1 / norm, with momentum over ``1 - momentum``; ``lr / norm`` for Adam, whose update does not
    depend on the gradient's size.

    Args:
        lr, norm: numbers or tensors that broadcast.
        kind: "sgd" or "adam".
        momentum: SGD's.

    Raises:
        ValueError: for a norm of 0 or below, another kind, or momentum outside [0, 1).

    Source: van Laarhoven 2017 (arXiv 1706.05350); Hoffer et al. 2018 (arXiv 1803.01814).

    >>> effective_learning_rate(0.1, 2.0, "adam"), effective_learning_rate(0.1, 2.0, "sgd")
    (0.05, 0.025)
    """
    if bool(torch.as_tensor(norm <= 0).any()):
        raise ValueError(f"norm is {norm}; it must be positive, for example 10.0")
    if not 0 <= momentum < 1:
        raise ValueError(f"momentum is {momentum}; wanted 0 <= momentum < 1, for example 0.9")
    if kind == "adam":
        return lr / norm
    if kind == "sgd":
        return lr / (norm * norm) / (1 - momentum)
    raise ValueError(f"kind is {kind!r}; wanted 'sgd' or 'adam'")


def scaled_lr(
    lr: float, radius: float | Tensor, reference: float | Tensor, kind: Kind = "adam"
) -> float | Tensor:
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


def adam_step_bound(betas: tuple[float, float]) -> float:
    """The largest possible step of Adam in one coordinate, in learning rates.

    The formula, by Cauchy and Schwarz on the two running means, without bias correction::

        (1 - beta1) / sqrt((1 - beta2) (1 - beta1^2 / beta2))

    So a step on a sphere turns by at most ``lr * bound * sqrt(d) / radius``; most turn by less than
    ``lr * sqrt(d) / radius``.

    Raises:
        ValueError: unless ``beta1^2 < beta2``, without which there is no bound.

    >>> round(adam_step_bound((0.9, 0.98)), 2), round(adam_step_bound((0.9, 0.999)), 2)
    (1.7, 7.27)
    """
    first, second = betas
    if not (0 <= first < 1 and 0 < second < 1 and first**2 < second):
        raise ValueError(f"betas is {betas}; wanted beta1^2 < beta2 < 1, for example (0.9, 0.98)")
    return (1 - first) / math.sqrt((1 - second) * (1 - first**2 / second))


def equilibrium_angle(
    lr: float,
    weight_decay: float,
    *,
    momentum: float = 0.0,
    betas: tuple[float, float] | None = None,
) -> float:
    """The angle a step at which weight decay and growth by steps across the weights balance.

    The formula: ``sqrt(2 lr wd / (1 + momentum))`` for SGD with L2, and
    ``sqrt(2 lr wd (1 - beta1) / (1 + beta1))`` for AdamW. It assumes a scale-invariant loss and
    gradients that are uncorrelated between steps; full-batch training has neither.

    Args:
        lr, weight_decay: the optimizer's.
        momentum: SGD's.
        betas: AdamW's; given, AdamW is meant.

    Raises:
        ValueError: for numbers out of their ranges, or a momentum with betas.

    Source: Kosson et al. 2023 (arXiv 2305.17212).

    >>> round(equilibrium_angle(0.01, 0.5), 6)
    0.1
    """
    if not (lr > 0 and weight_decay >= 0):
        raise ValueError(f"lr={lr}, weight_decay={weight_decay}; wanted lr > 0, weight_decay >= 0")
    if not (0 <= momentum < 1 and 0 <= (betas or (0,))[0] < 1) or (betas and momentum):
        raise ValueError(
            f"momentum={momentum}, betas={betas}; wanted one of them, each from 0 to below 1"
        )
    share = (1 - betas[0]) / (1 + betas[0]) if betas else 1 / (1 + momentum)
    return math.sqrt(2 * lr * weight_decay * share)


def update_measures(
    before: Params,
    after: Params,
    *,
    lr: float | Tensor,
    kind: Kind,
    momentum: float = 0.0,
    run_axis: bool = False,
) -> dict[str, Tensor]:
    """What to record of a step: norm, angle, radial share and effective learning rate.

    Args:
        before, after: the weights before and after it.
        lr: a number, or (S,) one a run.
        kind, momentum: as for :func:`effective_learning_rate`.

    Raises:
        ValueError: as :func:`angular_step` and :func:`effective_learning_rate`.

    Returns:
        "l2_norm" (of the weights before), "angular_step", "radial_share" (of the squared length of
        the update, 0 where nothing moved) and "effective_lr", scalars or (S,).

    >>> old, new = {"w": torch.tensor([3.0, 0.0])}, {"w": torch.tensor([3.0, 3.0])}
    >>> row = update_measures(old, new, lr=0.3, kind="adam")
    >>> [round(row[name].item(), 4) for name in ("l2_norm", "radial_share", "effective_lr")]
    [3.0, 0.0, 0.1]
    """
    w, moved = _flat_pair(before, after, run_axis)
    step = moved - w
    angle = angular_step(before, after, run_axis=run_axis)
    norm, size = w.norm(dim=-1), step.norm(dim=-1)
    rate = torch.as_tensor(lr).to(norm)
    radial = (w * step).sum(dim=-1) / norm
    return {
        "l2_norm": norm,
        "angular_step": angle,
        "radial_share": torch.where(size > 0, radial / size, 0.0).square(),
        "effective_lr": torch.as_tensor(effective_learning_rate(rate, norm, kind, momentum)),
    }


def _flat_pair(before: Params, after: Params, run_axis: bool) -> tuple[Tensor, Tensor]:
    """(d,) or (S, d) of both, the tensors in the order of the first; in float64."""
    shapes = [{k: tuple(t.shape) for k, t in one.items()} for one in (before, after)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"the weights are {shapes[0]} and then {shapes[1]}; wanted them alike")
    named({f"{k} {at}": one[k] for at, one in enumerate((before, after)) for k in one})
    first, second = (
        torch.cat([vectors(one[k].detach(), run_axis=run_axis).double() for k in before], dim=-1)
        for one in (before, after)
    )
    return first, second
