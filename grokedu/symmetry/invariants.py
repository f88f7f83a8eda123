"""Numbers that rescaling cannot change, the degree of a whole network, sharpness on the orbit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from grokedu.measures import tensor_norms
from grokedu.measures.curvature import Generators, top_eigenvalue
from grokedu.symmetry.orbit import rescale
from grokedu.symmetry.pairs import Pair, Params


def homogeneity_degree(
    network: Callable[[dict[str, Tensor]], Tensor] | nn.Module,
    params: Params | None = None,
    inputs: Tensor | None = None,
) -> float | None:
    """The degree L with ``f(r w) = r^L f(w)`` for every r > 0, or None where there is none.

    Then the norm alone cannot change which class is predicted. A ReLU network of L layers without
    biases has degree L; one with biases in the first layer only, too if it has two layers.

    Args:
        network: from a dictionary of weights to outputs, or a module, then with ``inputs``.
        params: the weights to try it at; a module's own by default.
        inputs: what a module is called with.

    Raises:
        ValueError: if the outputs are all zero, or there are no weights, or no inputs for a module.

    Source: Lyu and Li 2020 (arXiv 1906.05890).

    >>> square = lambda w: (w["A"] @ torch.ones(3)).square() @ w["W"]
    >>> homogeneity_degree(square, {"A": torch.ones(2, 3), "W": torch.ones(2, 1)})
    3.0
    """
    weights: Mapping[str, Tensor] = params or {}
    if isinstance(network, nn.Module):
        weights = params or dict(network.named_parameters())
        if inputs is None:
            raise ValueError(
                "no inputs were given; a module is called with some, such as randn(5, 3)"
            )
    if not weights:
        raise ValueError("no weights were given; wanted a dictionary such as {'W': tensor}")

    def apply(scale: float) -> Tensor:
        scaled = {name: scale * weight for name, weight in weights.items()}
        if isinstance(network, nn.Module):
            return functional_call(network, scaled, (inputs,)).double()
        return network(scaled).double()

    with torch.no_grad():
        base = apply(1.0)
        if not base.any():
            raise ValueError(
                "the outputs are all zero; wanted weights and inputs with some that are not"
            )
        # Powers of two scale every float without rounding.
        scaled = {r: apply(r) for r in (2.0, 0.25)}
    largest = int(base.abs().argmax())
    ratio = float(scaled[2.0].flatten()[largest] / base.flatten()[largest])
    if not ratio > 0:
        return None
    degree = round(float(torch.tensor(ratio, dtype=torch.float64).log2()), 4)
    noise = 1e3 * torch.finfo(next(iter(weights.values())).dtype).eps
    for r, values in scaled.items():
        if not torch.allclose(
            values / r**degree, base, rtol=noise, atol=noise * float(base.abs().max())
        ):
            return None
    return degree


def neuron_products(params: Params, pair: Pair) -> Tensor:
    """``|in|^k |out|`` of each neuron, (..., N): what rescaling leaves of its norms.

    Twice their sum is, for ReLU, the least squared norm of the pair.

    >>> net = {"A": torch.tensor([[3.0], [4.0]]), "W": torch.tensor([[2.0]])}
    >>> neuron_products(net, Pair({"A": "ij"}, {"W": "jo"}, "square")).item()  # 5^2 * 2
    50.0
    """
    into, out = pair.squares(params)
    return into ** (pair.degree / 2) * out.sqrt()


def path_norm(weights: Sequence[Tensor], biases: Sequence[Tensor | None] | None = None) -> Tensor:
    """The L2 path norm of a deep ReLU network, which no rescaling of its neurons changes.

    The square root of the sum, over all paths from an input (or a bias) to an output, of the
    squared product of the weights on it: one pass through the network with squared weights and an
    input of ones. Source: Neyshabur et al. 2015 (arXiv 1506.02617).

    Args:
        weights: L tensors (..., out, in), first layer first, as ``torch.nn.Linear`` has them.
        biases: L tensors (..., out), or None where a layer has none.

    Returns:
        A tensor of shape (...).

    Raises:
        ValueError: for no weights, layers that do not follow on each other, or biases of another
            number.

    >>> path_norm([torch.tensor([[3.0]]), torch.tensor([[2.0]])]).item()
    6.0
    """
    if not weights:
        raise ValueError("no weights were given; wanted a tensor (out, in) for each layer")
    each = biases if biases is not None else [None] * len(weights)
    if len(each) != len(weights):
        raise ValueError(f"got {len(each)} biases for {len(weights)} layers; wanted one each")
    shapes = [tuple(weight.shape) for weight in weights]
    if any(first[-2] != second[-1] for first, second in pairwise(shapes)):
        raise ValueError(
            f"the layers have shapes {shapes}; wanted (..., out, in), with one layer's out the "
            "next one's in"
        )
    reach = torch.ones_like(weights[0][..., 0, :])
    for weight, bias in zip(weights, each, strict=True):
        reach = (weight.square() @ reach.unsqueeze(-1)).squeeze(-1)
        if bias is not None:
            reach = reach + bias.square()
    return reach.sum(dim=-1).sqrt()


def product_of_norms(params: Params, names: Sequence[str], *, run_axis: bool = False) -> Tensor:
    """The product of these tensors' norms: unchanged when whole layers trade scale, one by one.

    It is not unchanged when single neurons do; :func:`neuron_products` and :func:`path_norm` are.

    Raises:
        ValueError: for no names, or one that there is not.

    >>> product_of_norms({"A": torch.tensor([3.0, 4.0]), "W": torch.tensor([2.0])}, ["A", "W"])
    tensor(10.)
    """
    norms = tensor_norms(params, run_axis=run_axis)
    if not names or not {*names} <= norms.keys():
        raise ValueError(f"names is {[*names]}; wanted at least one of {', '.join(norms)}")
    return torch.stack([norms[name] for name in names]).prod(dim=0)


def sharpness_along_orbit(
    loss: Callable[[Any], Tensor],
    params: Params,
    pair: Pair,
    scales: Sequence[float] | Tensor,
    *,
    generator: Generators,
    products: int = 100,
    run_axis: bool = False,
) -> Tensor:
    """The largest eigenvalue of the loss's Hessian when every neuron is rescaled by beta.

    The loss is the same at every point. With D the diagonal matrix of the rescaling (beta on
    incoming weights, beta^-k on outgoing) the Hessian there is exactly ``D^-1 H D^-1``, so that it
    grows without bound both ways (Dinh et al. 2017, arXiv 1703.04933).

    Args:
        loss: from a dictionary of weights to a scalar, or to (S,) with a run axis.
        params, pair: as for :func:`grokedu.symmetry.rescale`.
        scales: (K,) positive numbers, at least one.
        generator, products, run_axis: as for :func:`grokedu.measures.curvature.top_eigenvalue`.

    Returns:
        (K,) eigenvalues, or (K, S).

    Raises:
        ValueError: for no scales, and as ``rescale`` and ``top_eigenvalue`` do.

    >>> product = lambda w: 0.5 * (w["A"] * w["W"]).sum() ** 2  # at zero loss: H = diag(W^2, A^2)
    >>> net = {"A": torch.tensor([[0.0]]), "W": torch.tensor([[2.0]])}
    >>> sharpness_along_orbit(product, net, Pair({"A": "ij"}, {"W": "jo"}), [1.0, 2.0],
    ...                       generator=torch.Generator())
    tensor([4.0000, 1.0000])
    """
    if not len(scales):
        raise ValueError("scales is empty; wanted positive numbers, for example [0.5, 1.0, 2.0]")
    points = [rescale(params, pair, float(beta)) for beta in scales]
    settings: dict[str, Any] = {"generator": generator, "products": products, "run_axis": run_axis}
    found = [top_eigenvalue(loss, point, **settings).value for point in points]
    return torch.stack(found)
