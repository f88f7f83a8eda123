"""What kind of solution a network holds: how trigonometric, how spread out, worth how much."""

from __future__ import annotations

import torch
from torch import Tensor

from grokedu.tasks import is_prime


def trigonometric_share(logits: Tensor) -> Tensor:
    """The share of the squared logits that is a function of (a + b - c) mod p alone.

    cos and sin of 2πk(a + b - c)/p, k = 1 .. (p-1)/2, span these functions up to a constant, which
    is left out like every shift of all logits of a pair. A network that adds modulo p by them has
    1. Varma et al. 2023 (arXiv 2309.02390) call a network generalising-only from 0.95 of the logit
    norm on, which is the square root of this share.

    Args:
        logits: (..., p*p, p), pairs in the order of :func:`grokedu.tasks.modular_addition`. No
            label is seen.

    Raises:
        ValueError: if the pairs are not p*p in number, p is not an odd prime, or no logit varies.

    >>> c, row = torch.arange(5.0), torch.arange(25)
    >>> sums = (row // 5 + row % 5)[:, None]
    >>> trigonometric_share(torch.cos(2 * torch.pi * 2 * (sums - c) / 5)).item() > 0.999999
    True
    """
    p = logits.shape[-1]
    if logits.ndim < 2 or logits.shape[-2] != p * p:
        raise ValueError(
            f"logits have shape {tuple(logits.shape)}; wanted (..., p*p, p), such as (961, 31)"
        )
    if p == 2 or not is_prime(p):
        raise ValueError(f"p is {p}; frequencies modulo p need an odd prime, for example 31")
    centred = logits - logits.mean(dim=-1, keepdim=True)
    a, b, c = (torch.arange(p, device=logits.device).reshape(s) for s in ((-1, 1, 1), (-1, 1), -1))
    where = ((a + b - c) % p).reshape(-1)
    flat = centred.flatten(-2)
    sums = flat.new_zeros(*flat.shape[:-1], p).index_add_(-1, where, flat)
    whole = flat.square().sum(dim=-1)
    if not bool((whole > 0).all()):
        raise ValueError("the logits of a run do not vary over classes; there is nothing to share")
    return (sums.square().sum(dim=-1) / p**2) / whole


def participation_ratio(energies: Tensor) -> Tensor:
    """How many parts carry a total: 1 for one of them, n for n that carry the same.

    ``(sum e)**2 / sum e**2`` over the last axis. Give it squared amplitudes, such as the squared
    norm of each neuron's weights or the power of each frequency.

    Raises:
        ValueError: for an entry below zero, or a total of zero.

    Source: Bell and Dean 1970 (doi 10.1039/DF9705000055), for the atoms of a vibration.

    >>> participation_ratio(torch.tensor([[1.0, 1.0, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0]])).tolist()
    [2.0, 1.0]
    """
    total = energies.sum(dim=-1)
    if bool((energies < 0).any()) or not bool((total > 0).all()):
        raise ValueError("energies must be at least 0, and of a sum above it; square amplitudes")
    part = energies / total.unsqueeze(-1)
    return 1 / part.square().sum(dim=-1)


def loss_per_parameter(loss: Tensor, parameters: int | Tensor, without: float | Tensor) -> Tensor:
    """The loss that a circuit takes away for each parameter it uses, in nats.

    ``(without - loss) / parameters``. For a whole network on p classes the loss without it is
    log p; for a circuit in a network, the loss once the circuit is ablated.

    Args:
        loss: (...) the loss with the circuit.
        parameters: how many parameters it uses, positive.
        without: the loss without it.

    Raises:
        ValueError: if the parameters are not positive.

    >>> loss_per_parameter(torch.tensor(0.5), 10, without=3.5).item()
    0.30...
    """
    if not bool((torch.as_tensor(parameters) > 0).all()):
        raise ValueError(f"parameters is {parameters}; wanted a positive number, such as 128")
    return (without - loss) / parameters
