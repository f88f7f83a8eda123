"""Transformers that learn regression in their context: training, and the loss that is sampled."""

from __future__ import annotations

from collections.abc import Collection

import torch
from torch import Tensor

from grokedu.llc.sampling.potential import differentiated
from grokedu.models import InContextTransformer
from grokedu.models.parameters import Params
from grokedu.stages import sample_task
from grokedu.tasks import Task
from grokedu.training import train
from grokedu.training.optimizers import Adam

NOISE = 0.125


class SampledLoss:
    """The mean squared error over fixed sequences, of many weights at once, with its gradient.

    Args:
        model: the architecture.
        inputs: (n, K, D+1), x and y of each example.

    >>> from grokedu.tasks import random_stream
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


def in_context_task(model: InContextTransformer, sampled: Tensor, held_out: Tensor) -> Task:
    """Regression in context as a task: new sequences for each batch, a fixed sample to look at.

    Args:
        model: the architecture.
        sampled, held_out: (n, K, D+1) the sequences that the train and the test loss are told for.

    >>> from grokedu.tasks import random_stream
    >>> model = InContextTransformer(2, 3, width=4, heads=1, layers=1, hidden=4)
    >>> sampled = draw(model, 5, random_stream(0, "sampled"))
    >>> task = in_context_task(model, sampled, sampled[:2])
    >>> task.inputs.shape, task.targets.shape, task.classes
    (torch.Size([7, 3, 3]), torch.Size([7, 3]), 3)
    """

    def new(count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        inputs = draw(model, count, generator)
        return inputs, inputs[..., -1]

    inputs = torch.cat([sampled, held_out])
    train, test = torch.arange(len(inputs)).tensor_split([len(sampled)])
    name = "in_context_regression"
    return Task(inputs, inputs[..., -1], train, test, model.examples, name, new)


def train_runs(
    model: InContextTransformer,
    task: Task,
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

    >>> from grokedu.tasks import random_stream
    >>> model = InContextTransformer(1, 2, width=4, heads=1, layers=1, hidden=4)
    >>> sampled = draw(model, 4, random_stream(0, "sampled"))
    >>> task = in_context_task(model, sampled, sampled)
    >>> kept = train_runs(model, task, [1, 3], seeds=2, batch=8, lr=0.01, progress=False)
    >>> [(step, params["embed"].shape) for step, params in kept.items()]
    [(1, torch.Size([2, 2, 4])), (3, torch.Size([2, 2, 4]))]
    """
    runs = train(
        model, task, seeds=seeds, steps=max(records), lr=lr, batch_size=batch, optimizer=Adam,
        loss="mse", record=[max(records)], checkpoints=[*records], progress=progress,
    )  # fmt: skip
    return runs.checkpoints


def polish(
    model: InContextTransformer, task: Task, params: Params, steps: int, lr: float
) -> dict[str, Tensor]:
    """Each run's weights after so many steps of Adam on all of the task's sample."""
    runs = len(next(iter(params.values())))
    polished = train(
        model, task, seeds=runs, steps=steps, lr=lr, start=params, optimizer=Adam, loss="mse",
        record=[steps], progress=False,
    )  # fmt: skip
    return polished.params
