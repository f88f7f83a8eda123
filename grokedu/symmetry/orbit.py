"""The orbit of a two-layer network: the same function at other weights, norms and curvatures.

The network is ``activation(x @ A + b) @ W`` with an activation of degree k. Multiply what leads
into a neuron by beta, divide what leads out by beta^k, and the function stays: all networks that
can be reached so are the *orbit* of the first.

With a and c the squared norms of a neuron's incoming and outgoing weights, ``a b^2 + c b^(-2k)`` is
least at ``b^(2k+2) = k c / a``, where the incoming share is k times the outgoing one. For ReLU
that is b^2 = |out| / |in|, and the least is 2 |in| |out|.

Each function is for one network; ``torch.vmap`` lifts all of them to many, except
:func:`rescale_neurons`, which looks at the values of its scales.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor


def rescale_neurons(
    params: Mapping[str, Tensor], betas: Tensor, degree: float = 1.0
) -> dict[str, Tensor]:
    """Another network with the same function: each hidden neuron j rescaled by its own beta_j.

    The network is ``activation(x @ A + b) @ W``, with an activation of the given degree.

    Args:
        params: "A" of shape (I, N), "b" of shape (N,) and "W" of shape (N, O). They are not
            changed.
        betas: positive numbers of shape (N,), one for each neuron.
        degree: the activation's.

    Returns:
        A new dictionary with "A", "b" and "W".

    Raises:
        ValueError: if a beta is not positive.

    Source: Dinh and others 2017 (arXiv 1703.04933).

    >>> params = {"A": torch.ones(1, 2), "b": torch.ones(2), "W": torch.ones(2, 1)}
    >>> other = rescale_neurons(params, torch.tensor([1.0, 2.0]), degree=2.0)
    >>> other["A"].tolist(), other["b"].tolist(), other["W"].tolist()
    ([[1.0, 2.0]], [1.0, 2.0], [[1.0], [0.25]])
    """
    if not bool((betas > 0).all()):
        raise ValueError(f"the smallest beta is {betas.min().item()}; all must be positive")
    return {
        "A": params["A"] * betas,
        "b": params["b"] * betas,
        "W": params["W"] / betas.unsqueeze(1) ** degree,
    }


def norm_along_orbit(params: Mapping[str, Tensor], betas: Tensor, degree: float = 1.0) -> Tensor:
    """The norm of all weights when every neuron is rescaled by one and the same beta.

    In closed form: two sums of squares of the network as it is, and how each of them changes with
    beta. No rescaled network is needed.

    Args:
        params: one network, "A" of shape (I, N), "b" of shape (N,) and "W" of shape (N, O).
        betas: (K,) positive numbers.
        degree: the activation's.

    Returns:
        (K,) norms, one for each beta.

    >>> params = {"A": torch.tensor([[3.0]]), "b": torch.tensor([0.0]), "W": torch.tensor([[4.0]])}
    >>> norm_along_orbit(params, torch.tensor([1.0, 2.0]))  # 5, and the root of 6**2 + 2**2
    tensor([5.0000, 6.3246])
    """
    into = params["A"].square().sum() + params["b"].square().sum()
    out = params["W"].square().sum()
    return (into * betas**2 + out * betas ** (-2 * degree)).sqrt()


def balance(params: Mapping[str, Tensor], degree: float = 1.0) -> dict[str, Tensor]:
    """The network of least norm among all that rescaling its neurons leads to.

    Neuron j has its own best beta_j: with a_j the squared norm of what leads into it (its column of
    A and its bias) and c_j that of what leads out (its row of W), it is where
    ``a_j * beta**2 + c_j * beta**(-2 * degree)`` is least. A neuron with a_j = 0 or c_j = 0 adds
    nothing to the function: all its weights become 0.

    Args:
        params: "A" of shape (I, N), "b" of shape (N,) and "W" of shape (N, O). They are not
            changed.
        degree: the activation's, more than 0.

    Returns:
        A new dictionary with "A", "b" and "W": the same function at the least norm.

    Source: Stock and others 2019 (arXiv 1902.10416), for deep networks.

    >>> params = {"A": torch.tensor([[4.0]]), "b": torch.tensor([0.0]), "W": torch.tensor([[1.0]])}
    >>> least = balance(params)  # beta = 1/2
    >>> least["A"].item(), least["W"].item()
    (2.0, 2.0)
    """
    into = params["A"].square().sum(dim=0) + params["b"].square()
    out = params["W"].square().sum(dim=1)
    alive = (into > 0) & (out > 0)
    ratio = torch.where(alive, degree * out, 0.0) / torch.where(alive, into, 1.0)
    betas = ratio ** (1 / (2 * degree + 2))  # 0 where a neuron is dead
    back = torch.where(alive, betas, 1.0) ** -degree * alive
    return {
        "A": params["A"] * betas,
        "b": params["b"] * betas,
        "W": params["W"] * back.unsqueeze(1),
    }


def sharpness_along_orbit(
    hessian: Tensor, incoming: Tensor, betas: Tensor, degree: float = 1.0
) -> Tensor:
    """The largest eigenvalue of the loss's Hessian when every neuron is rescaled by beta.

    One Hessian is enough. The loss at w is that at D w, with D the diagonal matrix that multiplies
    incoming weights and biases by beta and outgoing weights by beta**-degree. Differentiate
    ``L(w) = L(D w)`` twice, and the Hessian at D w follows from that at w.

    Args:
        hessian: (d, d), of the loss at beta = 1, symmetric.
        incoming: (d,) booleans: True for weights and biases that lead into hidden neurons, False
            for weights that lead out.
        betas: (K,) positive numbers.
        degree: the activation's.

    Returns:
        (K,) eigenvalues, the largest (not the largest in size) for each beta.

    Source: Dinh and others 2017 (arXiv 1703.04933).

    >>> hessian = torch.diag(torch.tensor([4.0, 1.0]))
    >>> sharpness_along_orbit(hessian, torch.tensor([True, False]), torch.tensor([1.0, 2.0]))
    tensor([4., 4.])
    >>> sharpness_along_orbit(hessian, torch.tensor([True, False]), torch.tensor([0.5, 4.0]))
    tensor([16., 16.])
    """
    tops = []
    for beta in betas:
        scale = torch.where(incoming, beta, beta**-degree)
        there = hessian / scale / scale.unsqueeze(1)
        tops.append(torch.linalg.eigvalsh(there)[-1])
    return torch.stack(tops)
