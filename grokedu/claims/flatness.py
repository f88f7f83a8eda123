"""Does the flatness of a minimum belong to the function that the network computes?

The sharpness of trained ReLU networks, the largest eigenvalue of the Hessian of their loss, along
their orbits, on which the loss stands still. Lesson 02 runs it with the learner's functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grokedu import symmetry
from grokedu.claims.outcome import Verdict, over_seeds
from grokedu.figures.style import BLACK, BLUE, GREEN, VERMILION, Described, log_scale, panels
from grokedu.measures.arrays import Array
from grokedu.models.parameters import Params
from grokedu.symmetry.examples import ReluNetwork, sine_task, squared_error
from grokedu.tasks import Task
from grokedu.training import train
from grokedu.training.optimizers import Adam

BETAS = torch.logspace(-1, 1, 41, dtype=torch.float64)
ONE, AGAIN = 20, 30  # where β is 1, and where the formula is compared with a new Hessian


@dataclass(frozen=True)
class Found:
    """Along the orbits of S minima.

    Attributes:
        tops: (K, S) the sharpness at each of :data:`BETAS`.
        norms: (K, S) L2 norms of all weights.
        losses: (S,) mean squared errors.
        error: of the sharpness against that of a Hessian computed anew, relative, the largest.
    """

    tops: Array
    norms: Array
    losses: Array
    error: float


def measure(
    seeds: Sequence[int],
    steps: int,
    *,
    sharpness_along_orbit: Callable[..., Tensor] = symmetry.sharpness_along_orbit,
    norm_along_orbit: Callable[..., Tensor] = symmetry.norm_along_orbit,
    rescale_neurons: Callable[..., dict[str, Tensor]] = symmetry.rescale_neurons,
) -> Found:
    """Train a ReLU network for each seed with Adam, and measure along its orbit.

    Args:
        seeds, steps: of the training.
        sharpness_along_orbit, norm_along_orbit, rescale_neurons: those of
            :mod:`grokedu.symmetry`, or a learner's.
    """
    runs = train(
        ReluNetwork(), sine_task, seeds=seeds, steps=steps, lr=0.01, optimizer=Adam, loss="mse",
        record=[steps], dtype=torch.float64, progress=False,
    )  # fmt: skip
    tops, norms, losses, errors = [], [], [], []
    for run, seed in enumerate(seeds):
        net = {name: runs.params[name][run] for name in ("A", "b", "W")}
        task = sine_task(seed)
        loss, curvature = hessian(net, task)
        incoming = torch.arange(len(curvature)) < len(curvature) - net["W"].numel()
        tops.append(sharpness_along_orbit(curvature, incoming, BETAS))
        norms.append(norm_along_orbit(net, BETAS))
        losses.append(float(loss))
        _, there = hessian(rescale_neurons(net, BETAS[AGAIN].expand(len(net["b"]))), task)
        errors.append(abs(float(torch.linalg.eigvalsh(there)[-1] / tops[-1][AGAIN] - 1)))
    curves, lengths = (torch.stack(each, dim=1).numpy() for each in (tops, norms))
    return Found(curves, lengths, np.array(losses), max(errors))


def hessian(net: Params, task: Task) -> tuple[Tensor, Tensor]:
    """The loss and its Hessian, (d, d): the weights of A, then b, then W.

    Args:
        net: one ReLU network.
        task: whose train examples it is judged on.
    """
    sizes = [net[name].numel() for name in ("A", "b", "W")]

    def loss(flat: Tensor) -> Tensor:
        parts = zip(("A", "b", "W"), flat.split(sizes), strict=True)
        named = {name: part.view(net[name].shape) for name, part in parts}
        return squared_error(named, task)

    flat = torch.cat([net[name].flatten() for name in ("A", "b", "W")])
    return loss(flat), torch.func.hessian(loss)(flat)


def ratio(found: Found) -> Array:
    """(S,) the largest sharpness of each network over its least, between the betas."""
    return np.asarray(found.tops.max(axis=0) / found.tops.min(axis=0))


def judge(found: Found) -> Verdict:
    """By the largest sharpness over the least: within a tenth, within tenfold, or more."""
    most = ratio(found).max()
    return "holds" if most < 1.1 else "holds in a window" if most < 10 else "fails"


def says(found: Found) -> str:
    """One sentence with the numbers."""
    return (
        f"between β = {BETAS[0]:g} and {BETAS[-1]:g} the sharpness of one function changes by a "
        f"factor of {over_seeds(ratio(found), '.0f')}, and without bound beyond"
    )


def table(found: Found) -> str:
    """Loss and sharpness as trained, and where on the orbit sharpness and norm are least."""
    betas = BETAS.numpy()
    least = {
        name: over_seeds(betas[rows.argmin(axis=0)])
        for name, rows in (("sharpness", found.tops), ("norm", found.norms))
    }
    return "\n".join(
        [
            f"your formula against a new Hessian at β = {betas[AGAIN]:.2f}: "
            f"off by {found.error:.0e}",
            f"loss {over_seeds(found.losses, '.4f')}, sharpness at β = 1 "
            f"{over_seeds(found.tops[ONE], '.1f')}",
            *(f"the {name} is least at β = {where}" for name, where in least.items()),
        ]
    )


def draw(found: Found, run: int = 0) -> Described:
    """Norm, sharpness and loss of one network against the scale β of its incoming weights.

    Args:
        found: the measurements.
        run: which network.
    """
    beta, length, top = BETAS.numpy(), found.norms[:, run], found.tops[:, run]
    flat = np.full_like(beta, found.losses[run])
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
    right.set_ylabel("loss (MSE), curvature of the loss")
    figure.suptitle("One of the networks", fontsize=10)
    figure.alt = (
        "Two panels against the scale of every neuron's incoming weights, on log axes. Left, the "
        f"norm of all weights: least at β = {beta[least]:.2g} ({length[least]:.3g}), and "
        f"{length[0]:.3g} and {length[-1]:.3g} at the ends, β = {beta[0]:.2g} and {beta[-1]:.2g}. "
        f"Right, the largest Hessian eigenvalue, from {top.min():.3g} to {top.max():.3g}, while "
        f"the loss stays at {flat[0]:.4g}."
    )
    return figure
