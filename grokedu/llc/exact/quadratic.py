"""A quadratic loss: what the estimate is at a finite n, and what SGLD's step makes of it.

With ``L(w) = ½ Σ h_i (w_i - w*_i)²`` the density ``exp(-nβ L - γ/2 |w - w*|²)`` is Gaussian, of
precision ``κ_i = nβ h_i + γ`` along each axis: what localised sampling estimates is not d / 2.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grokedu.llc.exact.numbers import natural, nonnegative, nonnegatives, positive


def localised_quadratic_llc(curvatures: npt.ArrayLike, nbeta: float, gamma: float = 0.0) -> float:
    """``nβ E[L - L(w*)]`` on a quadratic, exactly: ``½ Σ nβ h_i / (nβ h_i + γ)``.

    Without localisation it is half the number of curvatures above 0, at every n.

    Args:
        curvatures: (d,) h_i, the eigenvalues of the Hessian, none below 0.
        nbeta: the number of examples times the inverse temperature.
        gamma: γ, the localisation.

    Raises:
        ValueError: for numbers out of their ranges.

    >>> localised_quadratic_llc([1.0] * 10, nbeta=100, gamma=1)
    4.9504950495...
    """
    h, force, kappa = _gaussian(curvatures, nbeta, gamma)
    return float((0.5 * force[h > 0] / kappa[h > 0]).sum())


def sgld_quadratic_llc(
    curvatures: npt.ArrayLike,
    nbeta: float,
    gamma: float = 0.0,
    *,
    step_size: float,
    draws: int | None = None,
    burn_in: int = 0,
) -> float:
    """The mean of SGLD's estimate on a quadratic with exact gradients, step-size error and all.

    The step is ``w <- w - ε/2 [nβ ∇L + γ (w - w*)] + √ε N(0, I)``. With ``a_i = 1 - ε κ_i / 2``, in
    the chain's stationary state, and started at w* after B steps, over T draws before their step::

        ½ Σ nβ h_i / [κ_i (1 - ε κ_i / 4)]  ·  {1 - a_i^(2B) (1 - a_i^(2T)) / [T (1 - a_i²)]}

    Args:
        curvatures, nbeta, gamma: as for :func:`localised_quadratic_llc`.
        step_size: ε.
        draws: T; the stationary state, the first factor alone, by default.
        burn_in: B.

    Raises:
        ValueError: for numbers out of their ranges, and for ``ε κ >= 4`` along an axis: there the
            chain diverges.

    >>> round(sgld_quadratic_llc([1.0] * 10, 100, 1, step_size=1e-3), 6)
    5.078733
    >>> round(sgld_quadratic_llc([1.0] * 10, 100, 1, step_size=1e-3, draws=1000), 6)
    5.027146
    """
    h, force, kappa = _gaussian(curvatures, nbeta, gamma)
    size = positive("step_size", step_size)
    skipped = natural("burn_in", burn_in)
    if skipped and draws is None:
        raise ValueError(f"burn_in is {skipped} without draws; wanted draws too, for example 1000")
    if size * kappa.max() >= 4:
        raise ValueError(
            f"step_size is {size:g} where nβ h + γ is up to {kappa.max():g}: the chain diverges; "
            f"wanted below {4 / kappa.max():g}"
        )
    moving = h > 0
    force, rate = force[moving], size * kappa[moving]
    mean = 0.5 * force / (kappa[moving] * (1 - rate / 4))
    if draws is None:
        return float(mean.sum())
    count = natural("draws", draws, least=1)
    with np.errstate(divide="ignore"):  # -inf where one step forgets everything
        decay = np.log1p(-np.minimum(rate * (1 - rate / 4), 1))  # log a², as 1 - a² is small
    start = np.exp(decay * skipped) if skipped else 1.0
    missing = start * -np.expm1(decay * count) / (count * rate * (1 - rate / 4))
    return float((mean * (1 - missing)).sum())


def step_size_bias(
    curvatures: npt.ArrayLike,
    nbeta: float,
    gamma: float = 0.0,
    *,
    step_size: float,
    draws: int | None = None,
    burn_in: int = 0,
) -> float:
    """SGLD's mean estimate on a quadratic minus the exact one, for T draws or when stationary.

    Stationary it is ``½ Σ nβ h_i / κ_i · ε κ_i / (4 - ε κ_i)``, positive: too large a step always
    reads too high; a run that starts at w* and is too short reads lower.

    Args:
        curvatures, nbeta, gamma, step_size, draws, burn_in: as for
            :func:`sgld_quadratic_llc`.

    Raises:
        ValueError: as :func:`sgld_quadratic_llc`.

    >>> round(step_size_bias([1.0] * 10, 100, step_size=1e-3), 6)
    0.128205
    """
    found = sgld_quadratic_llc(
        curvatures, nbeta, gamma, step_size=step_size, draws=draws, burn_in=burn_in
    )
    return found - localised_quadratic_llc(curvatures, nbeta, gamma)


def _gaussian(
    curvatures: npt.ArrayLike, nbeta: float, gamma: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(d,) each: the curvatures h, nβ h, and the precisions nβ h + γ."""
    h = nonnegatives("curvatures", curvatures)
    force = positive("nbeta", nbeta) * h
    return h, force, force + nonnegative("gamma", gamma)
