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
  order in lr, without a closed form.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def conserved_charge(params: Mapping[str, Tensor], degree: float = 1.0) -> Tensor:
    """The charge of each hidden neuron, which gradient flow does not change.

    It combines the squared norm of what leads into the neuron (its column of A and its bias), taken
    once, with that of what leads out (its row of W), times the number for which gradient flow
    keeps their difference. A neuron of charge 0 is balanced: of least norm on its orbit.

    Args:
        params: "A" of shape (I, N), "b" of shape (N,) and "W" of shape (N, O).
        degree: the activation's.

    Returns:
        The charges, of shape (N,).

    Source: Du and others 2018 (arXiv 1806.00900).

    >>> params = {"A": torch.tensor([[3.0]]), "b": torch.tensor([1.0]), "W": torch.tensor([[2.0]])}
    >>> conserved_charge(params), conserved_charge(params, degree=2.0)
    (tensor([6.]), tensor([2.]))
    """
    into = params["A"].square().sum(dim=0) + params["b"].square()
    return into - degree * params["W"].square().sum(dim=1)


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
        start: (N,), the charges before the first step.
        buffers: T tensors (N,), the charges of the buffers of steps 0 .. T-1; without momentum and
            decay, those of the gradients.
        lr, momentum, weight_decay: the optimizer's.

    Returns:
        (T+1, N), the charges after 0 .. T steps.

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
