"""Steps as long in slack directions as in stiff ones: a preconditioner from the curvature at w*."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grokedu.llc.sampling.hamiltonian import Shift, same
from grokedu.llc.sampling.potential import Potential
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

    >>> from grokedu.llc.sampling.potential import differentiated
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

    In the form of :func:`grokedu.llc.sampling.hamiltonian.same`.

    >>> from grokedu.llc.sampling.whitening import Curvature
    >>> known = Curvature(torch.tensor([[4.0, 1.0]]), torch.eye(2).unsqueeze(0), 4)
    >>> shift = Whitening(known, 1.0, 0.0, torch.tensor([1.0, 4.0]))(torch.ones(2))
    >>> shift(torch.zeros(2, 2), torch.ones(2, 2), 1.0).tolist()
    [[0.5, 1.0], [0.5, 0.5]]
    """

    def __init__(
        self, curvature: Curvature, nbeta: float | Tensor, gamma: float | Tensor, floor: Tensor
    ) -> None:
        self.whole, self.vectors = curvature.whole, curvature.vectors
        self.columns = curvature.vectors.mT.contiguous()
        shape = (len(self.vectors), -1, 1)  # centres, chains, eigenvalues
        nbeta, gamma = (torch.as_tensor(x).to(floor).expand_as(floor) for x in (nbeta, gamma))
        stiffness = nbeta.view(shape) * curvature.eigenvalues.unsqueeze(1) + gamma.view(shape)
        level = floor.view(shape)
        self.base = floor.rsqrt()
        self.along = torch.maximum(stiffness, level).rsqrt()  # (P, C, k)
        self.extra = self.along - level.rsqrt()
        # Where no direction is stiffer than the floor, up to rounding, a number does.
        self.plain = not bool((self.along < (1 - 1e-4) * level.rsqrt()).any())

    def __call__(self, step_size: Tensor) -> Shift:
        """The shift by A with these step sizes, (P C,)."""
        if self.plain:
            return same(step_size * self.base)
        grouped = (*self.along.shape[:2], self.vectors.shape[2])
        steps = step_size.view(*grouped[:2], 1)
        if self.whole:
            scale, rest = steps * self.along, None
        else:
            scale, rest = steps * self.extra, (step_size * self.base).unsqueeze(1)

        def shift(to: Tensor, rows: Tensor, share: float) -> Tensor:
            along = torch.bmm(rows.view(grouped), self.columns).mul_(scale)
            if rest is None:
                moved = torch.baddbmm(to.view(grouped), along, self.vectors, alpha=share)
            else:
                moved = torch.addcmul(to, rest, rows, value=share).view(grouped)
                moved.baddbmm_(along, self.vectors, alpha=share)
            return moved.view_as(to)

        return shift
