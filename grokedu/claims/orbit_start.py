"""Does it matter where on its orbit a network starts?

Networks of squares that add modulo 31, from one function at five norms: the tables that lead into
the neurons are multiplied by beta and the readout divided by its square, and then all are trained
alike. Lesson 02 runs it with the learner's ``rescale_neurons``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from grokedu import figures, symmetry
from grokedu.claims.outcome import Verdict, over_seeds
from grokedu.measures.arrays import Array
from grokedu.models.two_layer import TwoLayer
from grokedu.symmetry.examples import TWO_LAYER
from grokedu.tasks import make_task, random_stream
from grokedu.training import train
from grokedu.training.runs import Runs

BETAS = (0.25, 0.5, 1.0, 2.0, 4.0)
MODEL = TwoLayer(31, 64)


def starts(
    seeds: Sequence[int],
    betas: Sequence[float] = BETAS,
    *,
    rescale_neurons: Callable[..., dict[str, Tensor]] = symmetry.rescale_neurons,
) -> dict[str, Tensor]:
    """The first weights of every run, with a leading axis: all seeds at the first beta, and so on.

    Args:
        seeds: a seed starts from the weights that :func:`grokedu.training.train` draws for it.
        betas: the scales of all neurons.
        rescale_neurons: that of :mod:`grokedu.symmetry`, or a learner's.

    >>> first = starts([0, 1], [1.0, 4.0])
    >>> first["A"].shape, (first["A"][2] / first["A"][0]).unique().tolist()
    (torch.Size([4, 31, 64]), [4.0])
    """
    rows = []
    for beta in betas:
        for seed in seeds:
            net = MODEL.init(random_stream(seed, "init"))
            one = TWO_LAYER.network(net)
            rows.append(
                TWO_LAYER.put(net, rescale_neurons(one, torch.full_like(one["b"], beta), 2.0))
            )
    return {name: torch.stack([row[name] for row in rows]) for name in rows[0]}


def measure(
    seeds: Sequence[int],
    steps: int,
    *,
    rescale_neurons: Callable[..., dict[str, Tensor]] = symmetry.rescale_neurons,
) -> Runs:
    """Train every seed from every point, with AdamW and weight decay 1; labelled "beta"."""
    return train(
        MODEL,
        partial(make_task, "modular_addition", MODEL.p, 0.5),
        seeds=[*seeds] * len(BETAS),
        labels={"beta": np.repeat(BETAS, len(seeds)).tolist()},
        start=starts(seeds, rescale_neurons=rescale_neurons),
        steps=steps,
        weight_decay=1.0,
        progress=False,
    )


def arms(runs: Runs) -> dict[float, Runs]:
    """The runs of each beta, in the order of their seeds."""
    return {beta: runs.select(beta=beta) for beta in BETAS}


def generalised(runs: Runs) -> Array:
    """(S,) the steps of generalising, infinite where it never came."""
    return np.nan_to_num(runs.grokked_at(), nan=np.inf)


def lateness(runs: Runs) -> Array:
    """When runs from elsewhere generalise, over when the run of their seed from beta = 1 does."""
    near = generalised(runs.select(beta=1.0))
    ratios = [
        generalised(one)[np.isfinite(near)] / near[np.isfinite(near)]
        for beta, one in arms(runs).items()
        if beta != 1.0
    ]
    return np.concatenate(ratios)


def judge(runs: Runs) -> Verdict:
    """Whether norms end within a tenth of each other, and median steps of generalising do."""
    ends = runs["l2_norm"][-1]
    medians = [float(np.median(generalised(one))) for one in arms(runs).values()]
    if ends.max() / ends.min() >= 1.1:
        return "fails"
    return "holds in a window" if max(medians) > 1.1 * min(medians) else "holds"


def says(runs: Runs) -> str:
    """One sentence with the numbers."""
    begin, end = runs["l2_norm"][0], runs["l2_norm"][-1]
    return (
        f"from norms of {begin.min():.0f} to {begin.max():.0f} all end between {end.min():.1f} and "
        f"{end.max():.1f}; runs from elsewhere generalise {over_seeds(lateness(runs))} times as "
        "late as their seed from β = 1"
    )


def table(runs: Runs) -> str:
    """A line a beta: the norm at both ends, when it generalises, whether the norm had fallen."""
    titles = ("norm at the start", "at the end", "generalised at step")
    lines = [
        f"{'β':>5} {' '.join(f'{title:>22}' for title in titles)}   runs whose norm fell first"
    ]
    for beta, one in arms(runs).items():
        norm, when = one["l2_norm"], generalised(one)
        came = np.flatnonzero(np.isfinite(when))
        paths = [norm[one.steps <= when[run], run] for run in came]
        fell = sum(path[-1] < 0.99 * path.max() for path in paths)
        each = [over_seeds(norm[0], ".0f"), over_seeds(norm[-1], ".1f"), over_seeds(when, ".0f")]
        lines.append(
            f"{beta:5g} {' '.join(f'{cell:>22}' for cell in each)}   {fell} of {len(came)}"
        )
    return "\n".join(lines)


def draw(runs: Runs) -> figures.Described:
    """The norm and the test accuracy against the step, a line a beta."""
    after, each = runs.steps > 0, arms(runs)

    def panel(name: str, label: str, log: str) -> figures.Panel:
        values = {f"β = {beta:g}": one[name][after] for beta, one in each.items()}
        return figures.Panel(runs.steps[after], values, "optimizer step", label, log)

    both = [panel("l2_norm", "L2 norm", "xy"), panel("test_accuracy", "test accuracy", "x")]
    return figures.traces(both, title="One function to start from, at five norms")
