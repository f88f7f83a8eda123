"""Lesson 00: how checks, hints, points and progress work, on one toy exercise."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from grokedu import measures
from grokedu.classroom.checking.exercise import Case
from grokedu.classroom.lesson import Lesson

lesson = Lesson("00_start_here", "Start here")
hint, reference, ready = lesson.hint, lesson.reference, lesson.ready
reset, predict, settle = lesson.reset, lesson.predict, lesson.settle


weight_norm = lesson.exercise(
    points={"one vector": 1, "any shape": 1},
    hints=(
        "The norm is one number made from all the weights. What happens to each weight first?",
        "Square every weight, add up all the squares, and take the square root of the sum.",
        "`weights.square().sum().sqrt()` is the whole of it, with a `return` before it.",
    ),
    why="every lesson of this course watches a weight norm",
    minutes=2,
)(measures.weight_norm)


@weight_norm.cases
def _(seed: int, level: str) -> Iterator[Case]:
    generator = torch.Generator().manual_seed(seed)
    rows, columns = (3, 4) if level == "visible" else (5, 7)
    yield Case("three and minus four", "one vector", (torch.tensor([3.0, -4.0]),))
    weights = torch.randn(rows * columns, generator=generator, dtype=torch.float64)
    yield Case("a long vector", "one vector", (weights,))
    yield Case("the same weights as a matrix", "any shape", (weights.reshape(rows, columns),))


@weight_norm.misconception("the sum of squares, without the square root: that is the norm squared.")
def forgets_the_root(weights: Tensor) -> Tensor:
    return weights.square().sum()


@weight_norm.misconception("the L1 norm: you added absolute values, where squares are wanted.")
def adds_absolute_values(weights: Tensor) -> Tensor:
    return weights.abs().sum()


@weight_norm.misconception("the root of the *mean* square. A norm adds up; it does not average.")
def averages(weights: Tensor) -> Tensor:
    return weights.square().mean().sqrt()


@weight_norm.misconception(
    "a norm for each row. Right for one vector, but a network's norm is one number for all weights."
)
def one_norm_a_row(weights: Tensor) -> Tensor:
    return weights.square().sum(dim=-1).sqrt()


lesson.claim(
    "norm-of-a-thousand",
    "a thousand standard normal weights have a norm of about 32.",
    "about 1",
    "about 32",
    "about 1000",
)
