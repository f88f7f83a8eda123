"""Steps as long in slack directions as in stiff ones: a preconditioner from the curvature at w*."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grokedu.llc.samplers.potential import Potential
from grokedu.tasks import random_stream

WHOLE = 128  # weights up to which the whole Hessian is taken
VECTORS = 16  # leading eigenvectors otherwise
ROUNDS = 4  # of the Krylov space they are sought in
DISTANCE = 1e-2  # between the two gradients of a difference


@dataclass(frozen=True)
class Curvature:
    """The leading part of the mean loss's Hessian at each of P centres.

    Attributes:
        eigenvalues: (P, k), from the largest down.
        vectors: (P, k, d), orthonormal rows.
        gradients: how many gradients at each centre it took.
    """

    eigenvalues: Tensor
    vectors: Tensor
    gradients: int

    @property
    def whole(self) -> bool:
        """Whether no direction is left out."""
        return self.vectors.shape[1] == self.vectors.shape[2]


@torch.no_grad()
def curvature(potential: Potential, centers: Tensor, seed: int = 0) -> Curvature:
    """The leading eigenvalues and eigenvectors of the Hessian of the mean loss, by differences.

    With few weights the whole Hessian; else by Rayleigh and Ritz in a block Krylov space. One call
    of the loss takes the gradients in all directions of a block, as if they were chains::

        H v = (grad L(w* + e v) - grad L(w* - e v)) / (2 e) + O(e^2)

    Args:
        potential: its loss is meant; the number of centres it has is one, or one a row.
        centers: (P, d).
        seed: of the directions to begin with.

    Source: Golub and Van Loan, Matrix Computations, chapter 10.

    >>> from grokedu.llc.samplers import differentiated
    >>> scales = torch.tensor([1.0, 4.0, 9.0])
    >>> quadratic = differentiated(lambda params, rows: (scales * params["w"].square()).sum(1) / 2)
    >>> potential = Potential(quadratic, {"w": torch.zeros(1, 3)}, nbeta=1.0)
    >>> curvature(potential, torch.zeros(1, 3)).eigenvalues.round(decimals=3).tolist()
    [[9.0, 4.0, 1.0]]
    """
    count, size = centers.shape

    def products(rows: Tensor) -> Tensor:
        """(P, b, d) from (P, b, d)."""
        moved = torch.stack([centers.unsqueeze(1) + sign * DISTANCE * rows for sign in (1, -1)])
        gradients = potential.evaluate(moved.flatten(0, 2))[1].view(moved.shape)
        return (gradients[0] - gradients[1]) / (2 * DISTANCE)

    if size <= WHOLE:
        basis = torch.eye(size).to(centers).expand(count, size, size)
        images, kept = products(basis), size
    else:
        stream = random_stream(seed, "curvature")
        rows = torch.randn(VECTORS, size, generator=stream).to(centers).expand(count, -1, -1)
        basis = centers.new_empty(count, 0, size)
        images, kept = basis, VECTORS
        for _ in range(ROUNDS):
            block = _orthonormal(rows, basis)
            rows = products(block)
            basis, images = torch.cat([basis, block], dim=1), torch.cat([images, rows], dim=1)
    # Beside w* the loss may be infinite; a guess at the curvature costs steps, not exactness.
    small = (basis @ images.nan_to_num(0.0, 0.0, 0.0).mT).double()
    values, mixed = torch.linalg.eigh((small + small.mT) / 2)
    order = values.abs().argsort(dim=1, descending=True)[:, :kept]  # a saddle bends downwards
    leading = values.gather(1, order).sort(dim=1, descending=True)
    order = order.gather(1, leading.indices)
    chosen = mixed.mT.gather(1, order.unsqueeze(2).expand(-1, -1, mixed.shape[1])).to(basis)
    return Curvature(leading.values.to(centers), chosen @ basis, 2 * basis.shape[1])


def _orthonormal(rows: Tensor, basis: Tensor) -> Tensor:
    """The rows (P, b, d) made orthonormal and orthogonal to the basis (P, k, d)."""
    for _ in range(2):  # once leaves rounding behind
        rows = rows - (rows @ basis.mT) @ basis
        rows = torch.linalg.qr(rows.mT).Q.mT
    return rows


class Whitening:
    """The preconditioner A with ``A^-2 = max(nbeta * H + gamma, floor)``, eigenvalue by eigenvalue.

    Directions that ``curvature`` leaves out count as the floor. A floor at or above the largest
    eigenvalue makes A a plain number.

    Args:
        curvature: at P centres.
        nbeta, gamma: numbers, or (P C,): those of C chains at each centre, centre after centre.
        floor: (P C,).

    >>> from grokedu.llc.samplers.whitening import Curvature
    >>> known = Curvature(torch.tensor([[4.0, 1.0]]), torch.eye(2).unsqueeze(0), 4)
    >>> Whitening(known, 1.0, 0.0, torch.tensor([1.0, 4.0]))(torch.ones(2, 2)).tolist()
    [[0.5, 1.0], [0.5, 0.5]]
    """

    def __init__(
        self, curvature: Curvature, nbeta: float | Tensor, gamma: float | Tensor, floor: Tensor
    ) -> None:
        self.vectors = curvature.vectors
        shape = (len(self.vectors), -1, 1)  # centres, chains, eigenvalues
        nbeta, gamma = (torch.as_tensor(x).to(floor).expand_as(floor) for x in (nbeta, gamma))
        stiffness = nbeta.view(shape) * curvature.eigenvalues.unsqueeze(1) + gamma.view(shape)
        level = floor.view(shape)
        self.base = level.rsqrt()
        self.extra = torch.maximum(stiffness, level).rsqrt() - self.base  # (P, C, k)
        self.plain = not bool(self.extra.any())

    def __call__(self, rows: Tensor) -> Tensor:
        """A times each row, (P C, d)."""
        grouped = rows.view(len(self.vectors), -1, rows.shape[1])
        scaled = self.base * grouped
        if self.plain:
            return scaled.view_as(rows)
        along = (grouped @ self.vectors.mT).mul_(self.extra)
        return scaled.baddbmm_(along, self.vectors).view_as(rows)
