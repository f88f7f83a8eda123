"""How many threads a step of training gets on a CPU.

Two threads of torch's own wait for each other some thirty times a step by spinning. Beside a busy
neighbour one of them is not running, and a step of a small network takes up to twenty times as long
as on one thread. So small steps get one thread, and where there are several batches, Python threads
take one each: these never wait for each other. ``python -m benchmarks neighbours`` measures it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

WORTH_SHARING = 2**28  # multiplications; a step with more takes long enough to be shared

Given = TypeVar("Given")
Made = TypeVar("Made")


@contextmanager
def sturdy(multiplications: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """One thread of torch's while steps of so many multiplications run on a CPU.

    >>> before = torch.get_num_threads()
    >>> with sturdy(1000):
    ...     torch.get_num_threads()
    1
    >>> torch.get_num_threads() == before
    True
    """
    threads = torch.get_num_threads()
    if torch.device(device).type != "cpu" or multiplications > WORTH_SHARING or threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def in_threads(function: Callable[[Given], Made], items: Iterable[Given]) -> Iterator[Made]:
    """The function of each item, in order, in as many Python threads as torch has of its own.

    Each of them has one thread of torch's. The function must be safe to call from threads.

    >>> [*in_threads(lambda x: 2 * x, [1, 2, 3])]
    [2, 4, 6]
    """
    threads = torch.get_num_threads()
    try:
        with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            yield from pool.map(function, items)
    finally:
        torch.set_num_threads(threads)  # one setting of it, the matrix library's, is the process's
