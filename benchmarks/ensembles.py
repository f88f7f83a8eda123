"""Many small networks at once: our loop beside one of ordinary PyTorch, and beside torch.func.vmap.

S two-layer networks on addition modulo p, cross-entropy, full batch, AdamW. Three ways to take the
same steps from the same weights on the same splits:

- ours: the loop under ``train`` and ``train_ensemble``, with the gradient in closed form;
- plain: a Python loop over S modules with autograd and ``torch.optim.AdamW`` as it comes;
- vmap: ``torch.func.vmap`` of ``grad`` over stacked weights, and ``AdamW(fused=True)``.

Interleaved: each round times a block of steps of every way, and the medians over rounds are
compared; after thirty steps the train losses must agree to 1e-5. `threads` is the number of torch's
own intra-op threads, the same for every way.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from grokedu.models import TwoLayer
from grokedu.models.two_layer import forward
from grokedu.tasks import Task, make_task, random_stream
from grokedu.training.optimizers import AdamW
from grokedu.training.state import Loop

CASES = [(23, 32, 32, 0.5), (31, 64, 32, 0.5), (59, 128, 8, 0.4)]  # p, N, S, fraction
AIMS = {(23, 32, 32): (10, 1.5), (31, 64, 32): (5, 1.5), (59, 128, 8): (1.5, None)}
LR, DECAY, BETAS = 0.003, 0.3, (0.9, 0.98)
ROUNDS, SECONDS = 7, 0.3  # a block of each way takes about this long

Advance = Callable[[int], None]
Losses = Callable[[], Tensor]


def measure(threads: tuple[int, ...] = (1, 2)) -> list[dict[str, Any]]:
    """A row for each case and number of threads."""
    rows = []
    for p, width, runs, fraction in CASES:
        for count in threads:
            print(f"p={p} N={width} S={runs}, threads {count} ...", file=sys.stderr)
            torch.set_num_threads(count)
            rows.append(_compare(p, width, runs, fraction, count))
    return rows


def _compare(p: int, width: int, runs: int, fraction: float, threads: int) -> dict[str, Any]:
    model = TwoLayer(p, width)
    tasks = [make_task("modular_addition", p, fraction, seed) for seed in range(runs)]
    ways = {"plain": _plain(model, tasks), "vmap": _vmap(model, tasks), "ours": _ours(model, tasks)}
    steps: dict[str, int] = {}
    for name, (advance, _) in ways.items():
        advance(2)  # warm
        started = time.perf_counter()
        advance(2)
        steps[name] = max(2, round(SECONDS * 2 / (time.perf_counter() - started)))
    each: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (advance, _) in ways.items():
            started = time.perf_counter()
            advance(steps[name])
            each[name].append((time.perf_counter() - started) / steps[name] * 1000)
    apart = _apart(model, tasks)
    if apart > 1e-5:
        raise RuntimeError(f"the ways' losses differ by {apart:.1e}; wanted 1e-5 at most")
    ms = {name: statistics.median(times) for name, times in each.items()}
    against_plain, against_vmap = AIMS[p, width, runs]
    return {
        "p": p,
        "N": width,
        "S": runs,
        "threads": threads,
        **{f"{name} ms": round(value, 2) for name, value in ms.items()},
        "x plain": round(ms["plain"] / ms["ours"], 1),
        "aim": against_plain,
        "x vmap": round(ms["vmap"] / ms["ours"], 1),
        "aim vmap": against_vmap or "-",
        "losses apart": f"{apart:.0e}",
    }


def _apart(model: TwoLayer, tasks: list[Task], steps: int = 30) -> float:
    """The largest difference between the ways' train losses after the same steps."""
    losses = []
    for make in (_plain, _vmap, _ours):
        advance, loss = make(model, tasks)
        advance(steps)
        losses.append(loss().double())
    return max((one - losses[0]).abs().max().item() for one in losses)


def _ours(model: TwoLayer, tasks: list[Task]) -> tuple[Advance, Losses]:
    labels = {"seed": np.arange(len(tasks))}
    rate, decay = (torch.full((len(tasks),), value).double() for value in (LR, DECAY))
    loop = Loop(model, tasks, labels, AdamW(rate, decay, BETAS), {})

    def advance(steps: int) -> None:
        for _ in range(steps):
            loop.advance()

    return advance, lambda: torch.from_numpy(loop.observe()["train_loss"])


def _plain(model: TwoLayer, tasks: list[Task]) -> tuple[Advance, Losses]:
    networks = [model.module(model.init(random_stream(s, "init"))) for s in range(len(tasks))]
    optimizers = [
        torch.optim.AdamW(net.parameters(), lr=LR, weight_decay=DECAY, betas=BETAS)
        for net in networks
    ]
    data = [(task.inputs[task.train], task.targets[task.train]) for task in tasks]

    def advance(steps: int) -> None:
        for net, optimizer, (pairs, labels) in zip(networks, optimizers, data, strict=True):
            for _ in range(steps):
                optimizer.zero_grad()
                F.cross_entropy(net(pairs), labels).backward()
                optimizer.step()

    def losses() -> Tensor:
        with torch.no_grad():
            each = zip(networks, data, strict=True)
            return torch.stack([F.cross_entropy(net(x), y) for net, (x, y) in each])

    return advance, losses


def _vmap(model: TwoLayer, tasks: list[Task]) -> tuple[Advance, Losses]:
    params = model.init([random_stream(seed, "init") for seed in range(len(tasks))])
    optimizer = torch.optim.AdamW(
        params.values(), lr=LR, weight_decay=DECAY, betas=BETAS, fused=True
    )
    pairs = torch.stack([task.inputs[task.train] for task in tasks])
    labels = torch.stack([task.targets[task.train] for task in tasks])

    def loss(weights: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return F.cross_entropy(forward(weights, x), y)

    gradient = torch.func.vmap(torch.func.grad(loss))

    def advance(steps: int) -> None:
        for _ in range(steps):
            for weight, grad in zip(
                params.values(), gradient(params, pairs, labels).values(), strict=True
            ):
                weight.grad = grad
            optimizer.step()

    return advance, lambda: torch.func.vmap(loss)(params, pairs, labels)
