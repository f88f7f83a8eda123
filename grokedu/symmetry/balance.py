"""The least norm on the orbit: in closed form for one pair, by sweeps for deep networks.

With a and c the squared norms of a neuron's incoming and outgoing weights, ``a b^2 + c b^(-2k)`` is
least at ``b^(2k+2) = k c / a``, where the incoming share is k times the outgoing one. For ReLU
that is b^2 = |out| / |in|, and the least is 2 |in| |out|.

In a deep network a tensor leads out of one pair and into the next. In the logarithms of the scales
the squared norm is a sum of exponentials of linear functions, hence convex, so that balancing one
pair after another falls to the one minimum (equi-normalization: Stock et al. 2019, arXiv
1902.10416).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from grokedu.measures import l2_norm
from grokedu.symmetry.orbit import rescale
from grokedu.symmetry.pairs import Pair, Params


def balancing_scale(params: Params, pair: Pair) -> Tensor:
    """The scale of each neuron, (..., N), that leads to the least norm on its orbit.

    The formula: ``(k |out|^2 / |in|^2) ** (1 / (2 k + 2))``. A neuron without incoming or without
    outgoing weights adds nothing to the function whatever its scale: its is 1.

    Raises:
        ValueError: if the activation allows no rescaling, or one of degree 0, which has no least.

    >>> net = {"A": torch.tensor([[4.0]]), "W": torch.tensor([[1.0]])}
    >>> balancing_scale(net, Pair({"A": "ij"}, {"W": "jo"})).item()  # to 2 and 2
    0.5
    """
    degree = pair.degree
    if degree <= 0:
        raise ValueError(
            f"the activation has degree {degree:g}; only a positive one has a least norm"
        )
    into, out = pair.squares(params)
    alive = (into > 0) & (out > 0)
    ratio = torch.where(alive, degree * out, 1.0) / torch.where(alive, into, 1.0)
    return ratio ** (1 / (2 * degree + 2))


def balance(
    params: Params, pairs: Pair | Sequence[Pair], *, tolerance: float = 1e-6, sweeps: int = 1000
) -> dict[str, Tensor]:
    """The network of least norm with the same function, among the rescaled ones.

    Neurons that have no incoming or no outgoing weights add nothing and are set to zero, which is
    the limit of their orbit.

    Args:
        params: name to tensor, with leading run axes or none.
        pairs: one, for which the closed form is exact, or all of a deep network.
        tolerance: sweeps end when no scale's logarithm changes by more.
        sweeps: at most so many.

    Raises:
        ValueError: as :func:`balancing_scale` does, or if there is no pair.
        RuntimeError: if the sweeps did not end.

    >>> net = {"A": torch.tensor([[4.0]]), "W": torch.tensor([[1.0]])}
    >>> least = balance(net, Pair({"A": "ij"}, {"W": "jo"}))
    >>> least["A"].item(), least["W"].item()
    (2.0, 2.0)
    """
    every = [pairs] if isinstance(pairs, Pair) else [*pairs]
    if not every:
        raise ValueError("no pair was given; wanted at least one, for example of sequential_pairs")
    found = {name: t.detach() for name, t in params.items()}
    for _ in range(len(every)):  # an emptied neuron may empty one before or behind it
        for pair in every:
            found = _empty_dead(found, pair)
    for _ in range(sweeps):
        largest = 0.0
        for pair in every:
            scale = balancing_scale(found, pair)
            found = rescale(found, pair, scale)
            if scale.numel():
                largest = max(largest, float(scale.log().abs().max()))
        if len(every) == 1 or largest <= tolerance:
            return found
    raise RuntimeError(
        f"not balanced after {sweeps} sweeps: the last changed a scale by a factor of "
        f"{math.exp(largest):.6g}; wanted at most {math.exp(tolerance):.6g}"
    )


def least_norm(params: Params, pairs: Pair | Sequence[Pair], *, run_axis: bool = False) -> Tensor:
    """The norm of all weights where it is least on the orbit: the same from any of its points.

    Args:
        params, pairs: as for :func:`balance`.
        run_axis: whether the first axis of every tensor counts runs; then (S,) is returned.

    >>> net = {"A": torch.tensor([[8.0]]), "W": torch.tensor([[0.5]])}
    >>> least_norm(net, Pair({"A": "ij"}, {"W": "jo"})).item()  # sqrt(2 * 8 * 0.5)
    2.828...
    """
    return l2_norm(balance(params, pairs), run_axis=run_axis)


def balance_linear(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """The factors of least norm with the same product ``second @ first``.

    Between two linear maps any invertible matrix may be put, with its inverse, not only a scale a
    neuron. With the singular values s of the product, ``U diag(s) V^T``, the least squared norm is
    ``2 sum(s)``, at ``diag(sqrt(s)) V^T`` and ``U diag(sqrt(s))`` (Srebro et al. 2004: the nuclear
    norm). Holds for the V-O and the Q-K pair of each attention head.

    Args:
        first: (..., n, i), applied first; second: (..., o, n).

    Raises:
        ValueError: if the shapes do not fit.

    >>> first, second = balance_linear(torch.tensor([[8.0, 0.0]]), torch.tensor([[0.5]]))
    >>> first.norm().item(), second.norm().item(), (second @ first)[0, 0].item()
    (2.0, 2.0, 4.0)
    """
    n = _inner(first, second)
    left, values, right = torch.linalg.svd(second @ first, full_matrices=False)
    rank = min(n, values.shape[-1])  # the product has no more than n
    root = values[..., :rank].sqrt()
    new_first, new_second = torch.zeros_like(first), torch.zeros_like(second)
    new_first[..., :rank, :] = root.unsqueeze(-1) * right[..., :rank, :]
    new_second[..., :, :rank] = left[..., :rank] * root.unsqueeze(-2)
    return new_first, new_second


def linear_charge(first: Tensor, second: Tensor) -> Tensor:
    """What gradient flow conserves between two linear maps: a matrix, (..., n, n).

    The formula: ``first first^T - second^T second``. Its diagonal are the charges of the neurons.

    Args:
        first: (..., n, i), applied first; second: (..., o, n).

    Source: Arora et al. 2018 (arXiv 1802.06509); Du et al. 2018 (arXiv 1806.00900).

    >>> linear_charge(torch.tensor([[3.0, 4.0]]), torch.tensor([[5.0]]))
    tensor([[0.]])
    """
    _inner(first, second)
    return first @ first.mT - second.mT @ second


def _inner(first: Tensor, second: Tensor) -> int:
    if min(first.ndim, second.ndim) < 2 or first.shape[-2] != second.shape[-1]:
        raise ValueError(
            f"first has shape {tuple(first.shape)} and second {tuple(second.shape)}; wanted "
            "(..., n, i) and (..., o, n), for example (8, 5) and (3, 8)"
        )
    return first.shape[-2]


def _empty_dead(params: dict[str, Tensor], pair: Pair) -> dict[str, Tensor]:
    into, out = pair.squares(params)
    alive = (into > 0) & (out > 0)
    if bool(alive.all()):
        return params
    sides = {**pair.incoming, **pair.outgoing}
    return {
        name: torch.einsum(f"...{sides[name]},...{pair.neurons}->...{sides[name]}", t, alive.to(t))
        if name in sides
        else t
        for name, t in params.items()
    }
