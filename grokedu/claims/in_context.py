"""Transformers that learn regression in their context: training, and the loss that is sampled."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor
from tqdm.auto import tqdm

from grokedu.llc.samplers import differentiated
from grokedu.models import InContextTransformer
from grokedu.models.parameters import Params
from grokedu.stages import sample_task
from grokedu.tasks import random_stream
from grokedu.training.optimizers import Adam

NOISE = 0.125


class SampledLoss:
    """The mean squared error over fixed sequences, of many weights at once, with its gradient.

    Args:
        model: the architecture.
        inputs: (n, K, D+1), x and y of each example.

    >>> model = InContextTransformer(2, 3, width=4, heads=1, layers=1, hidden=4)
    >>> loss = SampledLoss(model, draw(model, 5, random_stream(0, "sampled")))
    >>> losses, gradients = loss(model.init([random_stream(0, "init")] * 2), None)
    >>> losses.shape, gradients["embed"].shape
    (torch.Size([2]), torch.Size([2, 3, 4]))
    """

    def __init__(self, model: InContextTransformer, inputs: Tensor) -> None:
        self.model, self.inputs = model, inputs

    def __call__(self, params: Params, rows: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses, (C,), and gradients, (C, ...); ``rows`` (C, b) chooses sequences."""
        return differentiated(self._losses)(params, rows)

    def _losses(self, params: Params, rows: Tensor | None) -> Tensor:
        inputs = self.inputs if rows is None else self.inputs[rows]
        return (self.model.apply_each(params, inputs) - inputs[..., -1]).square().mean(dim=(1, 2))


def draw(model: InContextTransformer, count: int, generator: torch.Generator) -> Tensor:
    """So many new sequences, (count, K, D+1), with y last."""
    task = sample_task(count, model.examples, model.dimension, NOISE, generator)
    return torch.cat([task.x, task.y.unsqueeze(-1)], dim=-1)


def train_runs(
    model: InContextTransformer,
    records: Collection[int],
    *,
    seeds: int,
    batch: int,
    lr: float,
    progress: bool = True,
) -> dict[int, dict[str, Tensor]]:
    """Runs side by side under Adam, each with its own weights and sequences, always new ones.

    Returns:
        From each step in ``records``, the last of which ends training, to the weights (S, ...).

    >>> model = InContextTransformer(1, 2, width=4, heads=1, layers=1, hidden=4)
    >>> kept = train_runs(model, [1, 3], seeds=2, batch=8, lr=0.01, progress=False)
    >>> [(step, params["embed"].shape) for step, params in kept.items()]
    [(1, torch.Size([2, 2, 4])), (3, torch.Size([2, 2, 4]))]
    """
    params = model.init([random_stream(seed, "init") for seed in range(seeds)])
    optimizer, stream = Adam(lr), random_stream(0, "batches")
    state, kept = optimizer.init(params), {}
    for step in tqdm(range(1, max(records) + 1), disable=not progress, unit="step"):
        inputs = draw(model, seeds * batch, stream).unflatten(0, (seeds, batch))
        _, gradients = SampledLoss(model, inputs)(params, None)
        params, state = optimizer.step(params, gradients, state)
        if step in records:
            kept[step] = {name: tensor.clone() for name, tensor in params.items()}
    return kept


def polish(loss: SampledLoss, params: Params, steps: int, lr: float) -> dict[str, Tensor]:
    """Each run's weights after so many steps of Adam on all of the sampled loss."""
    moved = {name: tensor.clone() for name, tensor in params.items()}
    optimizer = Adam(lr)
    state = optimizer.init(moved)
    for _ in range(steps):
        moved, state = optimizer.step(moved, loss(moved, None)[1], state)
    return moved
