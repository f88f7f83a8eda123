"""Small exercises of every kind, with right and wrong answers; also served at the end of a pipe."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from grokedu.classroom.checking.call import respond
from grokedu.classroom.checking.exercise import Case
from grokedu.classroom.lesson import Lesson
from grokedu.grading.sandbox.worker import load_torch

HINTS = ("think", "think harder", "it is this")
lesson = Lesson("90_workbench", "Workbench")


def rng(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@lesson.exercise(points={"one row": 1, "many rows": 2}, hints=HINTS, why="it is plain", seconds=0.5)
def row_means(x: Tensor) -> Tensor:
    """The mean of each row."""
    return x.mean(-1)


@row_means.cases
def _(seed: int, level: str) -> Iterator[Case]:
    rows = 4 if level == "visible" else 6
    yield Case("one row", "one row", (torch.tensor([[1.0, 2.0, 6.0]]),))
    x = torch.randn(rows, 3, generator=rng(seed), dtype=torch.float64)
    yield Case("many rows", "many rows", (x,))


@row_means.misconception("the mean of each column.")
def column_means(x: Tensor) -> Tensor:
    return x.mean(0)


@row_means.misconception("the sum of each row: divide by how many there are.")
def row_sums(x: Tensor) -> Tensor:
    return x.sum(-1)


@lesson.exercise(points={"noise": 1, "seeded": 1}, hints=HINTS, why="it draws")
def noisy(x: Tensor, generator: torch.Generator) -> Tensor:
    """``x`` plus standard normal noise drawn from ``generator``."""
    return x + torch.randn(x.shape, generator=generator)


@noisy.cases
def _(seed: int, level: str) -> Iterator[Case]:
    yield Case("one generator", "noise", (torch.zeros(3), rng(seed)))
    yield Case("twice one seed", "seeded", ([seed, seed, seed + 1], torch.ones(2)), {}, "for_seeds")


@noisy.misconception("torch's global generator: use the one handed in.")
def globally_noisy(x: Tensor, generator: torch.Generator) -> Tensor:
    torch.manual_seed(0)
    return x + torch.randn(x.shape)


@lesson.exercise(points={"value": 1, "slope": 1}, hints=HINTS, why="it is differentiated")
def half_square(x: Tensor) -> Tensor:
    """Half the sum of squares; its gradient is x."""
    return x.square().sum() / 2


@half_square.cases
def _(seed: int, level: str) -> Iterator[Case]:
    x = torch.randn(3, generator=rng(seed))
    yield Case("value", "value", (x,))
    yield Case("slope", "slope", (x,), probe="gradients")


@half_square.misconception("a value cut off from x: without its history it has no gradient.")
def detached(x: Tensor) -> Tensor:
    return half_square.reference(x.detach())


class SignSGD(torch.optim.Optimizer):
    """Steps of fixed length along the sign of the gradient, with weight decay."""

    def __init__(self, params: Any, lr: float, decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:
        """One step for every parameter."""
        for group in self.param_groups:
            for p in group["params"]:
                p.mul_(1 - group["lr"] * group["decay"]).sub_(group["lr"] * p.grad.sign())


sign_sgd = lesson.exercise(points={"a step": 1, "decay": 2}, hints=HINTS, why="it steps")(SignSGD)


@sign_sgd.cases
def _(seed: int, level: str) -> Iterator[Case]:
    params = [torch.randn(2, generator=rng(seed)), torch.tensor(1.0)]
    slopes = [[torch.tensor([1.0, -2.0]), torch.tensor(3.0)]] * 2
    yield Case("two steps", "a step", (params, slopes, {"lr": 0.1}), {}, "optimizer")
    options = {"lr": 0.1, "decay": 0.5}
    yield Case("two with decay", "decay", (params, slopes, options), {}, "optimizer")


@sign_sgd.misconception("the gradient itself, where only its sign is wanted.")
class TakesTheGradient(SignSGD):
    @torch.no_grad()
    def step(self) -> None:
        for group in self.param_groups:
            for p in group["params"]:
                p.mul_(1 - group["lr"] * group["decay"]).sub_(group["lr"] * p.grad)


class ForgetsDecay(SignSGD):
    def __init__(self, params: Any, lr: float, decay: float = 0.0) -> None:
        super().__init__(params, lr)


class Square(torch.nn.Module):
    """A linear layer whose outputs are squared."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner = torch.nn.Linear(2, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """The squares, of shape (batch, width)."""
        return self.inner(x).square()


square = lesson.exercise(points={"output": 3}, hints=HINTS, why="it is a module")(Square)


@square.cases
def _(seed: int, level: str) -> Iterator[Case]:
    state = {"inner.weight": torch.randn(4, 2, generator=rng(seed))}
    x = torch.randn(5, 2, generator=rng(seed + 1))
    yield Case("width 4", "output", ({"width": 4}, state, [x]), {}, "module")


@square.misconception("doubled outputs. A square is not twice.")
class Doubles(Square):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * self.inner(x)


class UsesNumpy(Square):
    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x).detach().square()


@lesson.exercise(points={"in place": 2}, hints=HINTS, why="it writes", mutates=True)
def decay_(weights: list[Tensor], rate: float) -> None:
    """Shrink every tensor in place."""
    for tensor in weights:
        tensor.mul_(1 - rate)


@decay_.cases
def _(seed: int, level: str) -> Iterator[Case]:
    yield Case("two tensors", "in place", ([torch.ones(2), torch.tensor(3.0)], 0.1))


@decay_.misconception("copies: the tensors handed in stayed as they were.")
def decay_copies(weights: list[Tensor], rate: float) -> None:
    weights = [tensor * (1 - rate) for tensor in weights]


def stub(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError()


def crashes(*args: Any, **kwargs: Any) -> Any:
    return args[0].no_such_thing


def nothing(*args: Any, **kwargs: Any) -> None:
    return None


def row_means_loop(x: Tensor) -> Tensor:
    return torch.stack([row.sum() / len(row) for row in x])


def one_row_only(x: Tensor) -> Tensor:
    return x.mean(-1) if len(x) == 1 else x[:, 0]


def in_place(x: Tensor) -> Tensor:
    x /= x.shape[-1]
    return x.sum(-1)


def noisy_with_normal(x: Tensor, generator: torch.Generator) -> Tensor:
    return x.clone().add_(torch.randn(len(x), generator=generator))


def half_square_loop(x: Tensor) -> Tensor:
    return sum(entry * entry for entry in x) / 2


def half_square_float(x: Tensor) -> float:
    return math.fsum(v * v for v in x.tolist()) / 2


class SquareByHand(Square):
    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.inner.weight.T) ** 2


Answers = dict[str, Callable[..., Any]]
_BAD: Answers = {"stub": stub, "crashes": crashes, "nothing": nothing}
ANSWERS: list[tuple[Any, Answers]] = [
    (row_means, _BAD | {f.__name__: f for f in (
        row_means_loop, column_means, row_sums, one_row_only, in_place)}),
    (noisy, _BAD | {f.__name__: f for f in (noisy_with_normal, globally_noisy)}),
    (half_square, _BAD | {f.__name__: f for f in (half_square_loop, half_square_float, detached)}),
    (sign_sgd, _BAD | {f.__name__: f for f in (SignSGD, TakesTheGradient, ForgetsDecay)}),
    (square, _BAD | {f.__name__: f for f in (SquareByHand, Doubles, UsesNumpy)}),
    (decay_, _BAD | {"decay_": decay_.reference, "decay_copies": decay_copies}),
]  # fmt: skip


def serve() -> None:
    """Answer requests from stdin on stdout, each with its length before it."""
    load_torch()
    functions = {f"{e.id}:{name}": f for e, answers in ANSWERS for name, f in answers.items()}
    while size := sys.stdin.buffer.read(8):
        message = sys.stdin.buffer.read(int.from_bytes(size, "little"))
        reply = respond(functions, message)
        sys.stdout.buffer.write(len(reply).to_bytes(8, "little") + reply)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve()
