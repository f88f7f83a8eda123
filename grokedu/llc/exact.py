"""Learning coefficients known exactly: regular, normal crossing, reduced rank, deep linear.

For a loss K >= 0 and a positive prior the evidence ``Z(n) = ∫ exp(-n K(w)) prior(w) dw`` falls as
``n^-λ (log n)^(m-1)``: λ is the learning coefficient, m its multiplicity. Each is a minimum over
the true parameters; at one of them the local coefficient may be larger.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from typing import NamedTuple

from grokedu.llc.numbers import natural, naturals


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
    """Of a minimum with a Hessian of full rank: ``λ = d / 2``, m = 1.

    Raises:
        ValueError: for a dimension that is not a whole number from 1 up.

    >>> regular_llc(3)
    LearningCoefficient(value=Fraction(3, 2), multiplicity=1)
    """
    return LearningCoefficient(Fraction(natural("dimension", dimension, least=1), 2), 1)


def normal_crossing_llc(
    powers: Sequence[int], prior_powers: Sequence[int] | None = None
) -> LearningCoefficient:
    """At the origin, of ``K(w) = ∏ w_j^(2 k_j)`` under the prior ``∏ |w_j|^(h_j)``.

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


def crossing_ratios(
    powers: Sequence[int], prior_powers: Sequence[int] | None = None
) -> list[Fraction]:
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


def reduced_rank_llc(inputs: int, hidden: int, outputs: int, rank: int) -> LearningCoefficient:
    """Of reduced-rank regression ``y = B A x``: a linear network with one hidden layer.

    With M inputs, H hidden, N outputs and a true map of rank r::

        (HM - Hr + Nr) / 2                                      where M + H < N + r
        (HN - Hr + Mr) / 2                                      where N + H < M + r
        MN / 2                                                  where M + N < H + r
        [-(H+r)² - M² - N² + 2 (H+r) (M+N) + 2 M N] / 8         otherwise, and m = 1;
        1/8 more, and m = 2                                     where M + H + N + r is odd

    Raises:
        ValueError: for widths that are not whole numbers from 1 up, or a rank outside 0 to the
            smallest of them.

    Source: Aoyagi and Watanabe 2005, Neural Networks 18.

    >>> reduced_rank_llc(2, 2, 2, rank=1)
    LearningCoefficient(value=Fraction(2, 1), multiplicity=2)
    """
    (m, h, n), r = _layers((inputs, hidden, outputs), rank)
    if m + h < n + r:
        return LearningCoefficient(Fraction(h * m - h * r + n * r, 2), 1)
    if n + h < m + r:
        return LearningCoefficient(Fraction(h * n - h * r + m * r, 2), 1)
    if m + n < h + r:
        return LearningCoefficient(Fraction(m * n, 2), 1)
    odd = (m + h + n + r) % 2
    eighths = -((h + r) ** 2) - m**2 - n**2 + 2 * (h + r) * (m + n) + 2 * m * n
    return LearningCoefficient(Fraction(eighths + odd, 8), 1 + odd)


def deep_linear_llc(widths: Sequence[int], rank: int) -> LearningCoefficient:
    """Of a deep linear network whose true map has rank r, the least over all its true parameters.

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
