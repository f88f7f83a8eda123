"""The loss as a function of radius and direction."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from grokedu import sphere
from grokedu.classroom.checking.exercise import Case
from grokedu.lessons.l03_sphere.about import lesson
from grokedu.measures import cross_entropy
from grokedu.models.parameters import Params
from grokedu.models.two_layer import forward


def _norm(params: Params) -> Tensor:
    return torch.stack([t.square().sum() for t in params.values()]).sum().sqrt()


polar_loss = lesson.exercise(
    points={"value": 2, "slopes": 2},
    hints=(
        "Which weights have this radius and this direction? The loss is theirs.",
        "Divide the direction by its norm first, with operations autograd can follow; multiply by "
        "the radius; then `forward` and `cross_entropy`.",
        "`norm = torch.stack([t.square().sum() for t in direction.values()]).sum().sqrt()`, "
        "`weights = {k: radius * t / norm for k, t in direction.items()}`, and "
        "`cross_entropy(forward(weights, pairs), labels)`.",
    ),
    why="radius and direction are two questions, and the loss answers them separately",
    minutes=7,
    difficulty=2,
)(sphere.polar_loss)


@polar_loss.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    p, width = (3, 4) if level == "visible" else (4, 5)
    shapes = {"A": (p, width), "B": (p, width), "W": (width, p)}
    pairs = torch.randint(p, (6, 2), generator=draw)
    labels = pairs.sum(dim=1) % p
    some = {k: torch.randn(s, generator=draw, dtype=torch.float64) for k, s in shapes.items()}
    for name, factor, radius in (("of norm 1", 1.0, 3.0), ("of norm 2", 2.0, 4.0)):
        direction = {k: factor * t / _norm(some) for k, t in some.items()}
        args = (direction, torch.tensor(radius, dtype=torch.float64), pairs, labels)
        yield Case(f"a direction {name}, radius {radius:g}", "value", args)
        yield Case(f"slopes at a direction {name}", "slopes", args, probe="gradients")


def _polar_weights(direction: Params, radius: Tensor) -> dict[str, Tensor]:
    return {k: radius * t / _norm(direction) for k, t in direction.items()}


@polar_loss.misconception(
    "the direction as it came: it may have any norm, so divide by that norm first. Without it the "
    "loss also moves when the direction merely grows."
)
def trusts_the_direction(direction: Params, radius: Tensor, pairs: Tensor, labels: Tensor) -> Any:
    return cross_entropy(forward({k: radius * t for k, t in direction.items()}, pairs), labels)


@polar_loss.misconception(
    "each tensor of the radius on its own: the radius is the norm of all weights together."
)
def normalises_each_tensor(direction: Params, radius: Tensor, pairs: Tensor, labels: Tensor) -> Any:
    weights = {k: radius * t / t.norm() for k, t in direction.items()}
    return cross_entropy(forward(weights, pairs), labels)


@polar_loss.misconception(
    "the radius times the *logits*. The network multiplies three weights, so that its logits grow "
    "with the cube of the radius."
)
def scales_the_logits_once(direction: Params, radius: Tensor, pairs: Tensor, labels: Tensor) -> Any:
    unit = {k: t / _norm(direction) for k, t in direction.items()}
    return cross_entropy(radius * forward(unit, pairs), labels)


@polar_loss.misconception(
    "the square of the radius on the logits, as if the network were only its square: the readout W "
    "is scaled as well, which makes it the cube."
)
def forgets_the_readout(direction: Params, radius: Tensor, pairs: Tensor, labels: Tensor) -> Any:
    unit = {k: t / _norm(direction) for k, t in direction.items()}
    return cross_entropy(radius**2 * forward(unit, pairs), labels)


@polar_loss.misconception(
    "a norm that autograd does not see (`.item()`, `.detach()` or `no_grad`): the value is right, "
    "but the slope in the direction keeps its part along the direction."
)
def hides_the_norm(direction: Params, radius: Tensor, pairs: Tensor, labels: Tensor) -> Any:
    norm = _norm(direction).item()
    weights = {k: radius * t / norm for k, t in direction.items()}
    return cross_entropy(forward(weights, pairs), labels)


@polar_loss.misconception(
    "a radius that autograd does not see: keep it a tensor, without `.item()` or `float()`."
)
def hides_the_radius(direction: Params, radius: Tensor, pairs: Tensor, labels: Tensor) -> Any:
    return cross_entropy(forward(_polar_weights(direction, radius.detach()), pairs), labels)
