"""Does training keep the charge that gradient flow conserves?

Small ReLU networks with a bias, each neuron first moved along its orbit so that there is a charge
to keep, are trained for a fixed time (learning rate times steps) with four optimizers, once so and
once with steps several times smaller. Lesson 02 runs it with the learner's ``conserved_charge``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from grokedu import figures, symmetry
from grokedu.claims.outcome import Verdict, over_seeds
from grokedu.measures import l2_norm
from grokedu.measures.arrays import Array
from grokedu.models.parameters import Params
from grokedu.symmetry.examples import ReluNetwork, moved, sine_task, squared_error
from grokedu.tasks import random_stream
from grokedu.training import train
from grokedu.training.optimizers import SGD, Adam, AdamW, Optimizer

SHARES = np.linspace(0, 1, 21)  # of the training time
Charge = Callable[..., Tensor]


class Arm(NamedTuple):
    """An optimizer, its learning rate, how long it trains (lr times steps), its weight decay."""

    optimizer: Callable[..., Optimizer]
    lr: float
    time: float
    weight_decay: float


ARMS = {
    "SGD": Arm(SGD, 0.05, 10.0, 0.0),
    "SGD, decay": Arm(SGD, 0.05, 10.0, 0.1),
    "Adam": Arm(Adam, 0.01, 2.0, 0.0),
    "AdamW, decay": Arm(AdamW, 0.01, 2.0, 0.5),
}


@dataclass(frozen=True)
class Found:
    """What became of the charges: by arm, and by how many times smaller its steps were.

    Attributes:
        moved: (T, S) the sum of the changes' sizes over the neurons, over that of the charges.
        left: (T, S) the part of the charges that is left, along what they were.
        excess: (S,) norm over least norm at the end; under ("start", 1) before training.
        smaller: how many times smaller the smaller steps are.
    """

    moved: Mapping[tuple[str, int], Array]
    left: Mapping[tuple[str, int], Array]
    excess: Mapping[tuple[str, int], Array]
    smaller: int


def start(seed: int) -> dict[str, Tensor]:
    """The ReLU network of a seed, moved along its orbit; float64."""
    return moved(ReluNetwork().init(random_stream(seed, "init")), seed)


def one_step(
    seeds: Sequence[int],
    *,
    lr: float = 0.1,
    weight_decay: float = 0.05,
    conserved_charge: Charge = symmetry.conserved_charge,
) -> tuple[float, float]:
    """The largest charge, and the largest error of the law for one step of gradient descent.

    The law: ``Q(w') = (1 - lr weight_decay)^2 Q(w) + lr^2 Q(g)``, which is
    :func:`grokedu.symmetry.charge_under_sgd` for a single step.

    >>> charge, error = one_step([0])
    >>> bool(charge > 0.1), bool(error < 1e-12)
    (True, True)
    """
    charges, errors = [], []
    for seed in seeds:
        net, task = start(seed), sine_task(seed)
        gradient = torch.func.grad(squared_error)(net, task)
        buffer = {name: gradient[name] + weight_decay * net[name] for name in net}
        after = {name: net[name] - lr * buffer[name] for name in net}
        first = conserved_charge(net)
        law = symmetry.charge_under_sgd(
            first, [conserved_charge(buffer)], lr=lr, weight_decay=weight_decay
        )
        charges.append(float(first.abs().max()))
        errors.append(float((conserved_charge(after) - law[1]).abs().max()))
    return max(charges), max(errors)


def measure(
    seeds: Sequence[int],
    smaller: int,
    *,
    conserved_charge: Charge = symmetry.conserved_charge,
) -> Found:
    """Train every arm twice, with its steps and with steps so many times smaller.

    Args:
        seeds: of the networks and their data.
        smaller: how many times smaller the smaller steps are; as many times more are made.
        conserved_charge: that of :mod:`grokedu.symmetry`, or a learner's.
    """
    nets = [start(seed) for seed in seeds]
    stacked = {name: torch.stack([net[name] for net in nets]) for name in nets[0]}
    changed: dict[tuple[str, int], Array] = {}
    left: dict[tuple[str, int], Array] = {}
    excess = {("start", 1): _excess(stacked)}
    for name, arm in ARMS.items():
        for part in (1, smaller):
            steps = round(arm.time * part / arm.lr)
            at = np.rint(SHARES * steps).astype(int).tolist()
            runs = train(
                ReluNetwork(), sine_task, seeds=seeds, start=stacked, loss="mse", steps=steps,
                optimizer=arm.optimizer, lr=arm.lr / part, weight_decay=arm.weight_decay,
                record=[steps], checkpoints=at, dtype=torch.float64, progress=False,
            )  # fmt: skip
            now = torch.stack([_charges(runs.checkpoints[step], conserved_charge) for step in at])
            size = now[0].abs().sum(-1)
            changed[name, part] = ((now - now[0]).abs().sum(-1) / size).numpy()
            left[name, part] = ((now * now[0]).sum(-1) / now[0].square().sum(-1)).numpy()
            excess[name, part] = _excess(runs.params)
    return Found(changed, left, excess, smaller)


def _excess(params: Params) -> Array:
    """(S,) norm over least norm of networks with a run axis."""
    least = torch.vmap(lambda net: l2_norm(symmetry.balance(net)))(dict(params))
    return np.asarray((torch.vmap(l2_norm)(dict(params)) / least).numpy())


def _charges(params: Params, conserved_charge: Charge) -> Tensor:
    """(S, N) charges of networks with a run axis, one network at a time."""
    rows = range(len(params["b"]))
    return torch.stack([conserved_charge({k: v[run] for k, v in params.items()}) for run in rows])


def judge(found: Found) -> Verdict:
    """Whether charges move by less than 1 % with the smaller steps, under SGD and under Adam."""
    keeps = [
        bool(np.median(found.moved[name, found.smaller][-1]) < 0.01) for name in ("SGD", "Adam")
    ]
    return "holds" if all(keeps) else "holds in a window" if any(keeps) else "fails"


def says(found: Found) -> str:
    """One sentence with the numbers."""
    by = {key: over_seeds(values[-1], ".4f") for key, values in found.moved.items()}
    return (
        f"without decay, the charges moved by {by['SGD', 1]} of their size under SGD and by "
        f"{by['SGD', found.smaller]} with smaller steps; by {by['Adam', 1]} under Adam and by "
        f"{by['Adam', found.smaller]} with smaller steps"
    )


def table(found: Found) -> str:
    """What is left of the charges with the smaller steps, and how far from balance that is."""
    titles = ("left of the charges", "norm over least norm")
    lines = [f"{'':13} {' '.join(f'{title:>24}' for title in titles)}"]
    lines.append(f"{'start':13} {'1':>24} {over_seeds(found.excess['start', 1]):>24}")
    for name in ARMS:
        left = over_seeds(found.left[name, found.smaller][-1], ".3f")
        lines.append(f"{name:13} {left:>24} {over_seeds(found.excess[name, found.smaller]):>24}")
    return "\n".join([*lines, f"theory for the charges, SGD with decay: {np.exp(-2):.3f}"])


def draw(found: Found) -> figures.Described:
    """Left, what is left of the charges with the smaller steps; right, how far they moved."""
    label = "share of the training time ηt"
    kept = figures.Panel(
        SHARES,
        {name: found.left[name, found.smaller] for name in ARMS},
        label,
        "share of the charge that is left",
        # With decay, weight decay times time is 1 at the end.
        predicted={"theory, SGD": np.ones(21), "theory, SGD, decay": np.exp(-2 * SHARES)},
    )
    both = [(name, part) for name in ("SGD", "Adam") for part in (1, found.smaller)]
    changes = figures.Panel(
        SHARES[1:],
        {
            f"{name}, η = {ARMS[name].lr / part:g}": found.moved[name, part][1:]
            for name, part in both
        },
        label,
        "change of the charges, as a share of them",
        "y",
    )
    return figures.traces([kept, changes], title="ReLU networks, each neuron with a charge")
