"""Right answers of lesson 02 written in other ways."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch


def _degree_loop(activation):
    z = [-2.0, -0.7, 0.4, 1.5]

    def at(x):
        return float(activation(torch.tensor([x], dtype=torch.float64)))

    found = set()
    for x in z:
        for beta in (0.02, 0.5, 3.0, 50.0):
            before, after = at(x), at(beta * x)
            if before == 0 and after == 0:
                continue
            if before * after <= 0:
                return None
            found.add(round(math.log(after / before) / math.log(beta), 6))
    return found.pop() if len(found) == 1 else None


def _degree_by_fit(activation):
    z = torch.tensor([-2.0, 3.0], dtype=torch.float64)
    z = z[activation(z).abs().argmax()]
    betas = torch.logspace(-2, 2, 9, dtype=torch.float64)
    ratios = activation(betas * z) / activation(z)
    if not bool((ratios > 0).all()):
        return None
    degree = (ratios[-1].log() / betas[-1].log()).item()
    other = torch.linspace(-3, 3, 8, dtype=torch.float64)
    for points in (z.reshape(1), -z.reshape(1), other):
        for beta in betas:
            if not torch.allclose(activation(beta * points), beta**degree * activation(points)):
                return None
    return np.float64(round(degree, 9))


def _degree_candidates(activation):
    z = torch.linspace(-2, 2, 10, dtype=torch.float64)
    for k in range(5):
        if all(
            torch.allclose(activation(beta * z), beta**k * activation(z), rtol=1e-9)
            for beta in (0.03, 0.5, 4.0, 30.0)
        ):
            return float(k)
    return None


def _rescale_einsum(params, betas, degree=1.0):
    if (betas <= 0).any():
        raise ValueError
    scale = betas.expand(params["b"].shape)
    return {
        "A": torch.einsum("...ij,...j->...ij", params["A"], scale),
        "b": torch.einsum("...j,...j->...j", params["b"], scale),
        "W": torch.einsum("...jo,...j->...jo", params["W"], scale**-degree),
    }


def _rescale_loop(params, betas, degree=1.0):
    if min(betas.flatten().tolist()) <= 0:
        raise ValueError("beta")
    new = {name: tensor.clone() for name, tensor in params.items()}
    for j in range(betas.shape[-1]):
        beta = betas[..., j]
        new["A"][..., :, j] *= beta[..., None]
        new["b"][..., j] *= beta
        new["W"][..., j, :] *= (beta**-degree)[..., None]
    return new


def _rescale_diagonal(params, betas, degree=1.0):
    if not torch.all(betas > 0):
        raise ValueError("beta")
    return {
        "A": params["A"] @ torch.diag_embed(betas),
        "b": betas * params["b"],
        "W": torch.diag_embed(1 / betas**degree) @ params["W"],
    }


def _orbit_norm_loop(params, betas, degree=1.0):
    rows = []
    for beta in betas:
        parts = [params["A"] * beta, params["b"] * beta, params["W"] / beta**degree]
        rows.append(torch.cat([part.flatten() for part in parts]).norm())
    return torch.stack(rows)


def _orbit_norm_by_neuron(params, betas, degree=1.0):
    into = params["A"].norm(dim=0) ** 2 + params["b"] ** 2
    out = params["W"].norm(dim=1) ** 2
    grid = betas[:, None]
    return torch.sqrt((into * grid**2 + out / grid ** (2 * degree)).sum(dim=1))


def _orbit_norm_hypot(params, betas, degree=1.0):
    into = torch.hypot(params["A"].norm(), params["b"].norm())
    return torch.hypot(into * betas, params["W"].norm() * betas**-degree)


def _balance_loop(params, degree=1.0):
    new = {name: tensor.clone() for name, tensor in params.items()}
    for j in range(len(params["b"])):
        into = float((new["A"][:, j] ** 2).sum() + new["b"][j] ** 2)
        out = float((new["W"][j] ** 2).sum())
        if into == 0 or out == 0:
            new["A"][:, j], new["b"][j], new["W"][j] = 0, 0, 0
            continue
        beta = math.exp(math.log(degree * out / into) / (2 * degree + 2))
        new["A"][:, j] *= beta
        new["b"][j] *= beta
        new["W"][j] *= beta**-degree
    return new


def _balance_nan(params, degree=1.0):
    into = (params["A"] ** 2).sum(-2, keepdim=True) + (params["b"] ** 2).unsqueeze(-2)
    out = (params["W"] ** 2).sum(-1, keepdim=True)
    beta = (degree * out.mT / into) ** (0.5 / (degree + 1))
    dead = (into == 0) | (out.mT == 0)
    return {
        "A": (params["A"] * beta).masked_fill(dead, 0.0),
        "b": (params["b"] * beta.squeeze(-2)).masked_fill(dead.squeeze(-2), 0.0),
        "W": (params["W"] * beta.mT**-degree).masked_fill(dead.mT, 0.0),
    }


def _balance_unit(params, degree=1.0):
    """Every neuron to incoming norm 1 first, and from there to the norm it must have."""
    into = (params["A"].square().sum(-2) + params["b"].square()).sqrt()
    size = torch.where(into > 0, into, 1.0)
    out = params["W"].norm(dim=-1) * size**degree
    wanted = (degree * out**2) ** (1 / (2 * degree + 2)) * (into > 0)
    back = torch.where(wanted > 0, (size / wanted) ** degree, 0.0)
    return {
        "A": params["A"] * (wanted / size).unsqueeze(-2),
        "b": params["b"] * wanted / size,
        "W": params["W"] * back.unsqueeze(-1),
    }


def _paths_listed(layers):
    total = 0.0
    starts = [(0, i, 1.0) for i in range(layers[0][0].shape[0])]
    for depth, (_, bias) in enumerate(layers):
        starts += [(depth + 1, j, float(b)) for j, b in enumerate(bias)]
    for depth, place, weight in starts:
        reached = {place: weight**2}
        for weights, _ in layers[depth:]:
            after = [0.0] * weights.shape[1]
            for at, value in reached.items():
                for j, w in enumerate(weights[at].tolist()):
                    after[j] += value * w * w
            reached = dict(enumerate(after))
        total += sum(reached.values())
    return torch.tensor(math.sqrt(total), dtype=layers[0][0].dtype)


def _paths_extended(layers):
    """A bias as one more input of 1, handed on from layer to layer."""
    product = None
    for weights, bias in layers:
        inputs, outputs = weights.shape
        matrix = torch.zeros(inputs + 1, outputs + 1, dtype=weights.dtype)
        matrix[:-1, :-1], matrix[-1, :-1], matrix[-1, -1] = weights**2, bias**2, 1.0
        product = matrix if product is None else product @ matrix
    return product[:, :-1].sum() ** 0.5


def _paths_backwards(layers):
    value = torch.ones(layers[-1][0].shape[1], dtype=layers[0][0].dtype)
    total = torch.zeros((), dtype=value.dtype)
    for weights, bias in reversed(layers):
        total = total + (bias.pow(2) * value).sum()
        value = weights.pow(2) @ value
    return (total + value.sum()).sqrt()


def _homogeneity_recursive(degrees, biases):
    if None in degrees:
        return None

    def before(layer):
        """The degree after a layer's weights and bias."""
        degree = 1.0 if layer == 0 else degrees[layer - 1] * before(layer - 1) + 1.0
        return math.nan if biases[layer] and degree != 1.0 else degree

    found = before(len(biases) - 1)
    return None if math.isnan(found) else found


