"""Keeping the norm: the projection of weights to a sphere, of gradients to its tangent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from grokedu import sphere
from grokedu.classroom.checking.exercise import Case, refused
from grokedu.lessons.l03_sphere.about import lesson
from grokedu.models.parameters import Params


def _norm(tensors: Any) -> Tensor:
    return torch.stack([t.square().sum() for t in tensors]).sum().sqrt()


project_to_sphere = lesson.exercise(
    points={"one factor": 2, "no direction, no radius": 1},
    hints=(
        "One number multiplies every weight. Which number takes the norm to the radius?",
        "The norm of all weights together is the root of the sum of *all* squares, over all "
        "tensors; the factor is the radius divided by it.",
        "`norm = torch.stack([t.square().sum() for t in params.values()]).sum().sqrt()`, then "
        "`{name: t * (radius / norm) for name, t in params.items()}`. Raise the ValueError first.",
    ),
    why="this one line turns any training into training at a fixed norm",
    minutes=5,
    difficulty=1,
)(sphere.project_to_sphere)


def _weights(draw: torch.Generator, level: str, scale: float = 1.0) -> dict[str, Tensor]:
    rows = 3 if level == "visible" else 4
    shapes: dict[str, tuple[int, ...]] = {"A": (rows, 2), "b": (2,), "W": (2, rows)}
    return {
        name: scale * torch.randn(shape, generator=draw, dtype=torch.float64)
        for name, shape in shapes.items()
    }


@project_to_sphere.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    small = {"A": torch.tensor([3.0]), "W": torch.tensor([4.0])}
    refusals = "no direction, no radius"
    yield Case("three and four", "one factor", (small, 10.0))
    yield Case("weights too large", "one factor", (_weights(draw, level, 20.0), 3.5))
    yield Case("weights too small", "one factor", (_weights(draw, level, 0.1), 3.5 + seed % 7))
    zero = {"A": torch.zeros(2, 2), "W": torch.zeros(3 if level == "visible" else 5)}
    yield refused("all weights zero", refusals, zero, 1.0)
    yield refused("a radius of 0", refusals, small, 0.0)
    yield refused("a radius of -1", refusals, small, -1.0)
    # Refusals alone would be earned by an answer that refuses everything.
    yield Case("a radius above 0 after all", refusals, (small, 0.5))


def _checked(params: Params, radius: float) -> Tensor:
    norm = _norm(params.values())
    if radius <= 0 or norm == 0:
        raise ValueError("no direction")
    return norm


@project_to_sphere.misconception(
    "a factor for each tensor of its own. That fixes the norm of every layer, and with it how they "
    "are balanced; here only the norm of all weights together is held."
)
def one_factor_a_tensor(params: Params, radius: float) -> Any:
    _checked(params, radius)
    return {name: t * (radius / t.norm()) for name, t in params.items()}


@project_to_sphere.misconception(
    "the norms of the tensors added up. Squares add up, norms do not: sum the squares, then take "
    "the root."
)
def adds_norms(params: Params, radius: float) -> Any:
    _checked(params, radius)
    norm = torch.stack([t.norm() for t in params.values()]).sum()
    return {name: t * (radius / norm) for name, t in params.items()}


@project_to_sphere.misconception("division by the squared norm: the root is missing.")
def forgets_the_root(params: Params, radius: float) -> Any:
    norm = _checked(params, radius).square()
    return {name: t * (radius / norm) for name, t in params.items()}


@project_to_sphere.misconception(
    "clipping: weights inside the sphere stayed there. On a sphere they are drawn out to it, too."
)
def only_shrinks(params: Params, radius: float) -> Any:
    factor = (radius / _checked(params, radius)).clamp(max=1.0)
    return {name: t * factor for name, t in params.items()}


@project_to_sphere.misconception("weights of norm 1: multiply by the radius as well.")
def ignores_the_radius(params: Params, radius: float) -> Any:
    norm = _checked(params, radius)
    return {name: t / norm for name, t in params.items()}


tangent = lesson.exercise(
    points={"weights of norm 1": 1, "weights of any norm": 2},
    hints=(
        "Which multiple of the weights has to be taken away, so that nothing is left along them?",
        "With `<w, g>` the sum of all products over all tensors, take `<w, g> / <w, w>` times w "
        "away: then the rest is at right angles to w.",
        "`along = sum((params[k] * grads[k]).sum() for k in params)`, `square` alike from the "
        "weights, and `{k: grads[k] - along / square * params[k] for k in params}`.",
    ),
    why="the part along the weights is undone by the projection, and may still leave traces",
    minutes=6,
    difficulty=2,
)(sphere.tangent)


@tangent.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    flat = {"w": torch.tensor([1.0, 0.0])}
    yield Case("one vector", "weights of norm 1", (flat, {"w": torch.tensor([5.0, 2.0])}))
    weights, grads = _weights(draw, level), _weights(draw, level)
    unit = {name: t / _norm(weights.values()) for name, t in weights.items()}
    yield Case("three tensors", "weights of norm 1", (unit, grads))
    for factor in (0.3, 7.0):
        scaled = {name: factor * t for name, t in weights.items()}
        yield Case(f"weights times {factor}", "weights of any norm", (scaled, grads))


def _along(params: Params, grads: Params) -> Tensor:
    return torch.stack([(params[k] * grads[k]).sum() for k in params]).sum()


@tangent.misconception(
    "each tensor on its own. Then many directions along the sphere are lost: only what lies along "
    "*all* weights together is to go."
)
def projects_each_tensor(params: Params, grads: Params) -> Any:
    return {
        k: grads[k] - (params[k] * grads[k]).sum() / params[k].square().sum() * params[k]
        for k in params
    }


@tangent.misconception(
    "no division by the squared norm of the weights: right for weights of norm 1 alone."
)
def takes_norm_one_for_granted(params: Params, grads: Params) -> Any:
    along = _along(params, grads)
    return {k: grads[k] - along * params[k] for k in params}


@tangent.misconception(
    "a division by the norm of the weights where their *squared* norm is wanted: the weights come "
    "in twice, in the inner product and as the direction."
)
def divides_once(params: Params, grads: Params) -> Any:
    along = _along(params, grads) / _norm(params.values())
    return {k: grads[k] - along * params[k] for k in params}


@tangent.misconception("the radial part itself: that is what has to be taken *out*.")
def keeps_the_radial_part(params: Params, grads: Params) -> Any:
    along = _along(params, grads) / _norm(params.values()).square()
    return {k: along * params[k] for k in params}


@tangent.misconception("the roles swapped: the gradient was taken out of the weights.")
def swaps_the_roles(params: Params, grads: Params) -> Any:
    along = _along(params, grads) / _norm(grads.values()).square()
    return {k: params[k] - along * grads[k] for k in params}
