"""Examples with their split into train and test, and the streams of random numbers of a run.

Nothing is random unless a generator is handed in; :func:`random_stream` makes one from a seed and
the name of its purpose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Task:
    """All examples of a task, with the split into train and test.

    Attributes:
        inputs: (n, ...), every example: int64 pairs (n, 2), or images (n, 784).
        targets: (n,) int64, its label.
        train, test: disjoint int64 index tensors that cover 0 .. n-1.
        classes: how many labels there are.
        name: which task it is, for example "modular_addition" or "mnist".
        draw: for a task whose train examples never repeat: from a number of examples and a
            generator to new inputs and targets. Batches are then drawn by it, and ``train`` holds
            a sample that the train loss is told for.
    """

    inputs: Tensor
    targets: Tensor
    train: Tensor
    test: Tensor
    classes: int
    name: str
    draw: Callable[[int, torch.Generator], tuple[Tensor, Tensor]] | None = None


def train_test_split(n: int, fraction: float, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Split the indices 0 .. n-1 at random into a train and a test part.

    Args:
        n: how many examples there are.
        fraction: the share of them to train on, between 0 and 1.
        generator: the source of the randomness; the same generator state gives the same split.

    Returns:
        ``train`` and ``test``: int64 index tensors that share no index and together hold all n.
        ``train`` has ``round(fraction * n)`` of them.

    Raises:
        ValueError: if either part would be empty.

    Source: the random split of Power et al. 2022, arXiv 2201.02177.

    >>> train, test = train_test_split(10, 0.3, torch.Generator().manual_seed(0))
    >>> len(train), len(test)
    (3, 7)
    >>> sorted(train.tolist() + test.tolist())
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    """
    size = round(fraction * n)
    if not 0 < size < n:
        raise ValueError(
            f"fraction {fraction} of {n} examples leaves {size} to train on and {n - size} to test "
            "on; both must be at least 1, for example fraction=0.5"
        )
    order = torch.randperm(n, generator=generator)
    return order[:size], order[size:]


def random_labels(
    labels: Tensor, classes: int, generator: torch.Generator, fraction: float = 1.0
) -> Tensor:
    """A copy of the labels in which a random share is drawn anew, uniformly over the classes.

    A redrawn label may by chance equal the old one. Labels of this kind can only be memorised
    (Zhang et al. 2017, arXiv 1611.03530).

    Args:
        labels: int64 of shape (n,).
        classes: how many classes there are.
        generator: the source of the randomness.
        fraction: the share to redraw, from 0 (none) to 1 (all); ``round(fraction * n)`` of them.

    Raises:
        ValueError: if the fraction is not between 0 and 1.

    >>> labels = torch.arange(10)
    >>> new = random_labels(labels, 10, torch.Generator().manual_seed(0), fraction=0.5)
    >>> bool((new == labels).sum() >= 5)
    True
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction is {fraction}; it must be between 0 and 1, for example 0.5")
    count = round(fraction * len(labels))
    chosen = torch.randperm(len(labels), generator=generator)[:count]
    result = labels.clone()
    result[chosen] = torch.randint(classes, (count,), generator=generator)
    return result


def random_stream(seed: int, purpose: str) -> torch.Generator:
    """A CPU generator that belongs to one purpose of one run.

    Each purpose ("split", "init", "labels", "batches") of a seed has a stream of its own, so that
    drawing more from one never moves another. The stream is seeded with the first 63 bits of
    SHA-256 of ``"{seed}/{purpose}"``.

    >>> split, again, init = (random_stream(0, name) for name in ("split", "split", "init"))
    >>> split.initial_seed() == again.initial_seed(), split.initial_seed() == init.initial_seed()
    (True, False)
    """
    digest = hashlib.sha256(f"{seed}/{purpose}".encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
