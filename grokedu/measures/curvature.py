"""Curvature of a loss without its Hessian: the trace by Hutchinson, the top eigenvalue by Lanczos.

Both need only products of the Hessian with a vector, taken by differentiating twice. The loss is a
function of the weights, and the weights are any ``nn.Module`` or a dictionary of tensors::

    top_eigenvalue(lambda net: cross_entropy(net(x), y), net, generator=generator)
    top_eigenvalue(lambda w: cross_entropy(model.apply(w, x), y), params, generator=generator)

They are for one network; of many, take one after the other, each with a generator of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

Weights = Mapping[str, Tensor] | nn.Module


@dataclass(frozen=True)
class Trace:
    """An estimate of a trace.

    Attributes:
        value: the estimate, a scalar tensor.
        standard_error: of the value, from the spread of the samples.
    """

    value: Tensor
    standard_error: Tensor


@dataclass(frozen=True)
class Eigenvalue:
    """An estimate of the largest eigenvalue.

    Attributes:
        value: the Ritz value, a scalar tensor; above the true one only by rounding.
        residual: the norm of Hv - value v for the unit vector v. The Hessian has an eigenvalue
            within it of the value. Both are nan where the Hessian is not finite.
        products: how many products with the Hessian it took.
    """

    value: Tensor
    residual: Tensor
    products: int


class HessianProduct:
    """The product of a loss's Hessian with vectors; vectors are flat, of shape (d,).

    The first derivative is taken once, and its graph is kept as long as this object lives.

    Args:
        loss: from the weights, as they were given, to a scalar.
        weights: a module, whose parameters that require a gradient are meant, or a dictionary.

    Raises:
        ValueError: if there are no weights, they disagree on device or dtype, or the loss has
            another shape or does not depend on them.

    >>> loss = lambda w: 1.5 * w["x"].square().sum() + w["x"][0] * w["x"][1]
    >>> product = HessianProduct(loss, {"x": torch.zeros(2)})
    >>> product(torch.tensor([1.0, 0.0])).tolist()  # the first column of [[3, 1], [1, 3]]
    [3.0, 1.0]
    """

    def __init__(self, loss: Callable[[Any], Tensor], weights: Weights) -> None:
        named: dict[str, Tensor] = {}
        if isinstance(weights, nn.Module):
            named.update((k, v) for k, v in weights.named_parameters() if v.requires_grad)
        else:
            named.update((k, v.detach().clone()) for k, v in weights.items())
        argument = weights if isinstance(weights, nn.Module) else named
        if not named:
            raise ValueError(
                "no weights that require a gradient were given; wanted a module with some, or a "
                "dictionary such as {'W': tensor}"
            )
        self.leaves = [*named.values()]
        first = self.leaves[0]
        for name, leaf in named.items():
            if leaf.device != first.device or leaf.dtype != first.dtype:
                raise ValueError(
                    f"the weights {name!r} are {leaf.dtype} on {leaf.device} and others "
                    f"{first.dtype} on {first.device}; wanted one dtype on one device"
                )
        self.size = sum(leaf.numel() for leaf in self.leaves)
        if not self.size or not first.is_floating_point():
            raise ValueError(
                f"the weights are {self.size} numbers of {first.dtype}; wanted floats, at least one"
            )
        self.like = first.detach()
        for leaf in self.leaves:
            leaf.requires_grad_()
        with torch.enable_grad():
            value = loss(argument)
            if value.shape != ():
                raise ValueError(f"the loss has shape {tuple(value.shape)}; wanted ()")
            if not value.requires_grad:
                raise ValueError(
                    "the loss does not depend on the weights; wanted a function of them"
                )
            self.gradients = torch.autograd.grad(
                value, self.leaves, create_graph=True, materialize_grads=True
            )

    def __call__(self, vector: Tensor) -> Tensor:
        """(d,) from (d,)."""
        parts = vector.split([leaf.numel() for leaf in self.leaves])
        # A gradient that does not depend on the weights, as of a linear loss, has no graph.
        curved = [i for i, gradient in enumerate(self.gradients) if gradient.requires_grad]
        if not curved:
            return torch.zeros_like(vector)
        products = torch.autograd.grad(
            [self.gradients[i] for i in curved],
            self.leaves,
            [parts[i].reshape(self.leaves[i].shape) for i in curved],
            retain_graph=True,
            materialize_grads=True,
        )
        return torch.cat([one.reshape(-1) for one in products])


def hessian_trace(
    loss: Callable[[Any], Tensor],
    weights: Weights,
    *,
    generator: torch.Generator,
    samples: int = 100,
) -> Trace:
    """The trace of the Hessian by Hutchinson's estimator.

    With entries of v drawn from {-1, 1}, ``E[v H v] = tr H``; the variance of one sample is twice
    the sum of the squares of the off-diagonal entries, so that a diagonal Hessian has none.

    Args:
        loss, weights: as for :class:`HessianProduct`.
        generator: where v is drawn from.
        samples: how many v, at least 2.

    Raises:
        ValueError: for fewer samples, and as :class:`HessianProduct` does.

    Source: Hutchinson 1990 (doi 10.1080/03610919008812866).

    >>> loss = lambda w: (w["x"].square() * torch.tensor([1.0, 2.0, 3.0])).sum()
    >>> found = hessian_trace(loss, {"x": torch.ones(3)}, generator=torch.Generator(), samples=2)
    >>> found.value.item(), found.standard_error.item()  # diagonal, 2 + 4 + 6: no noise
    (12.0, 0.0)
    """
    if samples < 2:
        raise ValueError(f"samples is {samples}; a standard error needs at least 2, such as 100")
    product = HessianProduct(loss, weights)
    drawn = []
    for _ in range(samples):
        signs = torch.randint(2, (product.size,), generator=generator, device=generator.device)
        probe = signs.mul_(2).sub_(1).to(product.like)
        drawn.append((probe * product(probe)).sum())
    values = torch.stack(drawn)
    return Trace(values.mean(), values.std() / samples**0.5)


def top_eigenvalue(
    loss: Callable[[Any], Tensor],
    weights: Weights,
    *,
    generator: torch.Generator,
    products: int = 100,
    tolerance: float = 1e-4,
) -> Eigenvalue:
    """The largest eigenvalue of the Hessian, the sharpness, by Lanczos' method.

    The largest algebraically: at a saddle one below zero may be larger in size. The vectors are
    kept and orthogonalised anew at each step, so that memory is ``products`` times the weights.

    Args:
        loss, weights: as for :class:`HessianProduct`.
        generator: where the start is drawn from.
        products: at most so many products with the Hessian; of d weights d are enough.
        tolerance: stop when the residual is at most this times the size of the value.

    Raises:
        ValueError: if products < 1, and as :class:`HessianProduct` does.

    Source: Lanczos 1950; Golub and Van Loan, Matrix Computations, chapter 10.

    >>> loss = lambda w: 1.5 * w["x"].square().sum() + w["x"][0] * w["x"][1]
    >>> found = top_eigenvalue(loss, {"x": torch.zeros(2)}, generator=torch.Generator())
    >>> round(found.value.item(), 5), found.products  # [[3, 1], [1, 3]] has eigenvalues 2 and 4
    (4.0, 2)
    """
    if products < 1:
        raise ValueError(f"products is {products}; wanted at least 1, for example 100")
    product = HessianProduct(loss, weights)
    limit = min(products, product.size)
    basis = torch.empty(0, product.size).to(product.like)
    diagonal: list[Tensor] = []
    beside: list[Tensor] = []
    vector = _unit_outside(basis, generator)
    value = residual = product.like.new_zeros(())
    for count in range(1, limit + 1):
        basis = torch.cat([basis, vector.unsqueeze(0)])
        image = product(vector)
        diagonal.append((vector * image).sum())
        rest = _outside(image, basis)
        length = rest.norm()
        value, weight = _largest_ritz(diagonal, beside)
        residual = length * weight
        if count == limit or residual <= tolerance * value.abs() or residual.isnan():
            break
        # The start lies in a space that H maps to itself: go on from a new vector, uncoupled.
        closed = bool(length <= 8 * torch.finfo(length.dtype).eps * image.norm())
        vector = _unit_outside(basis, generator) if closed else rest / length
        beside.append(torch.zeros_like(length) if closed else length)
    return Eigenvalue(value, residual, count)


def _largest_ritz(diagonal: list[Tensor], beside: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The largest eigenvalue of the tridiagonal matrix, and its vector's last entry in size."""
    matrix = torch.stack(diagonal).diag()
    if beside:
        off = torch.stack(beside)
        matrix = matrix + off.diag(1) + off.diag(-1)
    if not bool(matrix.isfinite().all()):  # of which torch.linalg.eigh would raise
        return matrix.new_tensor(torch.nan), matrix.new_tensor(torch.nan)
    values, vectors = torch.linalg.eigh(matrix)
    return values[-1], vectors[-1, -1].abs()


def _outside(vector: Tensor, basis: Tensor) -> Tensor:
    """(d,) less its part in the basis (k, d); twice, as once leaves rounding behind."""
    for _ in range(2):
        vector = vector - basis.mT @ (basis @ vector)
    return vector


def _unit_outside(basis: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.randn(
        basis.shape[1], generator=generator, device=generator.device, dtype=torch.float64
    )
    vector = _outside(drawn.to(basis), basis)
    return vector / vector.norm()
