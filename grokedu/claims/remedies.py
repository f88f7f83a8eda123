"""MNIST at the norm of α = 8, with remedies for Adam's small steps there, beside α = 1.

The arms of the claim in :mod:`grokedu.claims.effective_learning_rate`: how they are trained, what
is measured, and the figure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from grokedu.figures.style import BLUE, GREEN, VERMILION, Described, log_scale, panels
from grokedu.measures.arrays import Array
from grokedu.models.mlp import MLP
from grokedu.sphere import (
    SphereStep,
    SphereSteps,
    adam_on_sphere,
    angular_step,
    sphere_step,
    tangent,
)
from grokedu.tasks import Task, mnist_task, shrunk
from grokedu.training import train
from grokedu.training.threads import in_threads

Measures = Mapping[str, Mapping[str, Array]]

ALPHA, BATCH, RATE = 8.0, 100, 1e-3


@dataclass(frozen=True)
class Arm:
    """A remedy: factors of rate and steps, decay to zero, projected gradient, SGD at a rate."""

    alpha: float = ALPHA
    rate: float = 1.0
    longer: int = 1
    decay: bool = False
    gradient: bool = False
    sgd: float | None = None  # with momentum 0.9, in place of Adam


ARMS: dict[str, Arm] = {
    "α = 1": Arm(alpha=1.0),
    "α = 8": Arm(),
    "gradient projected": Arm(gradient=True),
    "rate × 8": Arm(rate=8),
    "rate × 8, to zero": Arm(rate=8, decay=True),
    "5 × steps": Arm(longer=5),
    "rate × 8, to zero, 5 × steps": Arm(rate=8, decay=True, longer=5),
}
CROSSED: dict[str, Arm] = {
    "α = 1": Arm(alpha=1.0),
    "α = 8": Arm(),
    "gradient projected": Arm(gradient=True),
    "rate × 8": Arm(rate=8),
    "rate × 8, projected": Arm(rate=8, gradient=True),
    "4 × steps": Arm(longer=4),
    "rate × 8, 4 × steps": Arm(rate=8, longer=4),
    "all three": Arm(rate=8, gradient=True, longer=4),
    "SGD with momentum, 4 × steps": Arm(sgd=1e-3, longer=4),
}


@dataclass(frozen=True)
class Own:
    """One's own functions in place of the library's, see :mod:`grokedu.sphere`."""

    sphere_step: SphereStep | None = None
    tangent: Callable[[dict[str, Tensor], dict[str, Tensor]], Mapping[str, Tensor]] = tangent
    angular_step: Callable[[dict[str, Tensor], dict[str, Tensor]], Tensor | float] = angular_step


@dataclass(frozen=True)
class Images:
    """The network, and how many images it is trained on, of 28 x 28 or shrunk to 14 x 14."""

    model: MLP
    size: int
    small: bool

    def task(self, seed: int) -> Task:
        """The images of a seed."""
        task = mnist_task(self.size, seed)
        return shrunk(task) if self.small else task


FULL, SHRUNK = (
    Images(MLP((784, 200, 200, 10)), 1000, False),
    Images(MLP((196, 100, 100, 10)), 500, True),
)


def measure(
    arms: Mapping[str, Arm],
    seeds: Sequence[int],
    *,
    steps: int,
    images: Images = FULL,
    own: Own | None = None,
    progress: bool = False,
) -> Measures:
    """Train every arm over the seeds: what to call it, the name of a measure, (S,) at the end.

    Args:
        arms: the remedies, "α = 1" and "α = 8" among them.
        seeds: of images, weights and batches; every arm has the same.
        steps: of an arm whose ``longer`` is 1.
        images: network and data.
        own: one's own functions; by default the library's, for all runs at once.
        progress: whether to show a bar.

    Returns:
        "train_loss", "train_error", "test_error" and "angular_step", the angle in radians of the
        step half-way, where a rate that goes to zero is half of itself.
    """
    runs = [(arm, seed) for arm in arms.values() for seed in seeds]
    rows = in_threads(lambda run: train_arm(*run, steps, images, own or Own()), runs)
    done = [*tqdm(rows, total=len(runs), disable=not progress, unit="run")]
    each = [done[at : at + len(seeds)] for at in range(0, len(done), len(seeds))]
    return {
        name: {part: np.array([row[part] for row in group]) for part in group[0]}
        for name, group in zip(arms, each, strict=True)
    }


def train_arm(arm: Arm, seed: int, steps: int, images: Images, own: Own) -> dict[str, float]:
    """Train one run of an arm; its measures at the end."""
    last = steps * arm.longer
    half = max(1, last // 2)
    kind = adam_on_sphere(own.sphere_step, gradient=own.tangent if arm.gradient else None)
    if arm.sgd is not None:
        descent = partial(torch.optim.SGD, momentum=0.9)
        move = own.sphere_step or sphere_step
        kind["optimizer"] = partial(SphereSteps, descent, move=move)
    found = train(
        images.model,
        images.task(seed),
        seeds=[seed],
        steps=last,
        lr=(arm.sgd or RATE) * arm.rate,
        alpha=arm.alpha,
        loss="mse",
        batch_size=BATCH,
        schedule=_to_zero if arm.decay else None,
        record=[last],
        checkpoints=[half - 1, half],
        progress=False,
        **kind,
    )
    before, after = (
        {name: t[0] for name, t in found.checkpoints[step].items()} for step in (half - 1, half)
    )
    return {
        "train_loss": found["train_loss"][-1, 0],
        "train_error": 1 - found["train_accuracy"][-1, 0],
        "test_error": 1 - found["test_accuracy"][-1, 0],
        "angular_step": float(own.angular_step(before, after)),
    }


def _to_zero(done: float) -> float:
    return 1 - done


def figure(found: Measures, *, title: str = "") -> Described:
    """A row an arm: left the train loss, right the train and test error, a marker a run.

    Args:
        found: from what to call an arm to its measures at the end, (S,) each: train_loss,
            train_error and test_error.
        title: drawn above, if any.
    """
    picture, (left, right) = panels(2, width=9.6, height=1.5 + 0.42 * len(found), left=2.2, gap=0.4)
    said = []
    for at, (name, measures) in enumerate(found.items()):
        for axes, measure, style in (
            (left, "train_loss", {"color": GREEN, "marker": "^"}),
            (right, "train_error", {"color": BLUE, "marker": "s", "mfc": "none"}),
            (right, "test_error", {"color": VERMILION, "marker": "o"}),
        ):
            values = measures[measure]
            label = measure.replace("_", " ") if at == 0 else None
            axes.plot(values, np.full(len(values), -at), ls="", ms=5, label=label, **style)
        middle = {measure: np.median(values) for measure, values in measures.items()}
        said.append(
            f"{name}: train loss {middle['train_loss']:.2g}, train error "
            f"{middle['train_error']:.2f}, test error {middle['test_error']:.2f}"
        )
    log_scale(left, "x")
    left.set(xlabel="train loss at the end")
    right.set(xlabel="error at the end", xlim=(-0.03, 1.0))
    left.set_yticks(-np.arange(len(found)), [*found], fontsize=8)
    right.set_yticks(-np.arange(len(found)), [""] * len(found))
    right.legend(frameon=False, fontsize=8)
    if title:
        picture.suptitle(title, fontsize=10)
    picture.alt = (
        "Train loss, on a log axis, and train and test error at the end of training, a row for "
        f"each arm and a marker for each run; medians: {'; '.join(said)}."
    )
    return picture
