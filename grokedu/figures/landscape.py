"""The α landscape: error against the norm that training kept, at two or more data sizes."""

from __future__ import annotations

import numpy as np

from grokedu.figures.style import SERIES, Described, count, log_scale, panels
from grokedu.sphere import Landscape


def landscape(found: Landscape, *, title: str = "") -> Described:
    """Left the loss, right the error, against the initial scale α; dashed train, solid test.

    Lines are medians over seeds, bands the range.

    Args:
        found: of :func:`grokedu.sphere.alpha_landscape`.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=9.2, left=0.92)  # small losses have long numbers
    said = []
    for at, (size, style) in enumerate(zip(found.sizes, SERIES, strict=False)):
        curves = {
            ("train", left): found.train_loss[at],
            ("test", left): found.test_loss[at],
            ("train", right): 1 - found.train_accuracy[at],
            ("test", right): 1 - found.test_accuracy[at],
        }
        for (part, axes), values in curves.items():
            drawn = np.maximum(values, 1e-8) if axes is left else values
            axes.plot(
                found.alphas, np.median(drawn, axis=1), color=style["color"],
                marker=style["marker"], ms=4, lw=1.5, ls="-" if part == "test" else "--",
                label=f"{part}, n = {size:g}",
            )  # fmt: skip
            low, high = drawn.min(axis=1), drawn.max(axis=1)
            axes.fill_between(found.alphas, low, high, color=style["color"], alpha=0.15, lw=0)
        errors = np.median(1 - found.test_accuracy[at], axis=1)
        best = int(errors.argmin())
        fit = np.median(1 - found.train_accuracy[at], axis=1)
        said.append(
            f"with {size:g} examples the test error is least at α = {found.alphas[best]:.2g} "
            f"({errors[best]:.2f}), and {errors[-1]:.2f} at α = {found.alphas[-1]:.2g}, where the "
            f"train error is {fit[-1]:.2f}; at α = {found.alphas[0]:.2g} it is {fit[0]:.2f}"
        )
    for axes in (left, right):
        log_scale(axes, "x", subs=(1.0, 2.0, 5.0))
        axes.set_xlabel("initial scale α, kept")
    log_scale(left, "y")
    left.set_ylabel("loss at the end")
    right.set(ylabel="error at the end", ylim=(-0.03, 1.0))
    right.legend(frameon=False, fontsize=8)
    if title:
        figure.suptitle(title, fontsize=10)
    figure.alt = (
        "Two panels against the initial scale on a log axis, for "
        f"{count(len(found.seeds), 'seed')} at every point: loss and error at the end of training "
        f"at a fixed norm, on train and test data. {'; '.join(said).capitalize()}."
    )
    return figure
