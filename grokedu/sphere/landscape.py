"""The α landscape: losses at the constrained minimum, over the initial scale and the data size.

Every initial weight is multiplied by α, and training keeps that norm. Liu et al. 2022 (arXiv
2210.01117) found the train loss L-shaped in α and the test loss U-shaped where data are few: the
gap on the right is what grokking crosses. Values are those at the end of training, not the best on
the way, which would be early stopping by an oracle.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import partial
from itertools import product

import numpy as np
import torch
from tqdm.auto import tqdm

from grokedu.measures.arrays import Array
from grokedu.models.autograd import Model
from grokedu.sphere.constraint import Sphere
from grokedu.sphere.rotation import scaled_lr
from grokedu.tasks import Task
from grokedu.training import train
from grokedu.training.constraint import Constraint
from grokedu.training.optimizers import Adam
from grokedu.training.runs import Runs
from grokedu.training.threads import in_threads


@dataclass(frozen=True)
class Landscape:
    """Values at the end of training, each of shape (sizes, alphas, seeds).

    Attributes:
        alphas: (K,) initial scales; sizes: (M,) train examples; seeds: (R,).
        train_loss, test_loss, train_accuracy, test_accuracy: (M, K, R).
        radius: (M, K, R) the norm that was kept.
    """

    alphas: Array
    sizes: Array
    seeds: Array
    train_loss: Array
    test_loss: Array
    train_accuracy: Array
    test_accuracy: Array
    radius: Array

    def __post_init__(self) -> None:
        shape = (len(self.sizes), len(self.alphas), len(self.seeds))
        for one in fields(self)[3:]:
            if getattr(self, one.name).shape != shape:
                raise ValueError(
                    f"{one.name} has shape {getattr(self, one.name).shape}; wanted {shape}, one "
                    "value for each size, alpha and seed"
                )


def alpha_landscape(
    model: Model,
    tasks: Callable[[int, int], Task],
    *,
    alphas: Sequence[float],
    sizes: Sequence[int],
    seeds: Sequence[int],
    steps: int,
    lr: float = 1e-3,
    scale_lr: bool = False,
    betas: tuple[float, float] = (0.9, 0.999),
    batch_size: int | None = None,
    loss: str = "mse",
    constraint: Constraint | None = None,
    schedule: Callable[[float], float] | None = None,
    progress: bool = True,
    device: torch.device | str = "cpu",
) -> Landscape:
    """Train at every α, data size and seed on the sphere of its norm, with Adam.

    All α of a size and seed start from the same direction, see the same batches and run side by
    side.

    Args:
        model: with an initial scale of 1.
        tasks: from (size, seed) to a task.
        alphas, sizes, seeds: what to cross.
        steps, lr, betas, batch_size, loss, schedule, device: as for :func:`grokedu.training.train`;
            a batch size above a data size is that size.
        scale_lr: multiply the learning rate by α, so that a step turns the weights by about as much
            at every radius.
        constraint: another than ``Sphere()``.
        progress: whether to show a bar.

    Raises:
        ValueError: if there is nothing to cross, or an α is not positive.
    """
    if not alphas or not sizes or not seeds or not min(alphas) > 0:
        raise ValueError(
            f"alphas={[*alphas]}, sizes={[*sizes]}, seeds={[*seeds]}; wanted at least one of each, "
            "and positive alphas, for example [0.5, 1, 2]"
        )
    shape = (len(sizes), len(alphas), len(seeds))
    names = [one.name for one in fields(Landscape)[3:]]
    values = {name: np.full(shape, np.nan) for name in names}

    def fit(cell: tuple[int, int]) -> Runs:
        size, seed = cell
        return train(
            copy.deepcopy(model),  # a module is not to be called by two threads
            tasks(size, seed),
            seeds=[seed] * len(alphas),
            steps=steps,
            lr=[scaled_lr(lr, alpha, 1.0) if scale_lr else lr for alpha in alphas],
            alpha=alphas,
            optimizer=partial(Adam, betas=betas),
            constraint=constraint or Sphere(),
            loss=loss,
            batch_size=batch_size if batch_size is None else min(batch_size, size),
            record=[steps],
            schedule=schedule,
            progress=False,
            device=device,
        )

    cells = [*product(sizes, seeds)]
    done = tqdm(in_threads(fit, cells), total=len(cells), disable=not progress, unit="fit")
    for at, one in enumerate(done):
        i, k = divmod(at, len(seeds))
        for name in names[:-1]:
            values[name][i, :, k] = one[name][-1]
        values["radius"][i, :, k] = one["l2_norm"][-1]
    return Landscape(
        np.array(alphas, dtype=float), np.array(sizes, dtype=float), np.array(seeds, dtype=float),
        **values,
    )  # fmt: skip
