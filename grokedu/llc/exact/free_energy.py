"""The free energy in closed form, the prior's part in it, and the exponent read off volumes.

The free energy of n examples is ``F_n = -log ∫ exp(-n L_n(w)) prior(w) dw``.
"""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from grokedu.llc.exact.numbers import natural, nonnegative, positive


def free_energy_expansion(
    n: float, loss: float, coefficient: tuple[Fraction | float, int]
) -> float:
    """``n L + λ log n - (m - 1) log log n``: the free energy up to a term that stays bounded.

    Args:
        n: the number of examples, above 1.
        loss: L, the mean loss at the true parameters.
        coefficient: λ and m, such as a :class:`~grokedu.llc.LearningCoefficient`.

    Raises:
        ValueError: for numbers out of their ranges.

    Source: Watanabe 2009, Algebraic Geometry and Statistical Learning Theory, section 6.

    >>> round(free_energy_expansion(math.e**2, 0.0, (1.5, 3)), 6)  # 3 - 2 log 2
    1.613706
    """
    size = math.log(positive("n", n, above=1))
    if not math.isfinite(loss):
        raise ValueError(f"loss is {loss}; wanted a finite number")
    value, order = nonnegative("coefficient", float(coefficient[0])), coefficient[1]
    log_log = (natural("multiplicity", order, least=1) - 1) * math.log(size)
    return n * loss + value * size - log_log


def gaussian_free_energy(
    n: float, squared_norm: float, dimension: int, prior_std: float = 1.0
) -> float:
    """``-log ∫ exp(-n |w - w*|² / 2) N(w; 0, σ² I) dw``, exactly.

    The formula: ``(d/2) log(1 + n σ²) + n |w*|² / (2 (1 + n σ²))``. It grows as (d/2) log n, and
    the norm's part in it stops at ``|w*|² / (2 σ²)``.

    Args:
        n: the number of examples.
        squared_norm: |w*|².
        dimension: d.
        prior_std: σ.

    Raises:
        ValueError: for numbers out of their ranges.

    >>> round(gaussian_free_energy(100, squared_norm=4, dimension=10), 6)
    25.055801
    """
    spread = 1 + nonnegative("n", n) * positive("prior_std", prior_std) ** 2
    half = natural("dimension", dimension, least=1) / 2
    return half * math.log(spread) + n * nonnegative("squared_norm", squared_norm) / (2 * spread)


def gaussian_prior_term(squared_norm: float, dimension: int, prior_std: float = 1.0) -> float:
    """``-log N(w*; 0, σ² I)``, what a Gaussian prior that is fixed adds to the free energy.

    The formula: ``|w*|² / (2 σ²) + (d/2) log(2π σ²)``, the same at every n. It is the term of a
    regular minimum; where the true parameters form a set the constant integrates the prior over
    its dominant part.

    Args:
        squared_norm, dimension, prior_std: |w*|², d and σ.

    Raises:
        ValueError: for numbers out of their ranges.

    >>> round(gaussian_prior_term(4.0, 10), 6)
    11.189385
    """
    variance = positive("prior_std", prior_std) ** 2
    half = natural("dimension", dimension, least=1) / 2
    norm = nonnegative("squared_norm", squared_norm)
    return norm / (2 * variance) + half * math.log(2 * math.pi * variance)


def weight_decay_term(n: float, squared_norm: float, weight_decay: float) -> float:
    """``n (c/2) |w*|²``, what a penalty of fixed strength c in the mean loss adds.

    It is of order n, as the loss is, because it is the prior ``exp(-n (c/2) |w|²)``, which narrows
    with every example; it changes which w* is best and with it λ. Decoupled decay (AdamW) is not
    the gradient of any such penalty.

    Args:
        n, squared_norm, weight_decay: the number of examples, |w*|² and c.

    Raises:
        ValueError: for numbers out of their ranges.

    >>> weight_decay_term(100, 4.0, 0.5), weight_decay_term(200, 4.0, 0.5)
    (100.0, 200.0)
    """
    size = nonnegative("n", n) * nonnegative("weight_decay", weight_decay)
    return size / 2 * nonnegative("squared_norm", squared_norm)


def volume_exponent(
    thresholds: npt.ArrayLike, volumes: npt.ArrayLike, multiplicity: int = 1
) -> float:
    """λ, from how the volume of ``{K < ε}`` falls: ``V(ε) ~ c ε^λ (-log ε)^(m-1)``.

    The slope of ``log V - (m - 1) log(-log ε)`` against log ε, by least squares.

    Args:
        thresholds: (E,) the ε, two different ones at least, above 0, and below 1 where m > 1.
        volumes: (E,) the volumes, or shares of points drawn from the prior.
        multiplicity: m.

    Raises:
        ValueError: for other shapes, numbers out of their ranges, or one threshold alone.

    >>> round(volume_exponent([1e-6, 1e-4, 1e-2], [1e-3, 1e-2, 1e-1]), 6)  # w²: V = √ε
    0.5
    """
    at, found = np.asarray(thresholds, dtype=float), np.asarray(volumes, dtype=float)
    if at.ndim != 1 or at.shape != found.shape or np.unique(at).size < 2:
        raise ValueError(
            f"thresholds {at.shape} and volumes {found.shape}; wanted (E,) of each, with two "
            "different thresholds at least"
        )
    for name, row in (("thresholds", at), ("volumes", found)):
        if not (np.isfinite(row) & (row > 0)).all():
            raise ValueError(f"{name} is {row.tolist()}; wanted finite numbers above 0")
    order, x, y = natural("multiplicity", multiplicity, least=1), np.log(at), np.log(found)
    if order > 1:
        if (x >= 0).any():
            raise ValueError(f"thresholds go up to {at.max():g}; wanted below 1 where m > 1")
        y = y - (order - 1) * np.log(-x)
    x = x - x.mean()
    return float(x @ y / (x @ x))
