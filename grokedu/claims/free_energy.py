"""Is λ what the free energy gains with every factor e of data, and what does the norm add?

``F_n = n L + λ log n - (m - 1) log log n + O(1)``. All free energies here are integrals, so that
the slope is the formula's error and nobody's noise; they are those of ``K = L(w) - L(w*)``, which
is F - nL. The norm enters at constant order under a Gaussian prior that is fixed, and at order n
where weight decay is held fixed in the mean loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import Tensor

from grokedu.claims.outcome import Outcome, Verdict
from grokedu.figures.style import BLACK, SERIES, Described, log_scale, panels
from grokedu.llc.exact.coefficients import LearningCoefficient, regular_llc
from grokedu.llc.exact.normal_crossing import normal_crossing_free_energy, normal_crossing_llc
from grokedu.llc.exact.quadrature import free_energy
from grokedu.measures.arrays import Array

WEIGHT_DECAY = 0.1
NORMS = (4.0, 40.0)  # squared, of two minima of the same curvature
WITHIN = 0.02  # relative, of λ
TOP = 1e12  # examples; the slopes are taken over the upper half of the decades


def run(*, quick: bool, progress: bool) -> Outcome:
    """Quick: two points a decade. Full: eight."""
    n = np.geomspace(1e2, TOP, 1 + 10 * (2 if quick else 8))
    upper = n >= 1e6
    cases = [
        row("regular, two weights", n, regular, regular_llc(2), upper),
        row(
            "w₁² w₂⁴",
            n,
            partial(normal_crossing_free_energy, powers=[1, 2]),
            normal_crossing_llc([1, 2]),
            upper,
        ),
        row(
            "w₁² w₂²",
            n,
            partial(normal_crossing_free_energy, powers=[1, 1]),
            normal_crossing_llc([1, 1]),
            upper,
        ),
    ]
    norm = norm_terms(n)
    good = [abs(case["slope"] / case["llc"] - 1) <= WITHIN for case in cases]
    fixed, decay = norm["fixed_prior"][-1], norm["order_of_weight_decay"]
    good.append(abs(fixed / norm["limit"] - 1) <= WITHIN and abs(decay - 1) <= WITHIN)
    verdict: Verdict = "holds" if all(good) else "holds in a window" if any(good) else "fails"
    return Outcome(
        verdict=verdict,
        says=(
            f"slope of F - nL + (m - 1) log log n against log n, from {n[upper][0]:.0e} to "
            f"{TOP:.0e} examples: "
            + "; ".join(
                f"{case['case']} {case['slope']:.4f} (λ = {case['llc']:g}, m = "
                f"{case['multiplicity']}; without the log log term {case['plain_slope']:.4f})"
                for case in cases
            )
            + f"; between squared norms of {NORMS[0]:g} and {NORMS[1]:g} the fixed prior adds "
            f"{norm['fixed_prior'][0]:.2f} at {n[0]:g} examples and {fixed:.2f} at "
            f"{norm['n'][-1]:g}, "
            f"weight decay of {WEIGHT_DECAY:g} in the mean loss {norm['weight_decay'][0]:.3g} and "
            f"{norm['weight_decay'][-1]:.3g}, as n to the power {decay:.3f}"
        ),
        published=(
            "Watanabe 2009 (Algebraic Geometry and Statistical Learning Theory): F = nL + λ log n "
            "- (m - 1) log log n + O(1)"
        ),
        numbers={"n": n.tolist(), "cases": cases, "norm": norm},
        seeds=[],
        draw=partial(figure, n, cases, norm),
    )


def regular(n: float) -> float:
    """F - nL of ``|w - w*|² / 2`` in two dimensions, under a Gaussian prior of unit variance."""
    return gaussian(n, NORMS[0], prior=1.0, decay=0.0)


def gaussian(n: float, squared_norm: float, prior: float, decay: float) -> float:
    """F - nL of ``|w - w*|² / 2 + decay / 2 |w|²`` in two dimensions, by quadrature.

    Args:
        n: the number of examples.
        squared_norm: |w*|².
        prior: the precision of a Gaussian prior; a flat one, of density 1, where it is 0.
        decay: inside the mean loss.

    >>> from grokedu.llc.exact.free_energy import gaussian_free_energy
    >>> found = gaussian(100, 4.0, prior=1.0, decay=0.0)
    >>> abs(found - gaussian_free_energy(100, 4.0, 2)) < 1e-6
    True
    """
    star = math.sqrt(squared_norm / 2)
    precision = n * (1 + decay) + prior
    middle, reach = n * star / precision, 9 / math.sqrt(precision)

    def energy(w: Tensor) -> Tensor:
        square = w.square().sum(dim=1)
        loss = (w - star).square().sum(dim=1) / 2 + decay / 2 * square
        return n * loss + prior / 2 * square

    integral = free_energy(energy, [(middle - reach, middle + reach)] * 2, tolerance=1e-7)
    constant = math.log(2 * math.pi / prior) if prior else 0.0
    return integral + constant


def row(
    name: str,
    n: Array,
    energy: Callable[[float], float],
    coefficient: LearningCoefficient,
    upper: Array,
) -> dict[str, Any]:
    """F - nL, and its slopes against log n with and without the log log term."""
    value, m = float(coefficient.value), coefficient.multiplicity
    excess = np.array([energy(float(one)) for one in n])
    with_log_log = excess + (m - 1) * np.log(np.log(n))
    return {
        "case": name,
        "llc": value,
        "multiplicity": m,
        "excess": excess.tolist(),
        "with_log_log": with_log_log.tolist(),
        "slope": slope(n[upper], with_log_log[upper]),
        "plain_slope": slope(n[upper], excess[upper]),
    }


def norm_terms(n: Array) -> dict[str, Any]:
    """By how much F is larger at the larger norm: fixed prior, and weight decay in the mean loss.

    Both minima have the same curvature, so that all of it is the norm's.
    """
    few = n[n <= 1e6]  # beyond, rounding of n times the decay term stops the quadrature
    prior, decay = (
        np.array(
            [
                gaussian(one, NORMS[1], prior=flat, decay=c)
                - gaussian(one, NORMS[0], prior=flat, decay=c)
                for one in few
            ]
        )
        for flat, c in ((1.0, 0.0), (0.0, WEIGHT_DECAY))
    )
    return {
        "squared_norms": [*NORMS],
        "n": few.tolist(),
        "limit": (NORMS[1] - NORMS[0]) / 2,
        "fixed_prior": prior.tolist(),
        "weight_decay": decay.tolist(),
        "strength": WEIGHT_DECAY,
        "order_of_weight_decay": slope(few, np.log(decay)),
    }


def slope(n: Array, values: Array) -> float:
    """Of values against log n, by least squares.

    >>> round(slope(np.array([1.0, 10.0, 100.0]), np.log([2.0, 20.0, 200.0])), 9)
    1.0
    """
    return float(np.polyfit(np.log(n), values, 1)[0])


def figure(
    n: npt.ArrayLike,
    cases: Sequence[Mapping[str, Any]],
    norm: Mapping[str, Any],
    *,
    title: str = "",
) -> Described:
    """Left, F - nL + (m - 1) log log n with lines of slope λ; right, what a larger norm adds.

    The lines go through the last point. Both axes on the right are logarithmic.

    Args:
        n: (T,) the numbers of examples.
        cases: with "case", "llc", "multiplicity", "slope" and "with_log_log", (T,) each, as
            :func:`row` gives.
        norm: as :func:`norm_terms` gives.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=10.4, height=4.2, gap=0.95)
    examples = np.asarray(n, dtype=float)
    logs, said = np.log(examples), []
    for case, style in zip(cases, SERIES, strict=False):
        values = np.asarray(case["with_log_log"])
        color, marker = style["color"], style["marker"]
        label = f"{case['case']}: λ = {case['llc']:g}, m = {case['multiplicity']}"
        left.plot(examples, values, ls="", marker=marker, ms=4, color=color, label=label)
        line = values[-1] + case["llc"] * (logs - logs[-1])
        left.plot(examples, line, color=color, ls=style["ls"], lw=1)
        said.append(
            f"{case['case']} {values[0]:.3g} to {values[-1]:.3g}, slope {case['slope']:.4f} beside "
            f"λ = {case['llc']:g}"
        )
    left.set(xlabel="examples n", ylabel="F − nL + (m − 1) log log n")
    rows = (
        ("fixed_prior", "fixed Gaussian prior"),
        ("weight_decay", f"weight decay {norm['strength']:g} in the mean loss"),
    )
    x = np.asarray(norm["n"])
    for (key, label), style in zip(rows, SERIES, strict=False):
        values = np.asarray(norm[key])
        right.plot(x, values, label=label, **{**style, "ms": 4})
        said.append(f"{label} {values[0]:.3g} to {values[-1]:.3g}")
    right.axhline(norm["limit"], color=BLACK, lw=0.8, ls=":", label="half the difference in |w*|²")
    low, high = norm["squared_norms"]
    right.set(xlabel="examples n", ylabel=f"F(|w*|² = {high:g}) − F(|w*|² = {low:g})")
    log_scale(left, "x", subs=(1.0,))
    for which in "xy":
        log_scale(right, which)
    for axes in (left, right):
        axes.legend(frameon=False, fontsize=8, loc="upper left")
    if title:
        figure.suptitle(title, fontsize=10)
    figure.alt = (
        f"Two panels against the number of examples, log axis, from {examples[0]:g} to "
        f"{examples[-1]:g} on the left, where the free energy less nL and its log log term grows "
        f"along straight lines of slope λ: {'; '.join(said[: len(cases)])}. Right, to {x[-1]:g}, "
        f"what the larger norm adds, also on a log axis: {'; '.join(said[len(cases) :])}."
    )
    return figure
