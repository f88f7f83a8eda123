"""The losses of grokedu.llc.exact.known, as a loss and its minimum."""

from __future__ import annotations

from collections.abc import Sequence

from grokedu.llc.exact import known

N = 1e6


def quadratic(h: Sequence[float]):
    """Half the sum of h_i w_i^2, at 0."""
    case = known.quadratic(h, n=N)
    return case.loss, case.center


def deep_linear(widths: Sequence[int], rank: int):
    """Half the squared distance of the product from diag(I_rank, 0), at such layers."""
    case = known.deep_linear(widths, rank)
    return case.loss, case.center
