"""One function at many norms: norm and sharpness along the orbit of a rescaling."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from grokedu.figures.style import BLACK, BLUE, GREEN, VERMILION, Described, log_scale, panels


def orbit(
    scales: npt.ArrayLike,
    norm: npt.ArrayLike,
    sharpness: npt.ArrayLike,
    loss: npt.ArrayLike,
    *,
    unit: str = "nats",
    title: str = "",
) -> Described:
    """Norm, sharpness and loss against the scale β of every neuron's incoming weights.

    Args:
        scales: (K,) the scales β.
        norm: (K,) L2 norms of all weights.
        sharpness: (K,) largest eigenvalues of the Hessian.
        loss: (K,) the loss, which does not move.
        unit: of the loss.
        title: drawn above, if any.
    """
    beta, length, top, flat = (np.asarray(one) for one in (scales, norm, sharpness, loss))
    figure, (left, right) = panels(2, width=9.2)
    left.plot(beta, length, color=BLUE, lw=1.8, label="norm of all weights")
    least = int(length.argmin())
    left.plot(beta[least], length[least], marker="o", color=VERMILION, ls="", label="least norm")
    right.plot(beta, top, color=GREEN, lw=1.8, label="largest Hessian eigenvalue")
    right.plot(beta, flat, color=BLACK, lw=1.4, ls="--", label="loss")
    for axes in (left, right):
        axes.axvline(1.0, color=BLACK, lw=0.6, alpha=0.5)
        log_scale(axes, "x", subs=(1.0, 2.0, 5.0))
        low, high = axes.get_ylim()
        log_scale(axes, "y", subs=(1.0, 2.0, 5.0) if high < 300 * low else (1.0,))
        axes.set_xlabel("scale β of incoming weights")
        axes.legend(frameon=False, fontsize=8)
    left.set_ylabel("L2 norm")
    right.set_ylabel(f"loss ({unit}), curvature of the loss")
    if title:
        figure.suptitle(title, fontsize=10)
    figure.alt = (
        "Two panels against the scale of every neuron's incoming weights, on log axes. Left, the "
        f"norm of all weights: least at β = {beta[least]:.2g} ({length[least]:.3g}), and "
        f"{length[0]:.3g} and {length[-1]:.3g} at the ends, β = {beta[0]:.2g} and {beta[-1]:.2g}. "
        f"Right, the largest Hessian eigenvalue, from {top.min():.3g} to {top.max():.3g}, while "
        f"the loss stays between {flat.min():.4g} and {flat.max():.4g}."
    )
    return figure
