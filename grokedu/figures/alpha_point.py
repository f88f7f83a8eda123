"""One point of the α landscape: where it lies on the curves of its data size."""

from __future__ import annotations

import numpy as np

from grokedu.figures.style import BLACK, TEST, TRAIN, Described, log_scale, panels
from grokedu.sphere import Landscape


def alpha_point(
    found: Landscape,
    alpha: float,
    *,
    live: tuple[float, float] | None = None,
    title: str = "",
) -> Described:
    """Train and test error against α at one data size, with the chosen α marked.

    Lines are medians over seeds, bands the range; crosses are a run that was trained just now.

    Args:
        found: with one size.
        alpha: one of its α.
        live: train and test error of a run at this α.
        title: drawn above, if any.

    Raises:
        ValueError: if there are several sizes, or no such α.
    """
    at = np.flatnonzero(np.isclose(found.alphas, alpha))
    if len(found.sizes) != 1 or not len(at):
        raise ValueError(
            f"sizes {found.sizes.tolist()}, alpha={alpha}; wanted one size and one of the α "
            f"{found.alphas.tolist()}"
        )
    figure, (axes,) = panels(1, width=6.6)
    said = []
    for part, accuracy, style in (
        ("train", found.train_accuracy[0], TRAIN),
        ("test", found.test_accuracy[0], TEST),
    ):
        error = 1 - accuracy
        axes.plot(found.alphas, np.median(error, axis=1), label=f"{part} error", lw=1.8, **style)
        low, high = error.min(axis=1), error.max(axis=1)
        axes.fill_between(found.alphas, low, high, color=style["color"], alpha=0.18, lw=0)
        here = error[at[0]]
        axes.plot(alpha, np.median(here), "o", color=style["color"], ms=8)
        said.append(f"{part} error {np.median(here):.2f} ({here.min():.2f} to {here.max():.2f})")
    axes.axvline(alpha, color=BLACK, lw=0.8, ls=":")
    now = ""
    if live is not None:
        for value, style in zip(live, (TRAIN, TEST), strict=True):
            axes.plot(alpha, value, "x", color=style["color"], ms=10, mew=2)
        now = f" A run trained just now: train error {live[0]:.2f}, test error {live[1]:.2f}."
    log_scale(axes, "x", subs=(1.0, 2.0, 5.0))
    axes.set(xlabel="initial scale α, kept", ylabel="error at the end", ylim=(-0.03, 1.0))
    axes.legend(frameon=False, fontsize=8, loc="lower left")
    if title:
        figure.suptitle(title, fontsize=10)
    figure.alt = (
        f"{title + '. ' if title else ''}Train and test error against α on a log axis, with α = "
        f"{alpha:g} marked: {', '.join(said)}, over {len(found.seeds)} seeds.{now}"
    )
    return figure
