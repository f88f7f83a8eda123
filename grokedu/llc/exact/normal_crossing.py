"""Products ``K(w) = ∏ w_j^(2 k_j)``: their λ, and what they give on the unit cube at a finite n.

Under the prior ``∏ (h_j + 1) w_j^(h_j)`` each ``-2 k_j log w_j`` is exponential with the rate
``μ_j = (h_j + 1) / (2 k_j)``, so ``s = -log K`` is a sum of exponential waiting times: its law is a
matrix exponential, and the evidence an integral over s alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import torch
from torch import Tensor

from grokedu.llc.exact.coefficients import LearningCoefficient
from grokedu.llc.exact.numbers import natural, naturals, positive

Powers = Sequence[int]


def normal_crossing_llc(powers: Powers, prior_powers: Powers | None = None) -> LearningCoefficient:
    """The coefficient of ``K(w) = ∏ w_j^(2 k_j)`` at the origin, under the prior ``∏ |w_j|^(h_j)``.

    The formula: ``λ = min_j (h_j + 1) / (2 k_j)``, and m counts the j that attain it.

    Args:
        powers: k_j; a coordinate of power 0 does not enter K.
        prior_powers: h_j, as many; all 0, a flat prior, by default.

    Raises:
        ValueError: for powers that are negative, not whole or all 0, or lengths that differ.

    Source: Watanabe 2009, Algebraic Geometry and Statistical Learning Theory, section 2.

    >>> normal_crossing_llc([1, 1])  # w1² w2²
    LearningCoefficient(value=Fraction(1, 2), multiplicity=2)
    >>> normal_crossing_llc([1, 2])  # w1² w2⁴
    LearningCoefficient(value=Fraction(1, 4), multiplicity=1)
    """
    ratios = crossing_ratios(powers, prior_powers)
    return LearningCoefficient(ratios[0], ratios.count(ratios[0]))


def crossing_ratios(powers: Powers, prior_powers: Powers | None = None) -> list[Fraction]:
    """``(h_j + 1) / (2 k_j)`` of the coordinates that enter K, the smallest first.

    Raises:
        ValueError: as :func:`normal_crossing_llc`.

    >>> crossing_ratios([1, 2, 0])
    [Fraction(1, 4), Fraction(1, 2)]
    """
    k = naturals("powers", powers)
    h = [0] * len(k) if prior_powers is None else naturals("prior_powers", prior_powers)
    if len(h) != len(k):
        raise ValueError(f"{len(k)} powers and {len(h)} prior_powers; wanted as many of each")
    if not any(k):
        raise ValueError(f"powers is {k}; wanted one above 0 at least, for example [1, 1]")
    return sorted(Fraction(b + 1, 2 * a) for a, b in zip(k, h, strict=True) if a)


def normal_crossing_volume(
    threshold: float, powers: Powers, prior_powers: Powers | None = None
) -> float:
    """The prior's share of ``{K < ε}`` on the unit cube, exactly.

    As ε falls to 0 it falls as ``ε^λ (-log ε)^(m-1)``.

    Args:
        threshold: ε.
        powers, prior_powers: k_j and h_j, as for :func:`~grokedu.llc.normal_crossing_llc`.

    Raises:
        ValueError: for a threshold that is not positive, or powers as there.

    >>> round(normal_crossing_volume(1e-4, [2]), 6)  # w⁴ < 1e-4 up to w = 0.1
    0.1
    >>> round(normal_crossing_volume(1e-4, [1, 1]), 6)  # x (1 - log x) at x = 0.01
    0.056052
    """
    rates = _rates(powers, prior_powers)
    depth = torch.tensor([max(0.0, -math.log(positive("threshold", threshold)))])
    return float((_survival(rates, depth.double()).log() - rates[0] * depth).exp())


def normal_crossing_free_energy(
    nbeta: float, powers: Powers, prior_powers: Powers | None = None
) -> float:
    """``-log ∫ exp(-nβ K(w)) prior(w) dw`` on the unit cube, by quadrature over log K.

    Args:
        nbeta: the number of examples times the inverse temperature.
        powers, prior_powers: k_j and h_j, as for :func:`~grokedu.llc.normal_crossing_llc`.

    Raises:
        ValueError: for an nβ that is not positive, or powers as there.

    >>> half_normal = 0.5 * math.sqrt(math.pi / 100) * math.erf(10)
    >>> abs(normal_crossing_free_energy(100, [1]) + math.log(half_normal)) < 1e-12
    True
    """
    return _evidence(nbeta, powers, prior_powers)[0]


def normal_crossing_target(
    nbeta: float, powers: Powers, prior_powers: Powers | None = None
) -> float:
    """``nβ E[K]`` on the unit cube, the derivative of the free energy by log nβ.

    It tends to λ as nβ grows, with several coordinates slowly: an estimator is judged against this.

    Args:
        nbeta, powers, prior_powers: as for :func:`normal_crossing_free_energy`.

    Raises:
        ValueError: as :func:`normal_crossing_free_energy`.

    >>> round(normal_crossing_target(1e4, [1, 1]), 6)  # where λ = 1/2
    0.410505
    """
    return _evidence(nbeta, powers, prior_powers)[1]


def leading_correction(multiplicity: int, nbeta: float) -> float:
    """``-(m - 1) / log nβ``: by how much the estimate at nβ falls short of λ, to first order.

    It is what the log log term adds to the derivative of the free energy by log nβ; the next term
    is of order ``1 / (log nβ)²``, still large at any n in use.

    Raises:
        ValueError: for a multiplicity that is not a whole number from 1 up, or an nβ of 1 or below.

    >>> round(leading_correction(2, 1e6), 4), leading_correction(1, 1e6)
    (-0.0724, 0.0)
    """
    order = natural("multiplicity", multiplicity, least=1)
    return 0.0 - (order - 1) / math.log(positive("nbeta", nbeta, above=1))


def _rates(powers: Powers, prior_powers: Powers | None) -> Tensor:
    """(J,) the rates μ_j, ascending: the first is λ."""
    ratios = crossing_ratios(powers, prior_powers)
    return torch.tensor([float(r) for r in ratios], dtype=torch.float64)


def _stages(rates: Tensor, s: Tensor) -> Tensor:
    """(N, J) the chance of waiting in stage j at time s, over exp(-λ s): it would underflow."""
    chain = torch.diag(rates[0] - rates) + torch.diag(rates[:-1], diagonal=1)
    return torch.linalg.matrix_exp(s[:, None, None] * chain)[:, 0]


def _survival(rates: Tensor, s: Tensor) -> Tensor:
    """(N,) the chance that -log K is above s, over exp(-λ s)."""
    return _stages(rates, s).sum(dim=1)


def _evidence(nbeta: float, powers: Powers, prior_powers: Powers | None) -> tuple[float, float]:
    """-log of the evidence, and nβ E[K]."""
    t, rates = positive("nbeta", nbeta), _rates(powers, prior_powers)
    last = max(0.0, math.log(t)) + 40  # beyond, exp(-nβ K) is 1 to 1e-17
    panels = math.ceil(last * max(2.0, float(rates[-1]) / 8))
    x, w = (torch.from_numpy(part) for part in np.polynomial.legendre.leggauss(20))
    starts = torch.arange(panels, dtype=torch.float64)[:, None]
    s = ((starts + (x + 1) / 2) * last / panels).reshape(-1)
    density = _stages(rates, s)[:, -1].clamp(min=0) * rates[-1]
    scaled = t * (-s).exp()
    logs = -scaled - rates[0] * s + (density * (w * last / panels / 2).repeat(panels)).log()
    end = torch.tensor([last], dtype=torch.float64)
    tail = _survival(rates, end).log() - rates[0] * end
    total = torch.logsumexp(torch.cat([logs, tail]), dim=0)
    return -float(total), float((scaled * (logs - total).exp()).sum())
