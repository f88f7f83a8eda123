"""How far a step turns the weights, and which learning rate turns them as far."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from grokedu import sphere
from grokedu.classroom.checking.exercise import Case, refused
from grokedu.lessons.l03_sphere.about import lesson
from grokedu.models.parameters import Params

angular_step = lesson.exercise(
    points={"large angles": 1, "all tensors together": 1, "small angles": 2},
    operations=50,  # an arccosine is off by 1e-4 in float32 where this allows 6e-6
    hints=(
        "The cosine of a small angle is 1 minus half its square: what is left of it in float32? "
        "Which length is proportional to the angle itself?",
        "Put both on the unit sphere. The straight line between them has length 2 sin(angle / 2).",
        "With all tensors in one vector, `u = w / w.norm()` and v alike: "
        "`2 * torch.asin((u - v).norm() / 2)`; rounding may put half of the length a little above "
        "1: `.clamp(max=1)`. Or `2 * torch.atan2((u - v).norm(), (u + v).norm())`, which needs no "
        "clamp.",
    ),
    why="on a sphere the angle is the one size a step has",
    minutes=8,
    difficulty=2,
)(sphere.angular_step)


def _turned(draw: torch.Generator, size: int, angle: float, dtype: torch.dtype) -> tuple[Any, Any]:
    """Two sets of weights of different norms with this angle between them."""
    u, other = torch.randn((2, 2 * size), generator=draw, dtype=torch.float64)
    across = other - (other @ u) / (u @ u) * u
    v = math.cos(angle) * u + math.sin(angle) * across * (u.norm() / across.norm())
    u, v = ({"A": w[:size].reshape(2, -1).to(dtype), "W": w[size:].to(dtype)} for w in (u, v))
    return u, v


@angular_step.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    size = 6 if level == "visible" else 8
    right = {"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([0.0, 2.0])}
    yield Case("a right angle", "large angles", right)
    wide = _turned(draw, size, 2.0, torch.float64)
    yield Case("an angle of 2", "all tensors together", wide)
    longer = {k: 3.0 * t for k, t in _turned(draw, size, 0.5, torch.float64)[1].items()}
    yield Case("another norm", "all tensors together", (wide[0], longer))
    tiny = _turned(draw, size, 1e-4, torch.float32)
    yield Case("an angle of 0.0001 in float32", "small angles", tiny)
    tiny = _turned(draw, size, 1e-9, torch.float64)
    yield Case("an angle of 1e-9 in float64", "small angles", tiny)


def _flat(params: Params) -> Tensor:
    return torch.cat([t.flatten() for t in params.values()])


@angular_step.misconception(
    "the arccosine. The cosine of a small angle differs from 1 by half its *square*: below 3e-4 "
    "nothing of that is left in float32. Take the length of the difference of the unit vectors."
)
def takes_the_arccosine(before: Params, after: Params) -> Any:
    u, v = _flat(before), _flat(after)
    return torch.acos((u @ v / (u.norm() * v.norm())).clamp(-1, 1))


@angular_step.misconception(
    "the straight line between the unit vectors, which is shorter than the arc: the angle is "
    "2 asin(length / 2)."
)
def takes_the_chord(before: Params, after: Params) -> Any:
    u, v = _flat(before), _flat(after)
    return (u / u.norm() - v / v.norm()).norm()


@angular_step.misconception(
    "the length of the step over the norm. That is the angle only where the step is small and lies "
    "along the sphere: a step that merely lengthens the weights turns them by nothing."
)
def takes_the_relative_step(before: Params, after: Params) -> Any:
    u, v = _flat(before), _flat(after)
    return (v - u).norm() / u.norm()


@angular_step.misconception(
    "the mean of the tensors' own angles. All weights together are one vector, with one angle."
)
def averages_over_tensors(before: Params, after: Params) -> Any:
    angles = []
    for name in before:
        u, v = before[name].flatten(), after[name].flatten()
        angles.append(2 * torch.asin((u / u.norm() - v / v.norm()).norm() / 2))
    return torch.stack(angles).mean()


@angular_step.misconception("degrees; the angle is wanted in radians.")
def takes_degrees(before: Params, after: Params) -> Any:
    u, v = _flat(before), _flat(after)
    return torch.rad2deg(2 * torch.asin((u / u.norm() - v / v.norm()).norm() / 2))


@angular_step.misconception("half of the angle: the line is 2 sin(angle / 2), so double the asin.")
def forgets_to_double(before: Params, after: Params) -> Any:
    u, v = _flat(before), _flat(after)
    return torch.asin((u / u.norm() - v / v.norm()).norm() / 2)


effective_learning_rate = lesson.exercise(
    points={"Adam": 1, "SGD": 1, "momentum": 1, "what it cannot be": 1},
    hints=(
        "A step of which length, seen from how far away? The angle is length over norm.",
        "Adam's step does not depend on the gradient's size; SGD's is the learning rate times a "
        "gradient that itself shrinks with the norm.",
        "`lr / norm` for Adam; `lr / norm**2 / (1 - momentum)` for SGD; a ValueError for another "
        "kind, a norm of 0 or below, or a momentum outside [0, 1).",
    ),
    why="two runs at one learning rate may be training at very different speeds",
    minutes=6,
    difficulty=2,
)(sphere.effective_learning_rate)


@effective_learning_rate.cases
def _(seed: int, level: str) -> Iterator[Case]:
    norm = (8.0 if level == "visible" else 4.0) + seed % 5
    for lr in (0.1, 0.03):
        yield Case(f"Adam at {lr}", "Adam", (lr, norm, "adam"))
        yield Case(f"SGD at {lr}", "SGD", (lr, norm, "sgd"))
        for momentum in (0.9, 0.5):
            name = f"SGD at {lr}, momentum {momentum}"
            yield Case(name, "momentum", (lr, norm, "sgd"), {"momentum": momentum})
    refusals = "what it cannot be"
    yield refused("a norm of 0", refusals, 0.1, 0.0, "adam")
    yield refused("a momentum of 1", refusals, 0.1, norm, "sgd", 1.0)
    yield refused("another kind", refusals, 0.1, norm, "rmsprop")
    yield Case("a norm below 1", refusals, (0.1, 0.5, "sgd"))


def _refuses(norm: float, kind: str, momentum: float) -> None:
    if norm <= 0 or not 0 <= momentum < 1 or kind not in ("adam", "sgd"):
        raise ValueError


@effective_learning_rate.misconception(
    "Adam's rule for SGD. The gradient of a loss that is blind to the norm shrinks as one over the "
    "norm, so that SGD's step turns by lr over the norm *squared*."
)
def one_rule_of_adam(lr: float, norm: float, kind: str, momentum: float = 0.0) -> float:
    _refuses(norm, kind, momentum)
    return lr / norm if kind == "adam" else lr / norm / (1 - momentum)


@effective_learning_rate.misconception(
    "SGD's rule for Adam. Adam divides by the gradient's size: its step is equally long at every "
    "norm: it turns by lr over the norm."
)
def one_rule_of_sgd(lr: float, norm: float, kind: str, momentum: float = 0.0) -> float:
    _refuses(norm, kind, momentum)
    return lr / norm**2 / (1 - momentum)


@effective_learning_rate.misconception(
    "a product with the norm: the larger the sphere, the *less* the same step turns."
)
def multiplies(lr: float, norm: float, kind: str, momentum: float = 0.0) -> float:
    _refuses(norm, kind, momentum)
    return lr * norm if kind == "adam" else lr * norm**2 / (1 - momentum)


@effective_learning_rate.misconception(
    "no momentum: steps that add up make the rate 1 / (1 - momentum) times as effective."
)
def forgets_the_momentum(lr: float, norm: float, kind: str, momentum: float = 0.0) -> float:
    _refuses(norm, kind, momentum)
    return lr / norm if kind == "adam" else lr / norm**2


@effective_learning_rate.misconception(
    "momentum the wrong way round: 1 + m + m² + … is 1 / (1 - m), so it makes steps larger."
)
def shrinks_by_momentum(lr: float, norm: float, kind: str, momentum: float = 0.0) -> float:
    _refuses(norm, kind, momentum)
    return lr / norm if kind == "adam" else lr / norm**2 * (1 - momentum)
