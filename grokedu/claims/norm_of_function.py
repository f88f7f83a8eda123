"""Do networks that compute the same function have about the same weight norm?

Grokked networks of squares are moved along their orbits: the norm follows its closed form, and the
outputs stand still. Lesson 02 runs it with the learner's functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grokedu import figures, symmetry
from grokedu.claims.outcome import Verdict, over_seeds
from grokedu.measures.arrays import Array
from grokedu.models.parameters import Params
from grokedu.symmetry import examples

BETAS = torch.logspace(-1.2, 2, 300, dtype=torch.float64)
EVERY = 20  # the networks are written down at every so many of the betas


@dataclass(frozen=True)
class Found:
    """What came out.

    Attributes:
        norms: (K, S) at each of :data:`BETAS`.
        apart: the largest change of an output, as a share of the largest output.
        kept: the share of points of the orbits at which no prediction changed.
    """

    norms: Array
    apart: float
    kept: float

    @property
    def reach(self) -> Array:
        """(S,) the largest norm over the least one."""
        return np.asarray(self.norms.max(axis=0) / self.norms.min(axis=0))


def measure(
    networks: Sequence[Params],
    pairs: Tensor,
    *,
    norm_along_orbit: Callable[..., Tensor] = symmetry.norm_along_orbit,
    rescale_neurons: Callable[..., dict[str, Tensor]] = symmetry.rescale_neurons,
) -> Found:
    """Norms along the orbits of networks of squares, and their outputs at points of them.

    Args:
        networks: S float64 networks as of :func:`grokedu.symmetry.examples.one_matrix`.
        pairs: int64 (n, 2), the inputs that they are compared at.
        norm_along_orbit, rescale_neurons: those of :mod:`grokedu.symmetry`, or a learner's.
    """
    norms = [norm_along_orbit(net, BETAS, degree=2.0) for net in networks]
    apart, kept = [], []
    for net in networks:
        before = examples.logits(net, pairs)
        for beta in BETAS[::EVERY]:
            other = rescale_neurons(net, beta.expand(len(net["b"])), degree=2.0)
            after = examples.logits(other, pairs)
            apart.append(float((after - before).abs().max() / before.abs().max()))
            kept.append(bool((after.argmax(-1) == before.argmax(-1)).all()))
    return Found(torch.stack(norms, dim=1).numpy(), max(apart), float(np.mean(kept)))


def judge(found: Found) -> Verdict:
    """By the largest norm on an orbit over the least: below 2, below 10, or more."""
    most = found.reach.max()
    return "holds" if most < 2 else "holds in a window" if most < 10 else "fails"


def says(found: Found) -> str:
    """One sentence with the numbers."""
    return (
        f"norms up to {over_seeds(found.reach, '.0f')} times the least one, with outputs the same "
        f"to {found.apart:.0e} of their size, and all predictions equal in {found.kept:.0%}"
    )


def draw(found: Found) -> figures.Described:
    """The norm against the scale, both logarithmic."""
    label = ("scale β of every neuron", "L2 norm of all weights", "xy")
    curve = figures.Panel(BETAS.numpy(), {"grokked networks": found.norms}, *label)
    return figures.traces([curve], title="One function each, at all these norms")
