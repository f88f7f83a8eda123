"""Of the networks that fit, do fewer generalise the larger the norm?

Two digits of MNIST, shrunk to 14 x 14, eight train images, a network of 16 hidden neurons drawn
uniformly from spheres of α times its usual norm: the same directions at every radius.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from grokedu.claims.outcome import Verdict, said
from grokedu.measures import l2_norm
from grokedu.measures.statistics import bootstrap
from grokedu.models.mlp import MLP
from grokedu.sphere import generalising_share, random_on_sphere
from grokedu.tasks import Task, mnist_task, random_stream, shrunk

MODEL, ALPHAS, ENOUGH = MLP((196, 16, 2)), (0.1, 1.0, 8.0), 0.9
Share = Callable[[Tensor, Tensor, Tensor, Tensor, float], tuple[int, float]]
Found = Mapping[tuple[bool, float], Sequence[tuple[int, float]]]


def two_digits(seed: int) -> Task:
    """Eight train and fifty test images of two digits, with the labels 0 and 1."""
    task, first = shrunk(mnist_task(1000, seed)), seed % 9
    at = [(task.targets == first + label).nonzero()[:, 0] for label in (0, 1)]
    train, test = (torch.cat([one[a:b] for one in at]) for a, b in ((0, 4), (4, 29)))
    return Task(task.inputs, task.targets - first, train, test, 2, "two digits")


def measure(
    seeds: Sequence[int], *, count: int = 6000, share: Share = generalising_share
) -> dict[tuple[bool, float], list[tuple[int, float]]]:
    """How many of ``count`` networks fit, and the share of them that generalises.

    Args:
        seeds: of digits and networks.
        count: networks a seed.
        share: one's own :func:`grokedu.sphere.generalising_share`.

    Returns:
        (with biases, α) to what ``share`` says of each seed.
    """
    start = MODEL.init(random_stream(0, "init"))
    shapes, norm = {name: tuple(t.shape) for name, t in start.items()}, float(l2_norm(start))
    found: dict[tuple[bool, float], list[tuple[int, float]]] = {}
    for biases in (True, False):
        kept = {name: shape for name, shape in shapes.items() if biases or name.startswith("W")}
        for seed in seeds:
            task = two_digits(seed)
            drawn = random_on_sphere(kept, 1.0, count, random_stream(seed, "drawn"))
            for alpha in ALPHAS:
                weights = {name: torch.zeros(count, *shape) for name, shape in shapes.items()}
                weights |= {name: alpha * norm * t for name, t in drawn.items()}
                sides = [
                    (MODEL.apply(weights, task.inputs[part]), task.targets[part])
                    for part in (task.train, task.test)
                ]
                one = share(*sides[0], *sides[1], ENOUGH)
                found.setdefault((biases, alpha), []).append((int(one[0]), float(one[1])))
    return found


def change(found: Found, biases: bool) -> dict[str, float]:
    """The share at α = 8 minus that at α = 1, paired by seed, with its interval."""
    small, large = ([share for _, share in found[biases, alpha]] for alpha in (1.0, 8.0))
    return bootstrap(np.array(large) - np.array(small), np.mean)


def judge(found: Found) -> tuple[Verdict, str]:
    """Whether the share falls from α = 1 to 8: with and without biases, in one case, in neither."""
    falls = {biases: change(found, biases)["high"] < 0 for biases in (True, False)}
    counts = {biases: "fewer" if fell else "not fewer" for biases, fell in falls.items()}
    verdict: Verdict = (
        "holds" if all(falls.values()) else "holds in a window" if any(falls.values()) else "fails"
    )
    return verdict, (
        f"from α = 1 to 8, with biases {counts[True]} of the fitting networks generalise, without "
        f"biases {counts[False]}"
    )


def lines(found: Found) -> list[str]:
    """The table: a line for each α, and the change from α = 1 to 8."""
    told = []
    for biases in (True, False):
        told.append("with biases" if biases else "without biases (homogeneous)")
        for alpha in ALPHAS:
            each = found[biases, alpha]
            share = bootstrap([one for _, one in each], np.mean)
            told.append(
                f"  α = {alpha:3g}: {sum(fit for fit, _ in each):4} fit, of them generalise "
                f"{said(share, '.2f')}"
            )
        told.append(f"  from α = 1 to 8, paired: {said(change(found, biases), '+.2f')}")
    return told
