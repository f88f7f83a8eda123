"""Small algorithmic tasks: every pair modulo p with its label, and the split into train and test.

The tasks are those of Power et al. 2022 (arXiv 2201.02177). Nothing here is random unless a
generator is handed in; :func:`random_stream` makes one from a seed and the name of its purpose.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


def modular_addition(p: int) -> tuple[Tensor, Tensor]:
    """Every pair (a, b) of residues modulo p, and the label (a + b) mod p.

    Args:
        p: the modulus, an integer of at least 2. It need not be prime.

    Returns:
        ``pairs``, int64 of shape (p*p, 2), whose row ``a*p + b`` holds ``(a, b)``, and ``labels``,
        int64 of shape (p*p,), with ``labels[a*p + b] = (a + b) % p``.

    Raises:
        ValueError: if p is smaller than 2 or not an integer.

    Source: Power et al. 2022, arXiv 2201.02177.

    >>> pairs, labels = modular_addition(3)
    >>> pairs[5].tolist(), labels[5].item()  # row 1*3 + 2 holds (1, 2), and 1 + 2 = 0 mod 3
    ([1, 2], 0)
    >>> labels.tolist()
    [0, 1, 2, 1, 2, 0, 2, 0, 1]
    """
    if p < 2 or p % 1:
        raise ValueError(f"p is {p}; the modulus must be an integer of at least 2, for example 31")
    residues = torch.arange(p)
    pairs = torch.cartesian_prod(residues, residues)
    labels = pairs.sum(dim=1) % p
    return pairs, labels


def modular_subtraction(p: int) -> tuple[Tensor, Tensor]:
    """Every pair (a, b) of residues modulo p, and the label (a - b) mod p.

    Shapes and order as in :func:`modular_addition`. Source: Power et al. 2022.

    Raises:
        ValueError: if p is smaller than 2.

    >>> modular_subtraction(3)[1].tolist()
    [0, 2, 1, 1, 0, 2, 2, 1, 0]
    """
    pairs, _ = modular_addition(p)
    return pairs, (pairs[:, 0] - pairs[:, 1]) % p


def modular_multiplication(p: int) -> tuple[Tensor, Tensor]:
    """Every pair (a, b) of residues modulo p, and the label (a * b) mod p.

    Shapes and order as in :func:`modular_addition`. Source: Power et al. 2022.

    Raises:
        ValueError: if p is smaller than 2.

    >>> modular_multiplication(3)[1].tolist()
    [0, 0, 0, 0, 1, 2, 0, 2, 1]
    """
    pairs, _ = modular_addition(p)
    return pairs, pairs.prod(dim=1) % p


def modular_division(p: int) -> tuple[Tensor, Tensor]:
    """Every pair (a, b) with b != 0 modulo a prime p, and the label a / b mod p.

    The label is the one c with ``c * b = a`` mod p, so p must be prime.

    Returns:
        ``pairs`` of shape (p*(p-1), 2), whose row ``a*(p-1) + b-1`` holds ``(a, b)``, and
        ``labels`` of shape (p*(p-1),), both int64. Source: Power et al. 2022.

    Raises:
        ValueError: if p is not prime.

    >>> pairs, labels = modular_division(5)
    >>> pairs[3 * 4 + 1].tolist(), labels[3 * 4 + 1].item()  # 4 * 2 = 8 = 3 mod 5
    ([3, 2], 4)
    """
    if not is_prime(p):
        raise ValueError(f"p is {p}; division modulo p needs a prime p, for example 31")
    pairs, _ = modular_addition(p)
    pairs = pairs[pairs[:, 1] != 0]
    inverse = torch.tensor([0, *(pow(b, -1, p) for b in range(1, p))])
    return pairs, pairs[:, 0] * inverse[pairs[:, 1]] % p


def modular_polynomial(p: int) -> tuple[Tensor, Tensor]:
    """Every pair (a, b) of residues modulo p, and the label (a^2 + a*b + b^2) mod p.

    Shapes and order as in :func:`modular_addition`. Source: Power et al. 2022, who found it harder
    to generalise on than the four operations.

    Raises:
        ValueError: if p is smaller than 2.

    >>> modular_polynomial(3)[1].tolist()
    [0, 1, 1, 1, 0, 1, 1, 1, 0]
    """
    pairs, _ = modular_addition(p)
    a, b = pairs.unbind(dim=1)
    return pairs, (a * a + a * b + b * b) % p


def is_prime(p: int) -> bool:
    """Whether p is a prime number.

    >>> [n for n in range(20) if is_prime(n)]
    [2, 3, 5, 7, 11, 13, 17, 19]
    """
    return p > 1 and all(p % q for q in range(2, int(p**0.5) + 1))


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


_redraw = random_labels  # make_task has an argument of that name


@dataclass(frozen=True)
class Task:
    """All examples of a task, with the split into train and test.

    Attributes:
        inputs: (n, 2) int64, every example's pair.
        targets: (n,) int64, its label.
        train, test: disjoint int64 index tensors that cover 0 .. n-1.
        classes: how many labels there are.
        name: which task it is, one of :data:`TASKS`.
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


TASKS: dict[str, Callable[[int], tuple[Tensor, Tensor]]] = {
    "modular_addition": modular_addition,
    "modular_subtraction": modular_subtraction,
    "modular_multiplication": modular_multiplication,
    "modular_division": modular_division,
    "modular_polynomial": modular_polynomial,
}


def make_task(name: str, p: int, fraction: float, seed: int, random_labels: float = 0.0) -> Task:
    """A task by name, split by the seed's own stream.

    Args:
        name: one of :data:`TASKS`, for example "modular_addition".
        p: the modulus.
        fraction: the share of all examples to train on.
        seed: fixes the split and, where labels are random, the labels.
        random_labels: the share of *train* labels to redraw; test labels stay true.

    Raises:
        ValueError: for an unknown name, and as the task and the split themselves do.

    >>> task = make_task("modular_addition", 31, 0.5, seed=0)
    >>> len(task.train), len(task.test), task.classes
    (480, 481, 31)
    """
    if name not in TASKS:
        raise ValueError(f"no task is called {name!r}; there are {', '.join(sorted(TASKS))}")
    inputs, targets = TASKS[name](p)
    train, test = train_test_split(len(targets), fraction, random_stream(seed, "split"))
    if random_labels:
        targets = targets.clone()
        stream = random_stream(seed, "labels")
        targets[train] = _redraw(targets[train], p, stream, fraction=random_labels)
    return Task(inputs, targets, train, test, p, name)
