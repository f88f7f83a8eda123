"""The share of this machine's matrix rate that a step of the two-layer network reaches.

One thread, S networks on addition modulo p with n train pairs and N neurons, full batch, AdamW. The
step's floating-point operations are counted as those of its three matrix products,
``act(h) @ W``, ``act(h).T @ G`` and ``G @ W.T``::

    6 S n N p

with n = fraction p^2. What else a step does (looking up rows, the softmax, the optimizer) counts
for nothing, so that the share is how near a step comes to its products alone. It is given of two
rates, each measured in turn with the step: of the same three products, with their results written
to buffers that are kept, and of a product of two large squares. The bound is the share of the
square's rate that a step of nothing but its products would reach.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from grokedu.models import TwoLayer
from grokedu.tasks import make_task
from grokedu.training.optimizers import AdamW
from grokedu.training.state import Loop

CASES = [(31, 128, 5, 0.5), (31, 64, 32, 0.5), (59, 128, 8, 0.4), (113, 128, 1, 0.3)]  # p, N, S
SQUARE = 1024
ROUNDS, SECONDS = 9, 0.15  # of a block of one kind of work
AIM = 0.5


def measure() -> list[dict[str, Any]]:
    """One row a case."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    rows = [_row(*case) for case in CASES]
    torch.set_num_threads(before)
    return rows


def _row(p: int, width: int, runs: int, fraction: float) -> dict[str, Any]:
    tasks = [make_task("modular_addition", p, fraction, seed) for seed in range(runs)]
    rate, decay = (torch.full((runs,), value).double() for value in (0.01, 0.3))
    optimizer = AdamW(rate, decay, (0.9, 0.98))
    loop = Loop(TwoLayer(p, width), tasks, {"seed": np.arange(runs)}, optimizer, {})
    n = len(tasks[0].train)
    work: dict[str, Callable[[], object]] = {
        "step": loop.advance,
        "products": _products(runs, n, width, p),
        "square": _square(),
    }
    operations = dict.fromkeys(work, 6 * runs * n * width * p) | {"square": 2 * SQUARE**3}
    each: dict[str, list[float]] = {name: [] for name in work}
    load = os.getloadavg()[0]
    for _ in range(ROUNDS + 1):
        for name, do in work.items():
            each[name].append(operations[name] / _seconds(do) / 1e9)
    rates = {name: statistics.median(measured[1:]) for name, measured in each.items()}
    return {
        "p": p,
        "N": width,
        "S": runs,
        "n": n,
        "load": round(load, 1),
        "step GFLOP/s": round(rates["step"], 1),
        "products GFLOP/s": round(rates["products"], 1),
        "square GFLOP/s": round(rates["square"], 1),
        "of products": round(rates["step"] / rates["products"], 2),
        "of square": round(rates["step"] / rates["square"], 2),
        "aim": AIM,
        "bound": round(rates["products"] / rates["square"], 2),
    }


def _products(runs: int, n: int, width: int, p: int) -> Callable[[], object]:
    """The step's three products, in the layout in which it takes them."""
    active, back = torch.randn(runs, n, width), torch.empty(runs, n, width)
    readout, slope = torch.randn(runs, p, width), torch.empty(runs, p, width)
    error = torch.empty(runs, p, n)

    def do() -> None:
        torch.bmm(readout, active.mT, out=error)
        torch.bmm(error, active, out=slope)
        torch.bmm(error.mT, readout, out=back)

    return do


def _square() -> Callable[[], object]:
    one, other, product = (torch.randn(SQUARE, SQUARE) for _ in range(3))
    return lambda: torch.mm(one, other, out=product)


def _seconds(do: Callable[[], object]) -> float:
    """Processor seconds a call, of all threads, over a block: waiting for a core does not count."""
    began, calls = time.process_time(), 0
    while calls == 0 or time.process_time() - began < SECONDS:
        do()
        calls += 1
    return (time.process_time() - began) / calls
