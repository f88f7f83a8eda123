"""Along the radius of fixed directions: the loss changes, and not one answer does.

A two-layer network is trained at norm 50 on addition modulo 31, and stopped once when it has just
fitted and once when it has generalised. The two directions are kept, and the radius is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from grokedu.figures.style import SERIES, Described, log_scale, panels
from grokedu.measures import accuracy, l2_norm
from grokedu.measures.arrays import Array
from grokedu.models.two_layer import TwoLayer, forward
from grokedu.sphere import SphereStep, adam_on_sphere, polar_loss, project_to_sphere
from grokedu.tasks import make_task, random_stream
from grokedu.training import train

RADIUS, EARLY = 50.0, 60  # EARLY: a step at which the network has just fitted
Project = Callable[[dict[str, Tensor], float], Mapping[str, Tensor]]
PolarLoss = Callable[[dict[str, Tensor], Tensor, Tensor, Tensor], Tensor]


class Ray(NamedTuple):
    """One direction: (K,) loss and accuracy at each radius, and the radius it was trained at."""

    loss: Array
    accuracy: Array
    own: float


def figure(radii: Array, rays: Mapping[str, Ray], *, title: str = "") -> Described:
    """Left the loss, right the accuracy, against the radius; a line a direction.

    A ring marks the radius at which each direction was trained.

    Args:
        radii: (K,), increasing.
        rays: from what to call a direction to what was measured along it.
        title: drawn above, if any.
    """
    picture, (left, right) = panels(2, width=9.2)
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
        picture.suptitle(title, fontsize=10)
    picture.alt = (
        "Two panels against the radius on a log axis, directions fixed: loss on a log axis, and "
        f"accuracy. {'; '.join(said).capitalize()}."
    )
    return picture


class Slopes(NamedTuple):
    """Of the train loss at the radius of training: in the radius, and along the sphere."""

    radial: float
    along: float


def measure(
    *,
    seed: int = 0,
    steps: int = 1500,
    sphere_step: SphereStep | None = None,
    project: Project = project_to_sphere,
    loss: PolarLoss = polar_loss,
) -> tuple[Array, dict[str, Ray], dict[str, Slopes]]:
    """Train once, and measure along both directions.

    Args:
        seed: of data and weights.
        steps: of training; the first direction is that of step 60, the second of the last.
        sphere_step, project, loss: one's own in place of the library's, see :mod:`grokedu.sphere`.

    Returns:
        The radii (K,); loss and accuracy on the test pairs along each direction; and the slopes of
        the train loss there.
    """
    task = make_task("modular_addition", 31, 0.5, seed)
    train_pairs, test_pairs = (
        (task.inputs[part], task.targets[part]) for part in (task.train, task.test)
    )
    model, kept = TwoLayer(31, 128), sorted({min(EARLY, steps), steps})
    found = train(
        model,
        task,
        seeds=[seed],
        steps=steps,
        start=dict(project(model.init(random_stream(seed, "init")), RADIUS)),
        record=[steps],
        checkpoints=kept,
        progress=False,
        **adam_on_sphere(sphere_step, betas=(0.9, 0.98)),
    )
    radii, rays, slopes = np.geomspace(5, 200, 41), {}, {}
    for step in kept:
        direction = {name: t[0] for name, t in found.checkpoints[step].items()}
        losses, right = [], []
        for radius in radii.tolist():
            losses.append(float(loss(direction, torch.tensor(radius), *test_pairs)))
            logits = forward(project(direction, radius), test_pairs[0])
            right.append(float(accuracy(logits, test_pairs[1])))
        rays[f"step {step}, test pairs"] = Ray(np.array(losses), np.array(right), RADIUS)
        slopes[f"step {step}"] = _slopes(loss, direction, *train_pairs)
    return radii, rays, slopes


def _slopes(loss: PolarLoss, direction: dict[str, Tensor], pairs: Tensor, labels: Tensor) -> Slopes:
    leaves = {name: t.clone().requires_grad_() for name, t in direction.items()}
    radius = torch.tensor(RADIUS, requires_grad=True)
    grads = torch.autograd.grad(loss(leaves, radius, pairs, labels), [radius, *leaves.values()])
    along = l2_norm(dict(zip(leaves, grads[1:], strict=True)))
    return Slopes(float(grads[0]), float(along))
