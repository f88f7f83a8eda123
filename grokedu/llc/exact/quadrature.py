"""Free energies and posterior means in a few dimensions, integrated to many digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import product

import numpy as np
import torch
from torch import Tensor

from grokedu.llc.exact.numbers import nonnegative, positive

Energy = Callable[[Tensor], Tensor]
Box = Sequence[tuple[float, float]]

NODES = 8  # of Gauss and Legendre's rule, an axis and cell
POINTS = 2_000_000  # at once


def free_energy(
    energy: Energy, box: Box, *, tolerance: float = 1e-10, max_points: int = 50_000_000
) -> float:
    """``-log ∫ exp(-energy(w)) dw`` over a box of one to three dimensions.

    For the free energy of n examples the energy is ``n L_n(w) - log prior(w)``. The box is cut into
    cells, each integrated by Gauss and Legendre's rule, and every cell that changes by more than
    its share when halved is halved again. A peak can be missed that is narrower than the first
    points' spacing, a 500th, a 100th and a 50th of the box in one, two and three dimensions.

    Args:
        energy: from points (N, d), float64, to (N,); inf where the prior is 0.
        box: d pairs (low, high).
        tolerance: the largest change in a cell, as a share of the integral.
        max_points: the most points to evaluate.

    Raises:
        ValueError: for a box or tolerance out of range, an energy of another shape, nan, or inf all
            over, or an integral that is not settled within the points.

    >>> cosh = lambda w: torch.cosh(w[:, 0])
    >>> round(free_energy(cosh, [(-9, 9)]), 9)  # -log(2 K0(1)), with Bessel's K0
    0.171917218
    """
    return _integrate(energy, lambda w: w.new_zeros(len(w)), box, tolerance, max_points)[0]


def quadrature_llc(
    loss: Energy,
    center: Sequence[float],
    nbeta: float,
    *,
    box: Box,
    gamma: float = 0.0,
    tolerance: float = 1e-10,
    max_points: int = 50_000_000,
) -> float:
    """``nβ (E[L] - L(w*))``, what an estimator of the coefficient at w* tends to at this nβ.

    The mean is over ``exp(-nβ L(w) - γ/2 |w - w*|²)`` within the box, integrated as
    :func:`free_energy` does.

    Args:
        loss: L, from points (N, d), float64, to (N,).
        center: (d,) w*.
        nbeta: the number of examples times the inverse temperature.
        box: d pairs (low, high) that hold w*.
        gamma: γ, the localisation.
        tolerance, max_points: as for :func:`free_energy`.

    Raises:
        ValueError: as :func:`free_energy`, and where the center is not in the box.

    >>> quartic = lambda w: w[:, 0] ** 4
    >>> round(quadrature_llc(quartic, [0.0], 1e4, box=[(-1, 1)]), 9)  # λ = 1/4 at every such n
    0.25
    """
    scale, pull = positive("nbeta", nbeta), nonnegative("gamma", gamma)
    edges, at = _edges(box), torch.as_tensor(center, dtype=torch.float64)
    if at.shape != edges[:, 0].shape or not bool(((edges[:, 0] <= at) & (at <= edges[:, 1])).all()):
        raise ValueError(f"the center {at.tolist()} is not in the box {edges.tolist()}")
    least = loss(at[None])

    def energy(w: Tensor) -> Tensor:
        return scale * (loss(w) - least) + pull / 2 * (w - at).square().sum(dim=1)

    mean = _integrate(energy, lambda w: loss(w) - least, box, tolerance, max_points)[1]
    return scale * mean


@torch.no_grad()
def _integrate(
    energy: Energy, of: Energy, box: Box, tolerance: float, max_points: int
) -> tuple[float, float]:
    """-log of the integral of exp(-energy), and the mean of a second function under it."""
    edges = _edges(box)
    positive("tolerance", tolerance)
    dimension = len(edges)
    first = (64, 16, 6)[dimension - 1]  # cells an axis
    size = (edges[:, 1] - edges[:, 0]) / first
    grid = torch.arange(first, dtype=torch.float64)
    cells = edges[:, 0] + size * torch.cartesian_prod(*[grid] * dimension).reshape(-1, dimension)
    halves = torch.tensor(list(product((0.0, 0.5), repeat=dimension)), dtype=torch.float64)

    # Every integral is a multiple of exp(-floor), so that none overflows or vanishes.
    parents, floor = _cells(energy, of, cells, size, math.inf)
    if floor == math.inf:
        raise ValueError("the energy is inf all over the box; wanted a box with finite energies")
    done, spent = torch.zeros(2, dtype=torch.float64), len(cells)
    while len(cells):
        children = (cells[:, None] + size * halves).reshape(-1, dimension)
        size = size / 2
        spent += len(children)
        if spent * NODES**dimension > max_points:
            raise ValueError(
                f"the integral is not settled after {max_points} points; wanted a smoother energy, "
                "a smaller box, more points or a larger tolerance"
            )
        values, lower = _cells(energy, of, children, size, floor)
        done, parents = (part * math.exp(lower - floor) for part in (done, parents))
        floor = lower
        sums = values.reshape(len(cells), -1, 2).sum(dim=1)
        scale = done.abs() + sums.abs().sum(dim=0)
        rough = ((sums - parents).abs() > tolerance * scale).any(dim=1)
        done = done + sums[~rough].sum(dim=0)
        kept = rough.repeat_interleave(len(halves))
        cells, parents = children[kept], values[kept]
    return floor - math.log(done[0]), float(done[1] / done[0])


def _cells(
    energy: Energy, of: Energy, cells: Tensor, size: Tensor, floor: float
) -> tuple[Tensor, float]:
    """(C, 2) the two integrals over each cell, over exp(-floor), and the floor: the least energy.

    Args:
        cells, size: (C, d) their low corners, and (d,) the lengths of their sides.
        floor: an energy that is low already.
    """
    dimension = len(size)
    x, w = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(NODES))
    nodes = torch.cartesian_prod(*[(x + 1) / 2] * dimension).reshape(-1, dimension)
    weights = torch.cartesian_prod(*[w / 2] * dimension).reshape(-1, dimension).prod(dim=1)
    weights = weights * size.prod()
    parts: list[Tensor] = []
    for some in cells.split(max(1, POINTS // len(nodes))):
        points = (some[:, None] + size * nodes).reshape(-1, dimension)
        height, second = energy(points), of(points)
        for name, found in (("energy", height), ("loss", second)):
            if not isinstance(found, Tensor) or found.shape != (len(points),):
                given = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
                raise ValueError(
                    f"the {name} of points {tuple(points.shape)} is {given}; wanted a tensor of "
                    f"shape {(len(points),)}"
                )
            if bool(found.isnan().any()):
                raise ValueError(f"the {name} is nan at {points[found.isnan()][0].tolist()}")
        lower = min(floor, float(height.min()))
        if lower == -math.inf:
            raise ValueError("the energy is -inf somewhere in the box; wanted it bounded below")
        if math.isfinite(floor):
            parts = [part * math.exp(lower - floor) for part in parts]
        floor = lower
        share = (floor - height).exp() if math.isfinite(floor) else torch.zeros_like(height)
        mean = torch.where(share > 0, share * second, 0.0)
        both = torch.stack([share, mean], dim=-1).reshape(len(some), len(nodes), 2)
        parts.append((both * weights[:, None]).sum(dim=1))
    return torch.cat(parts), floor


def _edges(box: Box) -> Tensor:
    """(d, 2) the box."""
    try:
        edges = torch.tensor([[float(end) for end in side] for side in box], dtype=torch.float64)
    except (TypeError, ValueError):
        edges = torch.empty(0)
    right = edges.ndim == 2 and edges.shape[-1] == 2 and 1 <= len(edges) <= 3
    if not (right and bool(edges.isfinite().all() and (edges[:, 0] < edges[:, 1]).all())):
        raise ValueError(
            f"box is {box}; wanted one to three pairs (low, high), low below high, "
            "for example [(-1, 1), (-1, 1)]"
        )
    return edges
