"""One step of training on a sphere, with any optimizer of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from grokedu import sphere
from grokedu.classroom.checking.exercise import Case
from grokedu.lessons.l03_sphere.about import lesson


def _norm(tensors: list[Tensor]) -> Tensor:
    return torch.stack([t.square().sum() for t in tensors]).sum().sqrt()


sphere_step = lesson.exercise(
    points={"one group": 2, "two groups": 1, "many steps": 1},
    hints=(
        "Five moves: the four of any training step, and then one that undoes what the step did to "
        "the norm. Whom does the last one tell?",
        "All weights are `[w for group in optimizer.param_groups for w in group['params']]`. Under "
        "`torch.no_grad()`, multiply each *in place*, all by one factor.",
        "After `optimizer.step()`: `norm = torch.stack([w.square().sum() for w in "
        "weights]).sum().sqrt()`, and `w *= radius / norm` for each w, under `torch.no_grad()`.",
    ),
    why="with it any optimizer of torch trains at the norm you choose",
    minutes=10,
    difficulty=2,
)(sphere.sphere_step)


@sphere_step.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    size, steps = (2, 4) if level == "visible" else (3, 6)

    def some() -> list[Tensor]:
        return [torch.randn(n, generator=draw, dtype=torch.float64) for n in (size, size + 1)]

    start, targets, radius = some(), [some() for _ in range(steps)], 2.5
    for kind, options in (("SGD", {"lr": 0.1, "momentum": 0.9}), ("Adam", {"lr": 0.1})):
        for group, groups, used in (
            ("one group", [start], targets[:1]),
            ("two groups", [start[:1], start[1:]], targets[:1]),
            ("many steps", [start], targets),
        ):
            shown = (
                f"{len(used)} of {kind} on the squared distance of {2 * size + 1} weights in two "
                f"tensors from a target, radius {radius}"
            )
            args = (groups, used, kind, options, radius)
            name = f"{kind}, {group}"
            yield Case(name, group, args, probe="constrained_steps", shown=shown)


Loss = Callable[[], Tensor]


def _step(optimizer: torch.optim.Optimizer, compute_loss: Loss) -> float:
    optimizer.zero_grad()
    loss = compute_loss()
    loss.backward()
    optimizer.step()
    return loss.item()


def _every(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [w for group in optimizer.param_groups for w in group["params"]]


@torch.no_grad()
def _rescale(weights: list[Tensor], radius: float) -> None:
    factor = radius / _norm(weights)
    for w in weights:
        w *= factor


@sphere_step.misconception(
    "weights that never came back to the sphere: `w = w * factor` makes a new tensor, which the "
    "optimizer knows nothing of. Change it in place, `w *= factor` under `torch.no_grad()`."
)
def makes_new_tensors(optimizer: torch.optim.Optimizer, compute_loss: Loss, radius: float) -> float:
    return _step(optimizer, compute_loss)


@sphere_step.misconception("the rescaling before the step. The step then leaves the sphere again.")
def rescales_first(optimizer: torch.optim.Optimizer, compute_loss: Loss, radius: float) -> float:
    _rescale(_every(optimizer), radius)
    return _step(optimizer, compute_loss)


@sphere_step.misconception("a factor for each tensor; one factor for all of them together.")
def rescales_each_tensor(
    optimizer: torch.optim.Optimizer, compute_loss: Loss, radius: float
) -> float:
    loss = _step(optimizer, compute_loss)
    for w in _every(optimizer):
        _rescale([w], radius)
    return loss


@sphere_step.misconception(
    "the first parameter group alone. An optimizer may have several; the norm is that of all."
)
def sees_one_group(optimizer: torch.optim.Optimizer, compute_loss: Loss, radius: float) -> float:
    loss = _step(optimizer, compute_loss)
    _rescale(optimizer.param_groups[0]["params"], radius)
    return loss


@sphere_step.misconception(
    "the optimizer's memory rescaled along with the weights. Its running means belong to the "
    "gradients; leave them alone."
)
def rescales_the_memory(
    optimizer: torch.optim.Optimizer, compute_loss: Loss, radius: float
) -> float:
    loss = _step(optimizer, compute_loss)
    factor = radius / _norm(_every(optimizer)).detach()
    _rescale(_every(optimizer), radius)
    for w in _every(optimizer):
        for name, kept in optimizer.state[w].items():
            if isinstance(kept, Tensor) and name != "step":
                kept *= factor
    return loss


@sphere_step.misconception(
    "an in-place change that autograd watches: do it under `torch.no_grad()`."
)
def forgets_no_grad(optimizer: torch.optim.Optimizer, compute_loss: Loss, radius: float) -> float:
    loss = _step(optimizer, compute_loss)
    for w in _every(optimizer):
        w *= radius / _norm(_every(optimizer))
    return loss


@sphere_step.misconception("the loss *after* the step was returned; the one before it is wanted.")
def returns_the_loss_after(
    optimizer: torch.optim.Optimizer, compute_loss: Loss, radius: float
) -> float:
    _step(optimizer, compute_loss)
    _rescale(_every(optimizer), radius)
    return compute_loss().item()
