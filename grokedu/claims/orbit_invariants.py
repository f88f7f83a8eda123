"""Which norms of a ReLU network does rescaling leave alone?

From each small network random points of its orbit are taken: once all neurons share one scale, once
each has its own. Lesson 02 runs it with the learner's functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from grokedu import symmetry
from grokedu.claims.outcome import over_seeds
from grokedu.measures import l2_norm
from grokedu.measures.arrays import Array
from grokedu.symmetry.examples import ReluNetwork
from grokedu.tasks import random_stream

ALIKE, EACH = "one β for all", "a β for each neuron"
Found = dict[str, dict[str, Array]]


def measure(
    seeds: Sequence[int],
    points: int,
    *,
    rescale_neurons: Callable[..., dict[str, Tensor]] = symmetry.rescale_neurons,
    path_norm: Callable[..., Tensor] = symmetry.path_norm,
    balance: Callable[..., dict[str, Tensor]] = symmetry.balance,
) -> Found:
    """The largest of each norm over its smallest, on the orbit of a network for each seed.

    Args:
        seeds: of the networks and of their scales.
        points: of each orbit, of either kind.
        rescale_neurons, path_norm, balance: those of :mod:`grokedu.symmetry`, or a learner's.

    Returns:
        Name of the norm to kind of rescaling to (S,) ratios.

    >>> found = measure([0], 5)
    >>> found["path norm"]["a β for each neuron"].round(9).tolist()
    [1.0]
    >>> bool(found["product of the layers' norms"]["a β for each neuron"].min() > 1.01)
    True
    """

    def numbers_of(net: dict[str, Tensor]) -> dict[str, float]:
        into = math.hypot(float(net["A"].norm()), float(net["b"].norm()))
        layers = [(net["A"], net["b"]), (net["W"], torch.zeros_like(net["W"][0]))]
        return {
            "L2 norm": float(l2_norm(net)),
            "product of the layers' norms": into * float(net["W"].norm()),
            "path norm": float(path_norm(layers)),
            "least norm": float(l2_norm(balance(net))),
        }

    ratios: dict[str, dict[str, list[float]]] = {}
    model = ReluNetwork()
    for kind, scales in ((ALIKE, 1), (EACH, model.width)):
        for seed in seeds:
            net, draw = model.init(random_stream(seed, "init")), random_stream(seed, "orbit")
            rows = []
            for _ in range(points):
                betas = torch.randn(scales, generator=draw, dtype=torch.float64).exp()
                rows.append(numbers_of(rescale_neurons(net, betas.expand(model.width))))
            for name in rows[0]:
                values = [row[name] for row in rows]
                ratio = max(values) / min(values)
                ratios.setdefault(name, {}).setdefault(kind, []).append(ratio)
    return {
        name: {kind: np.array(each) for kind, each in kinds.items()}
        for name, kinds in ratios.items()
    }


def table(found: Found) -> str:
    """A line a norm: its largest over its smallest, over the seeds."""
    lines = [f"{'largest over smallest':28} {ALIKE:>24} {EACH:>24}"]
    for name, kinds in found.items():
        lines.append(f"{name:28} {' '.join(f'{over_seeds(kinds[k]):>24}' for k in (ALIKE, EACH))}")
    return "\n".join(lines)
