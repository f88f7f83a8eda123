"""Estimates of the learning coefficient against what they should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from grokedu.figures.style import BLACK, SERIES, Described, panels


def figure(
    cases: Sequence[Mapping[str, Any]], starts: Mapping[str, Any], *, title: str = ""
) -> Described:
    """Left, the relative error of each seed by case; right, one network from two starts.

    Bars reach one standard error; a grey band is the aim for the case; an open marker has a
    warning.

    Args:
        cases: with "case", "aim", "errors", "standard_errors" and "warnings", as
            :func:`grokedu.claims.llc_exact.experiment.judged` gives.
        starts: as :func:`grokedu.claims.llc_exact.experiment.starts` gives.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=11.0, height=4.4, left=2.1, gap=1.0)
    at = np.arange(len(cases))[::-1]
    for y, case in zip(at, cases, strict=True):
        aim = 100 * case["aim"]
        left.fill_betweenx([y - 0.4, y + 0.4], -aim, aim, color=BLACK, alpha=0.08, lw=0)
        for seed, error in enumerate(case["errors"]):
            left.errorbar(
                100 * error,
                y + 0.3 - 0.6 * (seed + 0.5) / len(case["errors"]),
                xerr=100 * case["standard_errors"][seed],
                color=SERIES[0]["color"],
                mfc="none" if case["warnings"][seed] else SERIES[0]["color"],
                marker="o",
                ms=4,
                lw=1,
            )
    left.axvline(0, color=BLACK, lw=0.8)
    left.set(yticks=at, yticklabels=[case["case"] for case in cases])
    left.set_xlabel("estimate against target (%)")
    for style, start in zip(SERIES, ("from w*", "heated"), strict=False):
        arms = [arm for arm in starts["arms"] if arm["start"] == start]
        x = [arm["gradients"] for arm in arms]
        y = [100 * arm["mean"] for arm in arms]
        bars = [100 * arm["error"] for arm in arms]
        right.errorbar(x, y, yerr=bars, label=f"chains {start}", capsize=3, **style)
    right.axhline(0, color=BLACK, lw=0.8)
    correction = 100 * starts["leading_correction"]
    right.axhline(correction, color=BLACK, lw=0.8, ls=":", label="leading correction at this n")
    ticks = sorted({arm["gradients"] for arm in starts["arms"]})
    right.set_xscale("log")
    right.set_xticks(ticks, [str(tick) for tick in ticks])
    right.minorticks_off()
    right.set(xlabel="gradients a chain", ylabel="estimate against λ (%)")
    right.set_title(starts["case"], fontsize=9)
    right.margins(x=0.2, y=0.15)
    right.legend(frameon=False, fontsize=8, loc="best")
    if title:
        left.set_title(title, fontsize=9)
    rows = "; ".join(
        f"{case['case']} {', '.join(f'{100 * error:+.1f}' for error in case['errors'])}"
        for case in cases
    )
    arms_said = "; ".join(
        f"{arm['start']}, {arm['gradients']} gradients {100 * arm['mean']:+.1f} ± "
        f"{100 * arm['error']:.1f}"
        for arm in starts["arms"]
    )
    warned = sum(bool(names) for case in cases for names in case["warnings"])
    figure.alt = (
        f"Two panels. Left, relative errors in per cent of estimates over seeds, {warned} of them "
        f"open as they carry a warning: {rows}. Right, {starts['case']} against λ, in per cent: "
        f"{arms_said}; a dotted line at the leading correction, {correction:+.1f}."
    )
    return figure
