"""Along the radius of fixed directions: what happens to the loss, and what to the accuracy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from grokedu.figures.style import SERIES, Described, log_scale, panels
from grokedu.measures.arrays import Array


class Ray(NamedTuple):
    """One direction: (K,) loss and accuracy at each radius, and the radius it was trained at."""

    loss: Array
    accuracy: Array
    own: float


def radius(radii: Array, rays: Mapping[str, Ray], *, title: str = "") -> Described:
    """Left the loss, right the accuracy, against the radius; a line a direction.

    A ring marks the radius at which each direction was trained.

    Args:
        radii: (K,), increasing.
        rays: from what to call a direction to what was measured along it.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=9.2)
    said = []
    for (name, ray), style in zip(rays.items(), SERIES, strict=False):
        line = {"color": style["color"], "ls": style["ls"], "lw": 1.8}
        for axes, values in ((left, ray.loss), (right, ray.accuracy)):
            axes.plot(radii, values, label=name, **line)
            there = np.interp(np.log(ray.own), np.log(radii), values)
            axes.plot(ray.own, there, marker="o", mfc="white", mec=style["color"], ms=7, ls="")
        best = int(np.argmin(ray.loss))
        low, high = ray.accuracy.min(), ray.accuracy.max()
        share = f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"
        said.append(
            f"{name}: loss {ray.loss[0]:.2g} at radius {radii[0]:.3g}, least {ray.loss[best]:.2g} "
            f"at {radii[best]:.3g}, {ray.loss[-1]:.2g} at {radii[-1]:.3g}; accuracy {share}"
        )
    for axes in (left, right):
        log_scale(axes, "x", subs=(1.0, 2.0, 5.0))
        axes.set_xlabel("radius (norm of all weights), direction fixed")
    log_scale(left, "y")
    left.set_ylabel("loss (nats)")
    right.set(ylabel="accuracy", ylim=(-0.03, 1.05))
    left.legend(frameon=False, fontsize=8)
    if title:
        figure.suptitle(title, fontsize=10)
    figure.alt = (
        "Two panels against the radius on a log axis, directions fixed: loss on a log axis, and "
        f"accuracy. {'; '.join(said).capitalize()}."
    )
    return figure
