"""Small algorithmic tasks: every pair modulo p with its label.

The tasks are those of Power et al. 2022 (arXiv 2201.02177).
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from grokedu.tasks.task import Task, random_labels, random_stream, train_test_split


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


_redraw = random_labels  # make_task has an argument of that name

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
