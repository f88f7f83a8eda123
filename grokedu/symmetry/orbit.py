"""The orbit of a network: the same function at other weights and other norms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from grokedu.symmetry.pairs import Pair, Params


def rescale(params: Params, pair: Pair, scale: Tensor | float) -> dict[str, Tensor]:
    """Another point of the orbit: incoming weights times scale, outgoing over scale^k.

    The function stays the same; other tensors are handed on as they are.

    Args:
        params: name to tensor, with leading run axes or none.
        pair: whose neurons to rescale.
        scale: a positive number, or (..., N) one for each neuron.

    Raises:
        ValueError: for a scale that is not positive or not one a neuron, or an activation that
            allows none.

    >>> net = {"A": torch.ones(3, 2), "W": torch.ones(2, 1)}
    >>> other = rescale(net, Pair({"A": "ij"}, {"W": "jo"}, "square"), torch.tensor([1.0, 2.0]))
    >>> other["A"][0].tolist(), other["W"][:, 0].tolist()
    ([1.0, 2.0], [1.0, 0.25])
    """
    like = next(iter(params.values()))
    beta = torch.as_tensor(scale, dtype=like.dtype, device=like.device)
    if not bool((beta > 0).all()):
        raise ValueError(f"scale has an entry of {beta.min().item()}; every one must be positive")
    neurons = pair.shape(params)
    if beta.ndim and beta.shape[-len(neurons) :] != neurons:
        raise ValueError(
            f"scale has shape {tuple(beta.shape)}; wanted a number or (..., "
            f"{', '.join(map(str, neurons))}), one for each neuron"
        )
    return _multiply(
        _multiply(params, pair.incoming, pair, beta), pair.outgoing, pair, beta**-pair.degree
    )


def rescale_neuron(params: Params, pair: Pair, neuron: int, scale: float) -> dict[str, Tensor]:
    """:func:`rescale` for one neuron only; a run axis is kept, with the same neuron in every run.

    Raises:
        ValueError: if the scale is not positive, there is no such neuron, or neurons have two axes.

    >>> net = {"A": torch.ones(3, 2), "b": torch.ones(2), "W": torch.ones(2, 1)}
    >>> pair = Pair({"A": "ij", "b": "j"}, {"W": "jo"}, "relu")
    >>> rescale_neuron(net, pair, 1, 4.0)["b"].tolist()  # the bias too
    [1.0, 4.0]
    """
    if len(pair.neurons) != 1:
        raise ValueError(f"the neurons have the axes {pair.neurons!r}; use rescale, with a tensor")
    (count,) = pair.shape(params)
    if not 0 <= neuron < count:
        raise ValueError(f"neuron is {neuron}; wanted 0 to {count - 1}")
    beta = next(iter(params.values())).new_ones(count)
    beta[neuron] = scale
    return rescale(params, pair, beta)


def norm_along_orbit(params: Params, pair: Pair, scales: Tensor) -> Tensor:
    """The norm of all weights when every neuron is rescaled by beta, in closed form.

    With a_j and c_j the squared norms of neuron j's incoming and outgoing weights and r that of all
    other weights::

        norm(beta)^2 = r + sum_j (a_j beta^2 + c_j beta^(-2k))

    Args:
        params, pair: as for :func:`rescale`; run axes, if any, are those of all tensors.
        scales: (K,) positive numbers.

    Returns:
        (K, ...) norms, one for each scale and run.

    Raises:
        ValueError: as :func:`rescale` does.

    >>> net = {"A": torch.tensor([[3.0]]), "W": torch.tensor([[4.0]])}
    >>> norm_along_orbit(net, Pair({"A": "ij"}, {"W": "jo"}), torch.tensor([1.0, 2.0]))
    tensor([5.0000, 6.3246])
    """
    if not bool((scales > 0).all()):
        raise ValueError(f"scales has an entry of {scales.min().item()}; all must be positive")
    into, out = (side.flatten(-len(pair.neurons)).sum(dim=-1) for side in pair.squares(params))
    beta = scales.to(into).reshape(-1, *[1] * into.ndim)
    total = into * beta**2 + out * beta ** (-2 * pair.degree)
    for name, tensor in params.items():
        if name not in pair.incoming and name not in pair.outgoing:
            total = total + tensor.square().reshape(*into.shape, -1).sum(dim=-1)
    return total.sqrt()


def random_orbit(
    params: Params,
    pairs: Sequence[Pair],
    generator: torch.Generator,
    *,
    count: int = 100,
    spread: float = 1.0,
) -> dict[str, Tensor]:
    """Random points of a network's orbit, every neuron with a scale of its own.

    The logarithms of the scales are normal with standard deviation ``spread``, drawn in float64.

    Args:
        params: with or without run axes.
        pairs: applied one after another.
        generator: a CPU generator, the source of the scales.
        count: how many points.

    Returns:
        Tensors with a leading axis of ``count``: the same function each, at so many norms.

    >>> net = {"A": torch.ones(3, 2), "W": torch.ones(2, 1)}
    >>> pair = Pair({"A": "ij"}, {"W": "jo"})
    >>> points = random_orbit(net, [pair], torch.Generator().manual_seed(0), count=4)
    >>> points["A"].shape, torch.allclose(points["A"] @ points["W"], net["A"] @ net["W"])
    (torch.Size([4, 3, 2]), True)
    """
    points = {name: t.expand(count, *t.shape) for name, t in params.items()}
    for pair in pairs:
        shape = (count, *pair.squares(params)[0].shape)
        log = spread * torch.randn(shape, generator=generator, dtype=torch.float64)
        like = params[next(iter(pair.incoming))]
        points = rescale(points, pair, log.exp().to(like))
    return points


def _multiply(
    params: Params, side: Mapping[str, str], pair: Pair, scale: Tensor
) -> dict[str, Tensor]:
    """The tensors of a side times a number, or one number a neuron."""
    if scale.ndim == 0:
        return {name: t * scale if name in side else t for name, t in params.items()}
    return {
        name: torch.einsum(f"...{side[name]},...{pair.neurons}->...{side[name]}", t, scale)
        if name in side
        else t
        for name, t in params.items()
    }
