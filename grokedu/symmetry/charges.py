"""What a rescaling symmetry conserves under gradient flow, and what real training does to it.

The function does not change along the orbit, so that the gradient is orthogonal to it:
``<u, dL/du> = k <v, dL/dv>`` for a neuron's incoming weights u (bias among them), its outgoing
weights v and an activation of degree k. Hence gradient flow conserves the *charge* (Du et al. 2018,
arXiv 1806.00900)::

    Q = |u|^2 - k |v|^2

Write ``<x, y> = <x_u, y_u> - k <x_v, y_v>`` for the indefinite product that belongs to it. Then:

- an L2 term ``(lambda/2) |w|^2`` in gradient flow: ``Q(t) = Q(0) exp(-2 lambda t)``;
- a step of gradient descent, with L2 or decoupled decay: exactly
  ``Q <- (1 - lr lambda)^2 Q + lr^2 <g, g>``;
- momentum remembers earlier gradients, and has a term ``-2 lr <w, buffer>``, which obeys a
  recursion of its own: :func:`charge_under_sgd` (in the continuum: Kunin et al. 2021, arXiv
  2012.04728; Tanaka and Kunin 2021, arXiv 2105.02716);
- Adam's update is not the gradient, so that ``2 <w, update>`` does not vanish: a drift of first
  order in lr, without a closed form. :func:`charge_drift` measures it.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from grokedu.symmetry.pairs import Pair, Params


def conserved_charge(params: Params, pair: Pair) -> Tensor:
    """The charge of each neuron, ``|in|^2 - k |out|^2``, of shape (..., N).

    Zero is balanced: the least norm on the orbit.

    Raises:
        ValueError: if the activation allows no rescaling.

    >>> net = {"A": torch.tensor([[3.0]]), "b": torch.tensor([1.0]), "W": torch.tensor([[2.0]])}
    >>> conserved_charge(net, Pair({"A": "ij", "b": "j"}, {"W": "jo"}, "relu")).item()  # 9+1-4
    6.0
    >>> conserved_charge(net, Pair({"A": "ij"}, {"W": "jo"}, "square")).item()  # 9 - 2 * 4
    1.0
    """
    return charge_product(params, params, pair)


def charge_product(first: Params, second: Params, pair: Pair) -> Tensor:
    """The indefinite product ``<x_in, y_in> - k <x_out, y_out>`` of each neuron, (..., N).

    It is zero for the weights and the gradient of any loss of the outputs.

    >>> x, y = ({"A": torch.tensor([[a]]), "W": torch.tensor([[1.0]])} for a in (2.0, 3.0))
    >>> charge_product(x, y, Pair({"A": "ij"}, {"W": "jo"}, "relu")).item()
    5.0
    """
    into, out = pair.products(first, second)
    return into - pair.degree * out


def charge_drift(before: Params, after: Params, pair: Pair) -> tuple[Tensor, Tensor]:
    """How one update changed the charge, whatever made it: the terms of first and second order.

    With ``D = after - before`` the change is exactly ``2 <before, D> + <D, D>``. The first vanishes
    for plain gradient descent, so that there the drift is of order lr^2; it does not for Adam.

    Returns:
        Both terms, (..., N) each.

    >>> before = {"A": torch.tensor([[3.0]]), "W": torch.tensor([[2.0]])}
    >>> after = {"A": torch.tensor([[4.0]]), "W": torch.tensor([[2.0]])}
    >>> first, second = charge_drift(before, after, Pair({"A": "ij"}, {"W": "jo"}))
    >>> first.item(), second.item()  # 16 - 9 = 6 + 1
    (6.0, 1.0)
    """
    step = {name: after[name] - before[name] for name in (*pair.incoming, *pair.outgoing)}
    return 2 * charge_product(before, step, pair), charge_product(step, step, pair)


def charge_under_sgd(
    start: Tensor,
    buffers: Sequence[Tensor],
    *,
    lr: float,
    momentum: float = 0.0,
    weight_decay: float = 0.0,
) -> Tensor:
    """The charge at every step of SGD as ``torch.optim.SGD`` has it, exactly.

    The buffer is ``b <- momentum b + g + weight_decay w`` and the step ``w <- w - lr b``. With C_t
    the charge of the buffer and P_t the product of weights and buffer::

        P_0 = weight_decay Q_0
        Q_{t+1} = Q_t - 2 lr P_t + lr^2 C_t
        P_{t+1} = momentum (P_t - lr C_t) + weight_decay Q_{t+1}

    because every gradient's product with the weights is zero. Without momentum this is
    ``Q <- (1 - lr weight_decay)^2 Q + lr^2 <g, g>``.

    Args:
        start: (...), the charges before the first step.
        buffers: T tensors (...), the charges of the buffers of steps 0 .. T-1; without momentum and
            decay, those of the gradients.
        lr, momentum, weight_decay: the optimizer's.

    Returns:
        (T+1, ...), the charges after 0 .. T steps.

    >>> charge_under_sgd(torch.tensor(2.0), [torch.tensor(3.0)] * 2, lr=0.1)
    tensor([2.0000, 2.0300, 2.0600])
    """
    charge, product = start, weight_decay * start
    charges = [charge]
    for buffer in buffers:
        charge = charge - 2 * lr * product + lr**2 * buffer
        product = momentum * (product - lr * buffer) + weight_decay * charge
        charges.append(charge)
    return torch.stack(charges)
