"""How many of the networks that fit the train data generalise, with no optimizer involved.

Two ways to uniform fitting points on a sphere: guess and check, for tasks so small that random
points fit, and a random walk that never leaves the fitting region, from a point that was trained.
A random point of a larger task never fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from grokedu import measures
from grokedu.sphere.constraint import Params, polar, project_to_sphere, tangent
from grokedu.sphere.descent import Split

Apply = Callable[[dict[str, Tensor], Tensor], Tensor]


@dataclass(frozen=True)
class Density:
    """How many fitting points generalise.

    Attributes:
        attempts: points tried.
        fitting: those that classify every train example rightly.
        generalising: those of them with a test accuracy of the threshold.
        share: generalising over fitting, nan where none fits.
        low, high: its 95 % interval (Wilson 1927), for independent points.
        test_accuracies: (fitting,) of each fitting point.
    """

    attempts: int
    fitting: int
    generalising: int
    share: float
    low: float
    high: float
    test_accuracies: Tensor


def random_on_sphere(
    shapes: Mapping[str, tuple[int, ...]],
    radius: float,
    count: int,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """Weights drawn uniformly from the sphere of this radius, all tensors together.

    Returns:
        Tensors of shape (count, *shape), on the generator's device: normal numbers, divided by
        their norm.

    >>> points = random_on_sphere({"A": (2, 3), "b": (3,)}, 5.0, 4, torch.Generator())
    >>> points["A"].shape, round(measures.l2_norm(points, run_axis=True)[3].item(), 4)
    (torch.Size([4, 2, 3]), 5.0)
    """
    drawn = {
        name: torch.randn(count, *shape, generator=generator, dtype=dtype, device=generator.device)
        for name, shape in shapes.items()
    }
    return project_to_sphere(drawn, radius, run_axis=True)


def guess_and_check(
    apply: Apply,
    draw: Callable[[int], dict[str, Tensor]],
    split: Split,
    *,
    attempts: int,
    chunk: int = 10_000,
    threshold: float = 1.0,
) -> Density:
    """Draw points, keep those that fit the train data, and see how many of them generalise.

    Args:
        apply: from weights with a leading axis of points, and inputs, to logits (S, n, classes).
        draw: from a number of points to their weights, for example by :func:`random_on_sphere`.
        split: the data; about ten binary train examples are the most that random points fit.
        attempts: points to draw, ``chunk`` at a time.
        threshold: the test accuracy that counts as generalising.

    Raises:
        ValueError: if attempts or chunk is below 1.

    Source: Chiang et al. 2023, "Loss landscapes are all you need" (ICLR 2023).

    >>> def apply(params, inputs):  # two classes, told apart by the sign of <w, x>
    ...     return torch.stack([(z := params["w"] @ inputs.T), -z], dim=-1)
    >>> point, label = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    >>> stream = torch.Generator().manual_seed(0)
    >>> draw = lambda count: random_on_sphere({"w": (2,)}, 1.0, count, stream)
    >>> found = guess_and_check(apply, draw, Split(point, label, -point, label), attempts=100)
    >>> found.share  # who has the point right has its opposite wrong
    0.0
    """
    if attempts < 1 or chunk < 1:
        raise ValueError(f"attempts={attempts}, chunk={chunk}; wanted at least 1 of each")
    kept = []
    with torch.no_grad():
        for start in range(0, attempts, chunk):
            points = draw(min(chunk, attempts - start))
            fits = _accuracy(apply, points, split.train_inputs, split.train_labels) == 1
            some = {name: t[fits] for name, t in points.items()}
            if bool(fits.any()):
                kept.append(_accuracy(apply, some, split.test_inputs, split.test_labels))
    found = torch.cat(kept) if kept else torch.zeros(0)
    return _density(attempts, found, threshold)


def walk_among_fitting(
    apply: Apply,
    params: Params,
    split: Split,
    *,
    steps: int,
    angle: float,
    generator: torch.Generator,
    threshold: float = 1.0,
    every: int = 1,
) -> tuple[Density, dict[str, Tensor], float]:
    """A random walk on the sphere that stays where the train data are fitted.

    Each step turns all weights by ``angle`` in a random direction, and is taken back where a train
    example would be lost. Turning is symmetric, so that the walk is uniform over the part of the
    fitting region that it can reach (Metropolis). It is a plain random walk, without gradients:
    after t accepted turns the mean cosine with the start is ``cos(angle)**t``, so that much fewer
    than ``2 / angle**2`` of them tell of the start's neighbourhood and not of the region; the share
    accepted falls with the angle, the faster the more weights there are; and what no path of such
    turns leads to is never seen. Points are not independent: the interval of the density is too
    narrow. Compare walks that started apart, and say how many turns were accepted.

    Args:
        apply: as for :func:`guess_and_check`.
        params: S starting points that fit, with a leading axis; each keeps its norm.
        steps, angle: how many turns, by how much, in radians.
        generator: of the weights' device, the source of the turns.
        every: count a point every so many steps.

    Returns:
        The density over all counted points, the last points, and the share of turns accepted.

    Raises:
        ValueError: if a start does not fit, or the angle is not between 0 and pi/2.

    Source: Metropolis et al. 1953 (doi 10.1063/1.1699114).

    >>> def apply(params, inputs):  # two classes, told apart by the sign of <w, x>
    ...     return torch.stack([(z := params["w"] @ inputs.T), -z], dim=-1)
    >>> point, label = torch.tensor([[1.0, 0.0]]), torch.tensor([0])
    >>> found, points, accepted = walk_among_fitting(
    ...     apply, {"w": torch.tensor([[3.0, 4.0]])}, Split(point, label, -point, label),
    ...     steps=10, angle=0.1, generator=torch.Generator().manual_seed(0))
    >>> found.share, round(points["w"].norm().item(), 4)
    (0.0, 5.0)
    """
    if not 0 < angle <= math.pi / 2 or steps < 1 or every < 1:
        raise ValueError(
            f"steps={steps}, angle={angle}, every={every}; wanted at least one step and an angle "
            "above 0 and at most pi/2, for example 0.01"
        )
    points = {name: t.detach().clone() for name, t in params.items()}
    with torch.no_grad():
        fits = _accuracy(apply, points, split.train_inputs, split.train_labels) == 1
        if not bool(fits.all()):
            raise ValueError(
                f"{int((~fits).sum())} of {len(fits)} starting points do not fit the train data; "
                "wanted points that do, for example trained ones"
            )
        radius, accepted, seen = polar(points, run_axis=True)[0], 0, []
        for step in range(1, steps + 1):
            noise = {
                name: torch.randn(t.shape, generator=generator, dtype=t.dtype, device=t.device)
                for name, t in points.items()
            }
            along = project_to_sphere(tangent(points, noise, run_axis=True), radius, run_axis=True)
            tried = {
                name: math.cos(angle) * t + math.sin(angle) * along[name]
                for name, t in points.items()
            }
            tried = project_to_sphere(tried, radius, run_axis=True)  # against rounding
            fits = _accuracy(apply, tried, split.train_inputs, split.train_labels) == 1
            accepted += int(fits.sum())
            points = {
                name: torch.where(fits.reshape(-1, *[1] * (t.ndim - 1)), tried[name], t)
                for name, t in points.items()
            }
            if step % every == 0:
                seen.append(_accuracy(apply, points, split.test_inputs, split.test_labels))
    found = torch.cat(seen) if seen else torch.zeros(0)
    return _density(len(found), found, threshold), points, accepted / (steps * len(fits))


def _accuracy(apply: Apply, points: dict[str, Tensor], inputs: Tensor, labels: Tensor) -> Tensor:
    return measures.accuracy(apply(points, inputs), labels)


def _density(attempts: int, accuracies: Tensor, threshold: float) -> Density:
    fitting, z = len(accuracies), 1.959964  # the normal distribution's 97.5 % point
    generalising = int((accuracies >= threshold).sum())
    if not fitting:
        return Density(attempts, 0, 0, math.nan, math.nan, math.nan, accuracies)
    share = generalising / fitting
    middle = share + z**2 / (2 * fitting)
    spread = z * math.sqrt(share * (1 - share) / fitting + z**2 / (4 * fitting**2))
    low, high = ((middle + sign * spread) / (1 + z**2 / fitting) for sign in (-1, 1))
    return Density(attempts, fitting, generalising, share, low, high, accuracies)
