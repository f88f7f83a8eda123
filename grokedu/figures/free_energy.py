"""The free energy against the number of examples, and what the norm adds to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from grokedu.figures.style import BLACK, SERIES, Described, log_scale, panels


def free_energy(
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
            ``grokedu.claims.free_energy.row`` gives.
        norm: as ``grokedu.claims.free_energy.norm_terms`` gives.
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
