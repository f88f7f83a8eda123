"""Small networks and tasks, constraints to try, and when two results are the same."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokedu.models import TwoLayer
from grokedu.tasks import make_task
from grokedu.training.runs import Runs

MODEL = TwoLayer(7, 12)
TASK = partial(make_task, "modular_addition", 7)
EXACT: dict[str, Any] = {"progress": False, "dtype": torch.float64}


def same(one: Runs, two: Runs, atol: float = 0.0) -> bool:
    """Whether two results are equal: to the bit, or to a tolerance."""
    return (
        one.labels.keys() == two.labels.keys()
        and all(np.array_equal(one.labels[k], two.labels[k]) for k in one.labels)
        and np.array_equal(one.steps, two.steps)
        and all(np.allclose(one[k], two[k], rtol=0, atol=atol) for k in one.history)
        and all(torch.allclose(one.params[k], v, rtol=0, atol=atol) for k, v in two.params.items())
        and all(
            torch.allclose(weights[k], v, rtol=0, atol=atol)
            for step, weights in one.checkpoints.items()
            for k, v in two.checkpoints[step].items()
        )
    )


def halved(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor / 2 for name, tensor in params.items()}


class Start:
    """A constraint with a state: the norm of each run's weights stays that of its start."""

    def norm(self, params: Mapping[str, Tensor]) -> Tensor:
        return torch.stack([t.flatten(1).square().sum(1) for t in params.values()]).sum(0).sqrt()

    def init(self, params: Mapping[str, Tensor]) -> Tensor:
        return self.norm(params)

    def step(self, params: Mapping[str, Tensor], state: Tensor) -> dict[str, Tensor]:
        scale = state / self.norm(params)
        return {k: v * scale.view(-1, *[1] * (v.ndim - 1)) for k, v in params.items()}


class Tangent(Start):
    """The same, with the gradient's part along the weights taken out before the optimizer."""

    def project_gradient(
        self, params: Mapping[str, Tensor], grads: Mapping[str, Tensor], state: Tensor
    ) -> dict[str, Tensor]:
        return {k: torch.zeros_like(v) for k, v in grads.items()}
