"""How the cores of a CPU share the work of training.

Two threads of torch's own wait for each other some thirty times a step by spinning. Beside a busy
neighbour one of them is not running, and a step takes up to twenty times as long as on one thread.
So torch gets one thread here, and Python threads, which sleep while they wait, share the work: a
batch of runs each, or half of the examples of a large step. ``python -m benchmarks neighbours``
measures it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch
from torch import Tensor

HALVES = 2  # of a large step, on any machine, so that its numbers do not depend on the machine
WORTH_SHARING = 2**28  # multiplications; a step with more takes long enough to be shared

Given = TypeVar("Given")
Made = TypeVar("Made")
Gradient = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread of torch's for a while.

    >>> before = torch.get_num_threads()
    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    >>> torch.get_num_threads() == before
    True
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def in_threads(
    function: Callable[[Given], Made], items: Iterable[Given], threads: int | None = None
) -> Iterator[Made]:
    """The function of each item, in order, in Python threads: as many as torch has, if not given.

    Each of them has one thread of torch's. The function must be safe to call from threads.

    >>> [*in_threads(lambda x: 2 * x, [1, 2, 3])]
    [2, 4, 6]
    """
    own = torch.get_num_threads()
    workers = own if threads is None else threads
    try:
        with ThreadPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from pool.map(function, items)
    finally:
        torch.set_num_threads(own)  # one setting of it, the matrix library's, is the process's


def shared(parts: Sequence[Gradient]) -> Gradient:
    """The sum of gradients, each taken by a Python thread: those of a loss over parts of its data.

    >>> double, triple = (lambda w: {"w": 2 * w["w"]}), (lambda w: {"w": 3 * w["w"]})
    >>> shared([double, triple])({"w": torch.tensor([1.0])})
    {'w': tensor([5.])}
    """

    def gradient(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
        first, *others = _pool(len(parts), os.getpid()).map(lambda part: part(params), parts)
        for other in others:
            for name, tensor in first.items():
                first[name] = tensor + other[name]
        return first

    return gradient


@cache
def _pool(threads: int, _process: int) -> ThreadPoolExecutor:
    """Threads that wait for the next step; a process that was forked has none of its parent's."""
    return ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
