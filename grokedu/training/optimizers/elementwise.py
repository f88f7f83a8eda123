"""AdamW, Adam and SGD, which treat every weight alone; the numbers are ``torch.optim``'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

from grokedu.models.parameters import State


class Optimizer(Protocol):
    """What the training loop asks of an optimizer."""

    def init(self, params: Mapping[str, Tensor]) -> State:
        """The state before the first step."""
        ...

    def step(
        self, params: dict[str, Tensor], grads: Mapping[str, Tensor], state: State
    ) -> tuple[dict[str, Tensor], State]:
        """One step: the next params and state."""
        ...


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015, arXiv 1412.6980); its weight decay is an L2 term in the gradient.

    With m and v the bias-corrected running means of ``grad + weight_decay * w`` and its square::

        w <- w - lr * m / (sqrt(v) + eps)

    >>> w, optimizer = {"w": torch.tensor([1.0])}, Adam(lr=0.1)
    >>> w, _ = optimizer.step(w, {"w": torch.tensor([2.0])}, optimizer.init(w))
    >>> round(w["w"].item(), 4)
    0.9
    """

    lr: float | Tensor = 1e-3
    weight_decay: float | Tensor = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    elementwise: ClassVar[bool] = True

    def init(self, params: Mapping[str, Tensor]) -> State:
        """Zero means and a step count of zero."""
        state = {"step": torch.zeros((), dtype=torch.int64)}
        for name, weight in params.items():
            state[f"mean/{name}"] = torch.zeros_like(weight)
            state[f"square/{name}"] = torch.zeros_like(weight)
        return state

    def step(
        self, params: dict[str, Tensor], grads: Mapping[str, Tensor], state: State
    ) -> tuple[dict[str, Tensor], State]:
        """One step, in place; returns both."""
        with_decay = {
            name: grads[name] + per_run(self.weight_decay, weight) * weight
            for name, weight in params.items()
        }
        return _adam_step(params, with_decay, state, self.lr, self.betas, self.eps)


@dataclass(frozen=True)
class AdamW(Adam):
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101).

    With m and v the bias-corrected running means of the gradient and of its square::

        w <- (1 - lr * weight_decay) * w - lr * m / (sqrt(v) + eps)

    >>> w, optimizer = {"w": torch.tensor([1.0])}, AdamW(lr=0.1, weight_decay=0.5)
    >>> w, _ = optimizer.step(w, {"w": torch.tensor([2.0])}, optimizer.init(w))
    >>> round(w["w"].item(), 4)  # 0.95 by the decay, then one step of size lr
    0.85
    """

    weight_decay: float | Tensor = 1e-2

    def step(
        self, params: dict[str, Tensor], grads: Mapping[str, Tensor], state: State
    ) -> tuple[dict[str, Tensor], State]:
        """One step, in place; returns both."""
        for weight in params.values():
            weight.mul_(1 - per_run(self.lr, weight) * per_run(self.weight_decay, weight))
        return _adam_step(params, grads, state, self.lr, self.betas, self.eps)


@dataclass(frozen=True)
class SGD:
    """Gradient descent with heavy-ball momentum and an L2 term, as ``torch.optim.SGD``.

    With b the buffer, which starts at zero::

        b <- momentum * b + grad + weight_decay * w,    w <- w - lr * b

    >>> w, optimizer = {"w": torch.tensor([1.0])}, SGD(lr=0.1)
    >>> w, _ = optimizer.step(w, {"w": torch.tensor([2.0])}, optimizer.init(w))
    >>> round(w["w"].item(), 4)
    0.8
    """

    lr: float | Tensor = 1e-2
    weight_decay: float | Tensor = 0.0
    momentum: float = 0.0
    elementwise: ClassVar[bool] = True

    def init(self, params: Mapping[str, Tensor]) -> State:
        """A buffer of zeros for each tensor."""
        return {f"buffer/{name}": torch.zeros_like(weight) for name, weight in params.items()}

    def step(
        self, params: dict[str, Tensor], grads: Mapping[str, Tensor], state: State
    ) -> tuple[dict[str, Tensor], State]:
        """One step, in place; returns both."""
        for name, weight in params.items():
            buffer = state[f"buffer/{name}"].mul_(self.momentum)
            buffer.add_(grads[name]).add_(per_run(self.weight_decay, weight) * weight)
            weight.sub_(per_run(self.lr, weight) * buffer)
        return params, state


def per_run(value: float | Tensor, like: Tensor) -> float | Tensor:
    """A number as it is; a tensor of shape (S,) shaped to multiply the leading axis of ``like``.

    Raises:
        ValueError: if the tensor does not have one entry a run.

    >>> per_run(torch.tensor([1.0, 2.0]), torch.zeros(2, 3, 4)).shape
    torch.Size([2, 1, 1])
    """
    if not isinstance(value, Tensor) or value.ndim == 0:
        return value
    if value.shape != like.shape[:1]:
        raise ValueError(
            f"got {tuple(value.shape)} values for weights of shape {tuple(like.shape)}; wanted a "
            f"number or a tensor of shape ({like.shape[0]},), one entry a run"
        )
    return value.to(like).reshape(-1, *[1] * (like.ndim - 1))


def _adam_step(
    params: dict[str, Tensor],
    grads: Mapping[str, Tensor],
    state: State,
    lr: float | Tensor,
    betas: tuple[float, float],
    eps: float,
) -> tuple[dict[str, Tensor], State]:
    state["step"] += 1
    count = int(state["step"])
    correction, root = 1 - betas[0] ** count, (1 - betas[1] ** count) ** 0.5
    for name, weight in params.items():
        mean = state[f"mean/{name}"].lerp_(grads[name], 1 - betas[0])
        square = state[f"square/{name}"].mul_(betas[1])
        square.addcmul_(grads[name], grads[name], value=1 - betas[1])
        root_mean_square = square.sqrt().div_(root).add_(eps)
        update = torch.div(mean, root_mean_square, out=root_mean_square)
        weight.sub_(update.mul_(per_run(lr, weight) / correction))
    return params, state
