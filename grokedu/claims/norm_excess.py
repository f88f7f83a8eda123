"""Is a trained network's weight norm much larger than the least norm on its orbit?

Measured along the runs of the shared ensemble whose weights are kept, and at the end of a learner's
own runs: networks of squares that add modulo 31, trained with AdamW. Other networks may lie farther
from their least norm. Lesson 02 runs it with the learner's ``balance``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from grokedu import symmetry
from grokedu.claims.artifacts import load_ensemble
from grokedu.claims.outcome import Verdict, over_seeds
from grokedu.measures import l2_norm
from grokedu.measures.arrays import Array
from grokedu.models.parameters import Params
from grokedu.symmetry.examples import one_matrix

EARLY = 100  # steps: before that the networks are still where they were drawn


@dataclass(frozen=True)
class Found:
    """Norm over least norm: (R,) of the ensemble's runs by step, and (S,) at the end of others."""

    over: dict[int, Array]
    ends: Array


def measure(
    networks: Sequence[Params], *, balance: Callable[..., dict[str, Tensor]] = symmetry.balance
) -> Found:
    """Norm over least norm, of the kept runs of the ensemble and of these networks of squares.

    Args:
        networks: at least one, as of :func:`grokedu.symmetry.examples.one_matrix`.
        balance: that of :mod:`grokedu.symmetry`, or a learner's.
    """

    def excess(net: Params) -> float:
        return float(l2_norm(net) / l2_norm(balance(net, 2.0)))

    kept = load_ensemble().select(fraction=0.5, seed=0)
    over = {}
    for step in kept.checkpoints:
        states = [kept.checkpoint(step, run) for run in range(len(kept))]
        nets = [{name: tensor.double() for name, tensor in each.items()} for each in states]
        over[step] = np.array([excess(one_matrix(net)) for net in nets])
    return Found(over, np.array([excess(net) for net in networks]))


def most(found: Found) -> float:
    """The largest excess from step 100 on."""
    late = [values.max() for step, values in found.over.items() if step >= EARLY]
    return float(max(*late, found.ends.max()))


def judge(found: Found) -> Verdict:
    """Whether norms are more than twice the least, or somewhere a tenth above it."""
    if found.ends.min() > 2:
        return "holds"
    return "holds in a window" if most(found) > 1.1 else "fails"


def says(found: Found) -> str:
    """One sentence with the numbers."""
    return (
        f"from step {EARLY} on at most {most(found):.4f} times the least norm, in "
        f"{len(found.over[0])} runs of the ensemble and {len(found.ends)} of your own; at the "
        f"start {found.over[0].max():.3f}"
    )


def table(found: Found) -> str:
    """A line for each of five steps, and one for the end of the networks that were given."""
    lines = ["norm over least norm, ten runs: two learning rates, five weight decays"]
    for step in (0, 10, 100, 1000, 6000):
        lines.append(f"  step {step:4}  {over_seeds(found.over[step], '.4f')}")
    lines.append(f"the networks that you trained, at the end: {over_seeds(found.ends, '.4f')}")
    return "\n".join(lines)
