"""When runs fit and generalise against the scale that their embeddings start at."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from grokedu.figures.style import BLACK, SERIES, Described, log_scale, panels


def embedding_scale(
    factors: npt.ArrayLike,
    grokked: Mapping[str, npt.ArrayLike],
    moved: Mapping[str, npt.ArrayLike],
    *,
    last: float,
    title: str = "",
) -> Described:
    """Left, the step of generalising; right, how far each tensor moved early against its size.

    Args:
        factors: (K,) of the embeddings' initial scale.
        grokked: for each way of scaling (S, K) steps, nan where it never came (open triangles).
        moved: for each tensor (S, K), of the first way of scaling.
        last: the last step.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=9.2)
    at = np.asarray(factors)
    said = []
    for index, ((name, values), style) in enumerate(zip(grokked.items(), SERIES, strict=False)):
        table = np.asarray(values)
        x = at * 1.05 ** (index - (len(grokked) - 1) / 2)  # so that they do not cover each other
        ways = np.median(np.nan_to_num(table, nan=np.inf), axis=0)
        known = np.isfinite(ways)
        left.plot(x[known], ways[known], **style, ms=5, lw=1.4, label=name)
        rows = np.broadcast_to(x, table.shape)
        left.scatter(rows, table, color=style["color"], s=10, alpha=0.5, lw=0)
        censored = np.isnan(table)
        left.scatter(
            rows[censored],
            np.full(censored.sum(), last),
            marker="^",
            facecolors="none",
            edgecolors=style["color"],
            s=26,
        )
        pairs = ", ".join(
            f"{way:.0f} at {f:g}" if np.isfinite(way) else f"unknown at {f:g}"
            for way, f in zip(ways, at, strict=True)
        )
        said.append(f"{name}: {pairs}")
    left.axhline(last, color=BLACK, lw=0.6, alpha=0.5)
    for (name, values), style in zip(moved.items(), SERIES, strict=False):
        middle = np.median(np.asarray(values), axis=0)
        right.plot(at, middle, **style, ms=5, lw=1.4, label=name)
        said.append(
            f"{name} moved "
            + ", ".join(f"{m:.2f} at {f:g}" for m, f in zip(middle, at, strict=True))
        )
    for axes in (left, right):
        log_scale(axes, "x")
        log_scale(axes, "y", subs=(1.0, 2.0, 5.0))
        axes.set(xlabel="initial scale of the embeddings, times", xticks=at)
        axes.legend(frameon=False, fontsize=8)
    left.set_ylabel("step of generalising")
    right.set_ylabel("movement over initial norm")
    if title:
        figure.suptitle(title)
    figure.alt = (
        "Two panels against the factor of the embeddings' initial scale, log axes. Left, the step "
        f"of generalising, medians; open triangles never did within {last:g} steps. Right, the "
        f"movement of each tensor against its initial norm. {'; '.join(said)}."
    )
    return figure
