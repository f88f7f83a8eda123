"""AdamW, Adam and SGD on dictionaries of tensors, with a leading run axis where there is one.

Each optimizer is a frozen set of numbers with two functions: ``init(params)`` gives a state, a flat
dictionary of tensors, and ``step(params, grads, state)`` returns the next params and state. Both
are updated in place and handed back. The numbers are those of ``torch.optim`` to rounding. ``lr``
and ``weight_decay`` may be tensors of shape (S,), one entry a run of the leading axis.

They treat every weight alone (``elementwise``), so that a loop may hand them all tensors of a run
as one, see :func:`pack`. :class:`EachRun` makes any optimizer of torch one of these.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch
from torch import Tensor

State = dict[str, Tensor]


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
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv 1711.05101).

    With m and v the bias-corrected running means of the gradient and of its square::

        w <- (1 - lr * weight_decay) * w - lr * m / (sqrt(v) + eps)

    >>> w, optimizer = {"w": torch.tensor([1.0])}, AdamW(lr=0.1, weight_decay=0.5)
    >>> w, _ = optimizer.step(w, {"w": torch.tensor([2.0])}, optimizer.init(w))
    >>> round(w["w"].item(), 4)  # 0.95 by the decay, then one step of size lr
    0.85
    """

    lr: float | Tensor = 1e-3
    weight_decay: float | Tensor = 1e-2
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    elementwise: ClassVar[bool] = True

    def init(self, params: Mapping[str, Tensor]) -> State:
        """Zero means and a step count of zero."""
        return _adam_init(params)

    def step(
        self, params: dict[str, Tensor], grads: Mapping[str, Tensor], state: State
    ) -> tuple[dict[str, Tensor], State]:
        """One step, in place; returns both."""
        for weight in params.values():
            weight.mul_(1 - per_run(self.lr, weight) * per_run(self.weight_decay, weight))
        return _adam_step(params, grads, state, self.lr, self.betas, self.eps)


@dataclass(frozen=True)
class Adam:
    """Adam (Kingma and Ba 2015, arXiv 1412.6980); its weight decay is an L2 term in the gradient.

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
        return _adam_init(params)

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


class EachRun:
    """Any optimizer of torch, one instance a run, so that no run sees another.

    Args:
        make: called once a run with that run's tensors (a list), ``lr`` and ``weight_decay``;
            ``torch.optim.RMSprop`` for example, or a ``functools.partial`` of it.
        lr, weight_decay: numbers, or tensors of shape (S,).

    The optimizers' own tensors and numbers are the state, ``RUN/PARAMETER/NAME``, so that it can be
    saved and restored.

    >>> w, optimizer = {"w": torch.tensor([[1.0], [1.0]])}, EachRun(torch.optim.SGD, lr=0.1)
    >>> w, _ = optimizer.step(w, {"w": torch.tensor([[2.0], [4.0]])}, optimizer.init(w))
    >>> [round(value, 4) for value in w["w"].flatten().tolist()]
    [0.8, 0.6]
    """

    elementwise: ClassVar[bool] = False

    def __init__(
        self,
        make: Callable[..., torch.optim.Optimizer],
        lr: float | Tensor = 1e-3,
        weight_decay: float | Tensor = 0.0,
    ) -> None:
        self.make, self.lr, self.weight_decay = make, lr, weight_decay

    def init(self, params: Mapping[str, Tensor]) -> State:
        """Empty: torch's optimizers make their state at the first step."""
        return {}

    def step(
        self, params: dict[str, Tensor], grads: Mapping[str, Tensor], state: State
    ) -> tuple[dict[str, Tensor], State]:
        """One step of every run's optimizer, in place; returns both."""
        runs = len(next(iter(params.values())))
        for run in range(runs):
            leaves = [weight[run].detach() for weight in params.values()]
            for leaf, grad in zip(leaves, grads.values(), strict=True):
                leaf.grad = grad[run]
            optimizer = self.make(
                leaves, lr=_of(self.lr, run, runs), weight_decay=_of(self.weight_decay, run, runs)
            )
            for at, leaf in enumerate(leaves):
                prefix = f"{run}/{at}/"
                kept = {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}
                if kept:
                    optimizer.state[leaf] = kept
            optimizer.step()
            for at, leaf in enumerate(leaves):
                for name, value in optimizer.state[leaf].items():
                    if value is not None:
                        state[f"{run}/{at}/{name}"] = torch.as_tensor(value)
        return params, state


def pack(params: Mapping[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
    """All tensors of each run side by side in one, and views of it with the old names and shapes.

    One call of an elementwise optimizer on the whole is several times faster for small networks
    than one for each tensor.

    Args:
        params: tensors of shape (S, ...), of one dtype.

    Returns:
        The whole of shape (S, d) and the views, in the order of ``params``.

    Raises:
        ValueError: if the leading axes differ.

    >>> whole, views = pack({"A": torch.ones(2, 3), "W": torch.zeros(2, 1, 2)})
    >>> whole.shape, {name: tuple(view.shape) for name, view in views.items()}
    (torch.Size([2, 5]), {'A': (2, 3), 'W': (2, 1, 2)})
    >>> _ = whole.fill_(7.0)
    >>> views["W"].tolist()
    [[[7.0, 7.0]], [[7.0, 7.0]]]
    """
    leading = {name: len(tensor) for name, tensor in params.items()}
    if len({*leading.values()}) != 1:
        raise ValueError(f"the leading axes are {leading}; wanted one length, the number of runs")
    whole = torch.cat([t.detach().reshape(len(t), -1) for t in params.values()], dim=1)
    pieces = whole.split([tensor[0].numel() for tensor in params.values()], dim=1)
    shaped = (
        piece.unflatten(1, tensor.shape[1:]) if tensor.ndim > 1 else piece.squeeze(1)
        for piece, tensor in zip(pieces, params.values(), strict=True)
    )
    return whole, dict(zip(params, shaped, strict=True))


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


def _of(value: float | Tensor, run: int, runs: int) -> float:
    if not isinstance(value, Tensor) or value.ndim == 0:
        return float(value)
    if len(value) != runs:
        raise ValueError(f"got {len(value)} values for {runs} runs; wanted one, or one a run")
    return float(value[run])


def _adam_init(params: Mapping[str, Tensor]) -> State:
    state = {"step": torch.zeros((), dtype=torch.int64)}
    for name, weight in params.items():
        state[f"mean/{name}"] = torch.zeros_like(weight)
        state[f"square/{name}"] = torch.zeros_like(weight)
    return state


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
