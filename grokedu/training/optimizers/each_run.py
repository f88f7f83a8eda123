"""Any optimizer of torch, one instance a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from grokedu.models.parameters import State


@dataclass(frozen=True)
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

    make: Callable[..., torch.optim.Optimizer]
    lr: float | Tensor = 1e-3
    weight_decay: float | Tensor = 0.0
    elementwise: ClassVar[bool] = False

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
            self.advance(optimizer, leaves, run, state)
            for at, leaf in enumerate(leaves):
                for name, value in optimizer.state[leaf].items():
                    if value is not None:
                        state[f"{run}/{at}/{name}"] = torch.as_tensor(value)
        return params, state

    def advance(
        self, optimizer: torch.optim.Optimizer, leaves: Sequence[Tensor], run: int, state: State
    ) -> None:
        """One step of one run, whose gradients are set; changes the leaves in place."""
        optimizer.step()


def _of(value: float | Tensor, run: int, runs: int) -> float:
    if not isinstance(value, Tensor) or value.ndim == 0:
        return float(value)
    if len(value) != runs:
        raise ValueError(f"got {len(value)} values for {runs} runs; wanted one, or one a run")
    return float(value[run])
