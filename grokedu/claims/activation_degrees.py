"""Which activations allow a rescaling? The degree of each, and what rescaling does to the outputs.

Every neuron gets a scale of its own between 1/5 and 5; where there is no degree, the network is
rescaled as for degree 1. Lesson 02 runs it with the learner's functions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from grokedu import symmetry
from grokedu.claims.outcome import over_seeds
from grokedu.measures.arrays import Array
from grokedu.symmetry.activations import ACTIVATIONS

LABELS = {"relu": "ReLU", "square": "x²", "linear": "linear", "gelu": "GELU", "tanh": "tanh"}
Found = dict[str, tuple[float | None, Array]]


def measure(
    seeds: Sequence[int],
    *,
    symmetry_of: Callable[..., float | None] = symmetry.symmetry_of,
    rescale_neurons: Callable[..., dict[str, Tensor]] = symmetry.rescale_neurons,
) -> Found:
    """Rescale a random network of 20 neurons for each seed and activation.

    Args:
        seeds: of weights, inputs and scales.
        symmetry_of, rescale_neurons: the functions of :mod:`grokedu.symmetry`, or a learner's.

    Returns:
        Label of the activation to its degree and, (S,), the norm of the change of the outputs over
        the norm of the outputs.

    >>> degree, change = measure([0])["x²"]
    >>> degree, bool(change.max() < 1e-12)
    (2.0, True)
    """
    found = {}
    for name, label in LABELS.items():
        act = ACTIVATIONS[name]
        degree, changes = symmetry_of(act), []
        for seed in seeds:
            draw = torch.Generator().manual_seed(seed)
            normal = partial(torch.randn, generator=draw, dtype=torch.float64)
            net = {"A": normal(3, 20), "b": normal(20), "W": normal(20, 4)}
            x, betas = normal(200, 3), 5 ** (2 * torch.rand(20, generator=draw).double() - 1)
            other = rescale_neurons(net, betas, 1.0 if degree is None else degree)
            before, after = (act(x @ one["A"] + one["b"]) @ one["W"] for one in (net, other))
            changes.append(float((after - before).norm() / before.norm()))
        found[label] = degree, np.array(changes)
    return found


def table(found: Found) -> str:
    """A line an activation: its degree, and the change of the outputs over the seeds."""
    lines = [f"{'':8} {'degree':>6}   change of the outputs, as a share of their size"]
    for name, (degree, changes) in found.items():
        said = "none" if degree is None else degree
        lines.append(f"{name:8} {said:>6}   {over_seeds(changes, '.1e')}")
    return "\n".join(lines)
