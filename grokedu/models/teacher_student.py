"""A student network that learns what a fixed teacher of the same shape computes.

Liu et al. 2022 (arXiv 2210.01117, section 2) show with it that grokking needs no algorithmic data:
widths 5-100-100-5, tanh, 100 train and 100 test inputs ~ N(0, I), squared error, Adam with learning
rate 3e-4, students that start at α = 0.5 and 2 times torch's default.
"""

from __future__ import annotations

from functools import partial

import torch

from grokedu.models.mlp import MLP
from grokedu.tasks import Task, random_stream

Student = partial(MLP, (5, 100, 100, 5), "tanh")
"""``Student(init_scale=2.0)`` is the student of the paper, an :class:`~grokedu.models.mlp.MLP`."""


def teacher_task(
    seed: int, *, train: int = 100, test: int = 100, teacher: MLP | None = None
) -> Task:
    """Gaussian inputs, and the outputs of a teacher for them.

    Args:
        seed: fixes the teacher ("teacher") and the inputs ("inputs"), each by its own stream.
        train, test: how many examples of each; inputs 0 .. train-1 are the train part.
        teacher: its architecture; tanh 5-100-100-5 at torch's default scale unless given.

    Returns:
        A task whose float64 targets, (n, outputs), are the teacher's; train with ``loss="mse"``.

    Raises:
        ValueError: if a part would be empty.

    Source: Liu et al. 2022, arXiv 2210.01117.

    >>> task = teacher_task(0, train=3, test=2)
    >>> task.inputs.shape, task.targets.shape, len(task.train), len(task.test)
    (torch.Size([5, 5]), torch.Size([5, 5]), 3, 2)
    """
    if min(train, test) < 1:
        raise ValueError(f"train={train}, test={test}; both must be at least 1, for example 100")
    network = Student() if teacher is None else teacher
    stream = random_stream(seed, "inputs")
    shape = (train + test, network.widths[0])
    inputs = torch.randn(shape, generator=stream, dtype=torch.float64)
    weights = network.init(random_stream(seed, "teacher"), torch.float64)
    targets = network.apply(weights, inputs)
    index = torch.arange(train + test)
    outputs = network.widths[-1]
    return Task(inputs, targets, index[:train], index[train:], outputs, "teacher_student")
