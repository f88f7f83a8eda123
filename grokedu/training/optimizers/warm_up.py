"""A learning rate that rises over the first steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from grokedu.models.parameters import State
from grokedu.training.optimizers.elementwise import AdamW, Optimizer


@dataclass(frozen=True)
class WarmUp:
    """An optimizer whose learning rate rises linearly over the first steps.

    The formula, with t the number of steps made before::

        lr_t = lr * min(t / steps, 1)

    The first step has a learning rate of 0: it moves no weight, and Adam's means begin. Nanda et
    al. 2023 (arXiv 2301.05217) train with ten such steps, in their code by torch's ``LambdaLR``.

    Args:
        make: from ``lr`` and ``weight_decay`` to an optimizer of this package whose ``lr`` is an
            attribute of a dataclass: ``AdamW``, ``Adam``, ``SGD``, or a ``functools.partial``.
        steps: how many steps the rise takes, at least 1.
        lr, weight_decay: handed to ``make``.

    Raises:
        ValueError: for steps below 1.

    For :func:`grokedu.training.train` it is ``optimizer=functools.partial(WarmUp, AdamW, 10)``.

    >>> from grokedu.training.optimizers import SGD
    >>> w, optimizer = {"w": torch.tensor([1.0])}, WarmUp(SGD, steps=2, lr=0.1)
    >>> state, found = optimizer.init(w), []
    >>> for _ in range(4):
    ...     w, state = optimizer.step(w, {"w": torch.tensor([2.0])}, state)
    ...     found.append(round(w["w"].item(), 4))  # less 0, 0.1, 0.2 and 0.2
    >>> found
    [1.0, 0.9, 0.7, 0.5]
    """

    make: Callable[..., Any] = AdamW
    steps: int = 10
    lr: float | Tensor = 1e-3
    weight_decay: float | Tensor = 0.0
    warm: Optimizer = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"steps is {self.steps}; wanted at least 1, for example 10")
        object.__setattr__(self, "warm", self.make(lr=self.lr, weight_decay=self.weight_decay))

    @property
    def elementwise(self) -> bool:
        """Whether the optimizer treats every weight alone."""
        return bool(getattr(self.warm, "elementwise", False))

    def init(self, params: Mapping[str, Tensor]) -> State:
        """The optimizer's state, and a count of zero steps."""
        return self.warm.init(params) | {"warm_up": torch.zeros((), dtype=torch.int64)}

    def step(
        self, params: dict[str, Tensor], grads: Mapping[str, Tensor], state: State
    ) -> tuple[dict[str, Tensor], State]:
        """One step of the optimizer at its present learning rate."""
        factor = min(int(state["warm_up"]) / self.steps, 1.0)
        now: Any = self.warm if factor == 1 else replace(self.warm, lr=self.lr * factor)  # type: ignore[type-var]
        params, after = now.step(params, grads, state)
        return params, after | {"warm_up": state["warm_up"] + 1}
