"""The potential of the localised, tempered posterior, and its gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from grokedu.models.parameters import Params
from grokedu.training.optimizers import pack, per_run

Loss = Callable[[Params, Tensor | None], Tensor]


class LossAndGradient(Protocol):
    """The mean loss of each chain, shape (C,), and its gradient by each tensor, shapes (C, ...).

    ``rows`` is None for the mean over all examples, or int64 of shape (C, b): which examples each
    chain's mean is to be taken over.
    """

    def __call__(self, params: Params, rows: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses and the gradients."""
        ...


def differentiated(loss: Loss) -> LossAndGradient:
    """The mean loss of each chain together with its gradient, by automatic differentiation.

    Args:
        loss: from tensors with a leading chain axis and ``rows`` (see :class:`LossAndGradient`) to
            the mean loss of each chain, (C,). No chain's loss may depend on another's weights.

    Raises:
        ValueError: when called, if the loss is not of shape (C,).

    >>> both = differentiated(lambda params, rows: params["w"].square().sum(dim=1))
    >>> losses, gradients = both({"w": torch.tensor([[1.0, 2.0], [0.0, 3.0]])}, None)
    >>> losses.tolist(), gradients["w"].tolist()
    ([5.0, 9.0], [[2.0, 4.0], [0.0, 6.0]])
    """

    def both(params: Params, rows: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in params.items()}
        with torch.enable_grad():
            losses = loss(leaves, rows)
            chains = len(next(iter(leaves.values())))
            if losses.shape != (chains,):
                raise ValueError(
                    f"the loss has shape {tuple(losses.shape)}; wanted ({chains},), the mean loss "
                    "of each chain"
                )
            # The gradient of their sum is each chain's own, as no chain sees another.
            found = torch.autograd.grad(
                losses, [*leaves.values()], torch.ones_like(losses), materialize_grads=True
            )
        return losses.detach(), dict(zip(leaves, found, strict=True))

    return both


@dataclass(frozen=True)
class Potential:
    """What the samplers draw from: the density proportional to exp(-U) with::

        U(w) = nbeta * L(w) + gamma / 2 * |w - center|^2

    L is the **mean** loss over the n examples and ``nbeta`` is n times the inverse temperature,
    n / log(n) at the temperature of the WBIC; gamma is the precision of a Gaussian around the
    centre w*, not divided by n. Source: Lau et al. 2023 (arXiv 2308.12108).

    Args:
        loss: the mean loss and its gradient, see :func:`differentiated`.
        center: w*, tensors with a leading axis of length 1, or C for a centre of each chain.
        nbeta, gamma: numbers, or tensors of shape (C,).

    Raises:
        ValueError: for an nbeta that is not positive, a gamma that is negative, or numbers of
            centres, nbetas and gammas that do not go together.

    The samplers see all weights of a chain as one row: :meth:`flat` and :meth:`params` lead there
    and back.

    >>> quadratic = differentiated(lambda params, rows: params["w"].square().sum(dim=1) / 2)
    >>> potential = Potential(quadratic, {"w": torch.zeros(1, 2)}, nbeta=10.0, gamma=1.0)
    >>> position = potential.flat({"w": torch.tensor([[1.0, 2.0]])})
    >>> loss, gradient = potential.evaluate(position)
    >>> potential.energy(position, loss).tolist()  # 10 * 2.5 + 2.5
    [27.5]
    >>> potential.gradient(position, gradient).tolist()
    [[11.0, 22.0]]
    """

    loss: LossAndGradient
    center: Params
    nbeta: float | Tensor
    gamma: float | Tensor = 1.0
    _center: Tensor = field(init=False, repr=False, compare=False)
    _nbeta: Tensor = field(init=False, repr=False, compare=False)
    _gamma: Tensor = field(init=False, repr=False, compare=False)
    _origin: Tensor = field(init=False, repr=False, compare=False)
    _pieces: list[tuple[str, slice, torch.Size]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not bool((torch.as_tensor(self.nbeta) > 0).all()):
            raise ValueError(f"nbeta is {self.nbeta}; wanted above 0, for example n / log(n)")
        if not bool((torch.as_tensor(self.gamma) >= 0).all()):
            raise ValueError(f"gamma is {self.gamma}; wanted 0 (no localisation) or above")
        center = pack(self.center)[0]
        nbeta, gamma = (
            torch.as_tensor(value).to(center).reshape(-1, 1) for value in (self.nbeta, self.gamma)
        )
        if len({1, len(center), len(nbeta), len(gamma)}) > 2:
            raise ValueError(
                f"there are {len(center)} centres, {len(nbeta)} values of nbeta and {len(gamma)} "
                "of gamma; wanted one of each, or one a chain"
            )
        for name, value in (
            ("_center", center),
            ("_nbeta", nbeta),
            ("_gamma", gamma),
            ("_origin", -gamma * center),  # the gradient of the Gaussian at 0
            ("_pieces", _pieces(self.center)),
        ):
            object.__setattr__(self, name, value)

    def flat(self, params: Params) -> Tensor:
        """All weights of each chain as one row, (C, d), in the order of ``center``.

        Raises:
            ValueError: if names, shapes, dtype or device are not those of ``center``, or there are
                several centres, nbetas or gammas and not one a chain.
        """
        given, wanted = (
            {name: (tuple(t.shape[1:]), t.dtype, t.device.type) for name, t in one.items()}
            for one in (params, self.center)
        )
        if given != wanted:
            raise ValueError(f"a chain's weights are {given}; wanted the centre's, {wanted}")
        position, _ = pack({name: params[name] for name in self.center})
        for values, name in (
            (self._center, "centres"),
            (self._nbeta, "values of nbeta"),
            (self._gamma, "values of gamma"),
        ):
            if len(values) not in (1, len(position)):
                raise ValueError(
                    f"got {len(values)} {name} for {len(position)} chains; wanted 1, or one each"
                )
        return position

    def params(self, position: Tensor) -> dict[str, Tensor]:
        """Rows of weights, (C, d), as tensors with names, (C, ...); they share memory."""
        chains = len(position)
        return {
            name: position[:, columns].reshape(chains, *shape)
            for name, columns, shape in self._pieces
        }

    def evaluate(self, position: Tensor, rows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The mean loss of each chain, (C,), and its gradient, (C, d)."""
        losses, gradients = self.loss(self.params(position), rows)
        rows_of = [gradients[name].reshape(len(position), -1) for name in self.center]
        return losses, rows_of[0] if len(rows_of) == 1 else torch.cat(rows_of, dim=1)

    def gradient(self, position: Tensor, loss_gradient: Tensor) -> Tensor:
        """That of U, (C, d), from that of the mean loss."""
        drawn_back = torch.addcmul(self._origin, self._gamma, position)
        return drawn_back.addcmul_(self._nbeta, loss_gradient)

    def energy(self, position: Tensor, loss: Tensor) -> Tensor:
        """U in float64, (C,), from the mean loss: acceptance asks for small differences of it."""
        nbeta, gamma = (per_run(value, loss.double()) for value in (self.nbeta, self.gamma))
        distance = (position - self._center).double().square().sum(dim=1)
        return nbeta * loss.double() + gamma / 2 * distance


def _pieces(center: Params) -> list[tuple[str, slice, torch.Size]]:
    """Where each tensor lies in a row of all weights, and its shape there."""
    pieces, at = [], 0
    for name, tensor in center.items():
        shape = tensor.shape[1:]
        pieces.append((name, slice(at, at + shape.numel()), shape))
        at += shape.numel()
    return pieces