def _homogeneity_by_layers(degrees, biases):
    degree = 0
    for layer, bias in enumerate(biases):
        degree += 1
        if bias and degree != 1:
            return None
        if layer < len(degrees):
            if degrees[layer] is None:
                return None
            degree = degrees[layer] * degree
    return torch.tensor(float(degree))


def _homogeneity_tried(degrees, biases):
    """The way of the experimenter: weights of 1 and r, numbers in and numbers out."""
    if any(k is None for k in degrees):
        return None

    def output(r):
        x = 1.0
        for layer, bias in enumerate(biases):
            x = r * x + (r if bias else 0.0)
            if layer < len(degrees):
                x = x ** degrees[layer]
        return x

    found = [math.log(output(r) / output(1.0)) / math.log(r) for r in (2.0, 3.0, 0.1)]
    return None if max(found) - min(found) > 1e-6 else float(round(found[0]))


def _charge_einsum(params, degree=1.0):
    into = torch.einsum("...ij,...ij->...j", params["A"], params["A"]) + params["b"] ** 2
    return into - degree * torch.einsum("...jo,...jo->...j", params["W"], params["W"])


def _charge_norms(params, degree=1.0):
    a, c = params["A"].norm(dim=-2), params["W"].norm(dim=-1)
    return a**2 - degree * c**2 + params["b"] * params["b"]


def _charge_loop(params, degree=1.0):
    columns = []
    for j in range(params["b"].shape[-1]):
        into = (params["A"][..., j] ** 2).sum(-1) + params["b"][..., j] ** 2
        columns.append(into - degree * (params["W"][..., j, :] ** 2).sum(-1))
    return torch.stack(columns, dim=-1)


def _sharpness_matrices(hessian, incoming, betas, degree=1.0):
    tops = []
    for beta in betas.tolist():
        back = torch.diag(
            torch.tensor([1 / beta if i else beta**degree for i in incoming], dtype=hessian.dtype)
        )
        tops.append(torch.linalg.eigvalsh(back @ hessian @ back).max())
    return torch.stack(tops)


def _sharpness_batched(hessian, incoming, betas, degree=1.0):
    scale = torch.where(incoming, betas[:, None], betas[:, None] ** -degree)
    there = hessian / (scale[:, :, None] * scale[:, None, :])
    return torch.linalg.eigvalsh(there).amax(-1)


def _sharpness_in_place(hessian, incoming, betas, degree=1.0):
    found = torch.empty_like(betas)
    for at, beta in enumerate(betas):
        there = hessian.clone()
        there[incoming] /= beta
        there[:, incoming] /= beta
        there[~incoming] *= beta**degree
        there[:, ~incoming] *= beta**degree
        found[at] = torch.linalg.eigh(there).eigenvalues[-1]
    return found


VARIANTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "02_scaling_symmetries/symmetry_of": (_degree_loop, _degree_by_fit, _degree_candidates),
    "02_scaling_symmetries/rescale_neurons": (_rescale_einsum, _rescale_loop, _rescale_diagonal),
    "02_scaling_symmetries/norm_along_orbit": (
        _orbit_norm_loop,
        _orbit_norm_by_neuron,
        _orbit_norm_hypot,
    ),
    "02_scaling_symmetries/balance": (_balance_loop, _balance_nan, _balance_unit),
    "02_scaling_symmetries/path_norm": (_paths_listed, _paths_extended, _paths_backwards),
    "02_scaling_symmetries/homogeneity_degree": (
        _homogeneity_recursive,
        _homogeneity_by_layers,
        _homogeneity_tried,
    ),
    "02_scaling_symmetries/conserved_charge": (_charge_einsum, _charge_norms, _charge_loop),
    "02_scaling_symmetries/sharpness_along_orbit": (
        _sharpness_matrices,
        _sharpness_batched,
        _sharpness_in_place,
    ),
}
