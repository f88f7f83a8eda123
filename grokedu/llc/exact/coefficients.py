"""Learning coefficients known exactly: of a regular minimum and of deep linear networks.

For a loss K >= 0 and a positive prior the evidence ``Z(n) = ∫ exp(-n K(w)) prior(w) dw`` falls as
``n^-λ (log n)^(m-1)``: λ is the learning coefficient, m its multiplicity. Each function gives the
minimum over the true parameters; at one of them the local coefficient may be larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

from grokedu.llc.exact.numbers import natural, naturals


class LearningCoefficient(NamedTuple):
    """A learning coefficient.

    Attributes:
        value: λ, exactly.
        multiplicity: m, the order of the pole of the zeta function at -λ; 1 where the free energy
            has no log log n term.
    """

    value: Fraction
    multiplicity: int


def regular_llc(dimension: int) -> LearningCoefficient:
    """The coefficient of a minimum whose Hessian has full rank: ``λ = d / 2``, m = 1.

    Raises:
        ValueError: for a dimension that is not a whole number from 1 up.

    >>> regular_llc(3)
    LearningCoefficient(value=Fraction(3, 2), multiplicity=1)
    """
    return LearningCoefficient(Fraction(natural("dimension", dimension, least=1), 2), 1)


def deep_linear_llc(widths: Sequence[int], rank: int) -> LearningCoefficient:
    """The coefficient of a deep linear network: the least over the true parameters of rank r.

    With the excess widths ``Δ_s = H_s - r`` let Σ be the one set of ℓ + 1 layers, ℓ >= 1, with
    ``max_Σ Δ < min_rest Δ`` and ``ℓ max_Σ Δ <= Σ_Σ Δ < ℓ min_rest Δ``; with
    ``M = ceil(Σ_Σ Δ / ℓ)`` and ``a = Σ_Σ Δ - (M - 1) ℓ``::

        λ = [r (H_1 + H_(L+1)) - r²] / 2 + a (ℓ - a) / (4ℓ)
            - ℓ (ℓ - 1) / 4 · (Σ_Σ Δ / ℓ)² + ½ Σ_(i<j in Σ) Δ_i Δ_j
        m = a (ℓ - a) + 1

    The minimum is attained where every layer is ``diag(I_r, 0)``. Elsewhere it need not be: widths
    (2, 2, 2) and rank 0 have 3/2 at the origin, but 2 where one layer is 0 and the other is
    invertible.

    Args:
        widths: (L + 1,) the layers' widths, from the inputs to the outputs.
        rank: of the true map.

    Raises:
        ValueError: for fewer than two widths, one that is not a whole number from 1 up, or a rank
            outside 0 to the smallest of them.

    Source: Aoyagi 2024, Neural Networks 172, theorem 1.

    >>> deep_linear_llc([5, 3, 5], rank=2)
    LearningCoefficient(value=Fraction(19, 2), multiplicity=2)
    >>> deep_linear_llc([100, 50, 50, 100], rank=10).value
    Fraction(1750, 1)
    """
    layers, r = _layers(widths, rank)
    chosen = _bottleneck([width - r for width in layers])
    total, depth = sum(chosen), len(chosen) - 1
    rest = total - (-(-total // depth) - 1) * depth
    pairs = sum(a * b for a, b in combinations(chosen, 2))
    value = (
        Fraction(r * (layers[0] + layers[-1]) - r * r + pairs, 2)
        + Fraction(rest * (depth - rest), 4 * depth)
        - Fraction((depth - 1) * total**2, 4 * depth)
    )
    return LearningCoefficient(value, rest * (depth - rest) + 1)


def _bottleneck(excess: list[int]) -> list[int]:
    """The excess widths of the set Σ.

    The smallest, and the next as long as it is at most the mean ``Σ_Σ Δ / ℓ``: taking it keeps
    ``ℓ max_Σ Δ <= Σ_Σ Δ``, and the first not taken is larger than all of Σ.
    """
    ordered, size = sorted(excess), 2
    while size < len(ordered) and (size - 1) * ordered[size] <= sum(ordered[:size]):
        size += 1
    return ordered[:size]


def _layers(widths: Sequence[int], rank: int) -> tuple[list[int], int]:
    layers, r = naturals("widths", widths, least=1), natural("rank", rank)
    if len(layers) < 2:
        raise ValueError(f"widths is {layers}; wanted two or more, for example [4, 4, 4]")
    if r > min(layers):
        raise ValueError(f"rank is {r}; wanted at most the smallest of the widths {layers}")
    return layers, r
