"""Two circuits that compete for the weights: the toy model of Varma et al. 2023 (arXiv 2309.02390).

A generalising circuit gives the right label a logit ``x = g1 * g2`` on every input, a memorising
one gives it ``y = m1 * m2`` on train inputs and some wrong label the same on test inputs. With q
classes::

    train loss = log(exp(x + y) + q - 1) - (x + y)
    test loss  = log(exp(x) + exp(y) + q - 2) - x
    penalty    = c * (P_G**2 * |x|**(2/k) + P_M**2 * |y|**(2/k))

P_G and P_M are the norms that the circuits need for a logit of 1, and k says how the norm of a
circuit grows with its logit, as that of a network of degree k does. The efficient circuit is
learnt slowly where it starts small: that is the delay.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

BISECTIONS = 100  # halvings of an interval: to 1e-30 of its length


def two_circuit_loss(x: Tensor, y: Tensor, classes: int = 113) -> tuple[Tensor, Tensor]:
    """The train and the test loss, in nats, at the logits x (generalising) and y (memorising).

    Args:
        x, y: float, of shapes that broadcast.
        classes: q, at least 3, as a wrong label must differ from the right one and from a third.

    Raises:
        ValueError: for fewer classes.

    Source: Varma et al. 2023, arXiv 2309.02390, section 3.

    >>> train, test = two_circuit_loss(torch.zeros(()), torch.zeros(()), classes=10)
    >>> round(train.item(), 4) == round(test.item(), 4) == 2.3026  # log 10
    True
    """
    if classes < 3:
        raise ValueError(f"classes is {classes}; wanted at least 3, for example 113")
    x, y = torch.broadcast_tensors(x, y)
    flat = torch.full_like(x, math.log(classes - 1))
    train = torch.logaddexp(x + y, flat) - (x + y)
    others = torch.full_like(x, math.log(classes - 2))
    test = torch.logsumexp(torch.stack([x, y, others]), dim=0) - x
    return train, test


@dataclass(frozen=True)
class Path:
    """Where the two circuits went.

    Attributes:
        steps: (T,) the recorded steps.
        x, y: (T, ...) the logits of the generalising and of the memorising circuit.
        train_loss, test_loss: (T, ...) in nats, without the penalty.
        weights: (..., 4) the last g1, g2, m1, m2.
    """

    steps: Tensor
    x: Tensor
    y: Tensor
    train_loss: Tensor
    test_loss: Tensor
    weights: Tensor


@dataclass(frozen=True)
class TwoCircuits:
    """The toy model, for one weight decay or many, without any network.

    Attributes:
        decay: the penalty's c, a number or a tensor whose shape all results have. (The paper's
            appendices disagree on whether it is the weight decay or half of it.)
        classes: q.
        kappa: k, positive. Up to 2 both circuits take part in the end; from 2 on the cheaper one
            takes all.
        generalising, memorising: P_G and P_M, positive.

    Raises:
        ValueError: for numbers out of these ranges.

    >>> x, y = TwoCircuits(decay=0.005).equilibrium()
    >>> round(x.item(), 5), round(y.item(), 5), round((x / y).item(), 9)
    (7.24784, 0.90598, 8.0)
    >>> train, test = two_circuit_loss(x, y)
    >>> round(train.item(), 6), round(test.item(), 6)
    (0.031707, 0.077666)
    """

    decay: float | Tensor
    classes: int = 113
    kappa: float = 1.2
    generalising: float = 1.0
    memorising: float = 2.0

    def __post_init__(self) -> None:
        numbers = {name: getattr(self, name) for name in ("kappa", "generalising", "memorising")}
        wrong = {name: number for name, number in numbers.items() if not number > 0}
        if wrong or not bool((self._decay() > 0).all()):
            raise ValueError(
                f"decay={self.decay}, {numbers}; all must be positive, for example decay=0.005"
            )
        if self.classes < 3:
            raise ValueError(f"classes is {self.classes}; wanted at least 3, for example 113")

    def penalty(self, x: Tensor, y: Tensor) -> Tensor:
        """What the weights of these logits cost."""
        power = 2 / self.kappa
        costs = self.generalising**2 * x.abs() ** power + self.memorising**2 * y.abs() ** power
        return self._decay().to(costs) * costs

    def share(self) -> float:
        """The share of the generalising circuit, x / (x + y), in the end.

        Below k = 2, ``x / y = (P_M**2 / P_G**2)**(1 / (2/k - 1))``: the cheapest way to a sum. From
        k = 2 on the cost of a circuit is concave, and all goes to the cheaper one.
        """
        odds = 2 * math.log(self.memorising / self.generalising)
        if self.kappa < 2:
            return 1 / (1 + math.exp(min(-odds / (2 / self.kappa - 1), 700.0)))
        return 1.0 if odds >= 0 else 0.0

    def equilibrium(self) -> tuple[Tensor, Tensor]:
        """The logits x and y that minimise train loss and penalty together, in float64.

        With x and y in the proportion of :meth:`share`, the cost of their sum s is
        ``c * P**2 * s**a`` with a = 2/k, and its derivative is found by bisection to balance the
        loss's, ``(q - 1) / (exp(s) + q - 1)``. From k = 2 on, s = 0 may be the lower minimum.
        """
        power, share = 2 / self.kappa, self.share()
        cost = self.generalising**2 * share**power + self.memorising**2 * (1 - share) ** power
        price = self._decay() * cost
        rest = math.log(self.classes - 1)
        # No minimum is above the loss at 0, which is log q, so that none lies beyond this.
        far = (math.log(self.classes) / price) ** (1 / power)
        concave = max(1 - power, 0.0)
        # The price rises above the loss's slope, or falls below it first and then rises: here.
        turn = _root(lambda s: s * torch.sigmoid(s - rest) - concave, torch.zeros_like(far), far)

        def uphill(s: Tensor) -> Tensor:
            slope = torch.nn.functional.softplus(s - rest)  # minus log of the loss's slope
            return (price * power).log() + (power - 1) * s.clamp_min(1e-300).log() + slope

        total = _root(uphill, turn if concave else torch.zeros_like(far), far)
        loss, _ = two_circuit_loss(total, torch.zeros_like(total), self.classes)
        worth = loss + price * total**power < math.log(self.classes)
        total = torch.where(worth, total, 0.0)
        return share * total, (1 - share) * total

    def descend(self, start: Tensor, *, lr: float, steps: int, every: int = 1) -> Path:
        """Gradient descent on the four weights, on train loss and penalty.

        Gradient flow would conserve ``g1**2 - g2**2`` and ``m1**2 - m2**2``, since the loss sees
        products only. A circuit with both weights at 0 stays there.

        Args:
            start: (..., 4), the first g1, g2, m1, m2; leading axes count runs, and broadcast with
                the shape of ``decay``.
            lr: the learning rate.
            steps: how many.
            every: record the start and then every so many steps.

        Raises:
            ValueError: if the start does not end in an axis of 4, or a number is not positive.

        >>> toy = TwoCircuits(decay=0.005)
        >>> path = toy.descend(torch.tensor([0.1, 0.1, 1.0, 1.0]).double(), lr=0.5, steps=800)
        >>> [round(one[-1].item(), 4) for one in (path.x, path.y)]
        [7.2478, 0.906]
        """
        if start.shape[-1:] != (4,) or not start.is_floating_point():
            raise ValueError(
                f"start has shape {tuple(start.shape)} and is {start.dtype}; wanted floats of "
                "shape (..., 4): g1, g2, m1, m2"
            )
        if not (lr > 0 and steps >= 1 and every >= 1):
            raise ValueError(f"lr={lr}, steps={steps}, every={every}; all must be positive")
        decay = self._decay().to(start)
        shape = torch.broadcast_shapes(start.shape[:-1], decay.shape)
        power, rest = 2 / self.kappa, math.log(self.classes - 1)
        price = torch.stack([self.generalising**2 * decay, self.memorising**2 * decay]) * power
        price = price.reshape(2, *[1] * (len(shape) - decay.ndim), *decay.shape)
        # Both circuits at once: the first weights (2, ...), and the second.
        first, second = start.expand(*shape, 4).unflatten(-1, (2, 2)).movedim((-1, -2), (0, 1))
        recorded, logits = [], []
        for step in range(steps + 1):
            both = first * second
            if step % every == 0 or step == steps:
                recorded.append(step)
                logits.append(both)
            if step < steps:
                slope = price * both.sign() * both.abs() ** (power - 1)
                move = lr * (slope - torch.sigmoid(rest - both.sum(dim=0)))
                first, second = first - move * second, second - move * first
        x, y = torch.stack(logits).unbind(dim=1)
        train, test = two_circuit_loss(x, y, self.classes)
        last = torch.stack([first[0], second[0], first[1], second[1]], dim=-1)
        return Path(torch.tensor(recorded), x, y, train, test, last)

    def _decay(self) -> Tensor:
        return torch.as_tensor(self.decay, dtype=torch.float64)


def _root(function: Callable[[Tensor], Tensor], low: Tensor, high: Tensor) -> Tensor:
    """Where a rising function crosses zero, by bisection; the nearer end where it does not."""
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        above = function(middle) > 0
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return (low + high) / 2
