"""Gradients a second: chains side by side in one call, and devinterp's chains one by one.

Gradients of single chains a second of CPU time, one thread, full batch, interleaved rounds,
medians; CPU time, so that other processes count for little. Ours is a whole call of
``estimate_llc`` with its default number of chains, once as it comes and once with SGLD, which is
what devinterp runs; a deep linear network once as a torch module, as devinterp has it, and once as
a batched loss function; the two-layer network also with its gradient in closed form. devinterp
gets its batch ready made, which is the faster way.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

from torch import Tensor

from benchmarks.devinterp_chains import build
from benchmarks.devinterp_environment import Devinterp, environment
from grokedu.llc import estimate_llc
from grokedu.llc.sampling.langevin import SGLD
from grokedu.llc.sampling.problem import inverse_temperature
from grokedu.models import TwoLayer
from grokedu.models.gradients import ExactLoss
from grokedu.models.parameters import Params
from grokedu.tasks import random_stream
from grokedu.training.threads import one_thread

Row = dict[str, Any]

N = 1e6
NBETA = inverse_temperature(N)
LEAST = 600  # gradients of a chain in a timed call; the warm-up takes some hundred
SPEED: tuple[tuple[str, Sequence[Any], int], ...] = (  # with the aim
    ("4-4-4", ["deep_linear", {"widths": [4, 4, 4], "rank": 2}], 40),
    ("10-10-10", ["deep_linear", {"widths": [10, 10, 10], "rank": 3}], 40),
    ("two layers", ["two_layer", {"fraction": 0.5, "p": 31, "width": 128}], 5),
    (
        "modular MLP",
        ["modular_mlp", {"fraction": 0.4, "p": 53, "embedding": 12, "hidden": 48}],
        5,
    ),
)
ROUNDS, SECONDS = 5, 1.0  # a block of each way takes about so long


def batched(network: Sequence[Any]) -> tuple[Callable[[Params], Tensor], Params]:
    """A linear network's loss as a function of stacked weights, for our estimator, and its w*.

    >>> loss, params = batched(["deep_linear", {"widths": [3, 2, 3], "rank": 1}])
    >>> loss({name: weight.expand(4, -1, -1) for name, weight in params.items()}).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """
    net, inputs, targets, _ = build(network)
    params = {name: weight.detach() for name, weight in net.named_parameters()}

    def loss(weights: Params) -> Tensor:
        product, *rest = weights.values()
        for weight in rest:
            product = weight @ product
        return (inputs @ product.mT - targets).square().sum(dim=2).mean(dim=1) / 2

    return loss, params


def exact(
    pairs: Tensor, labels: Tensor, p: int, width: int, **_: Any
) -> tuple[ExactLoss, dict[str, Tensor]]:
    """The two-layer network's loss with its gradient in closed form, and weights to begin at."""
    model = TwoLayer(p, width)
    return ExactLoss(model, pairs, labels), model.init(random_stream(0, "init"))


def throughput(rounds: int = ROUNDS, seconds: float = SECONDS) -> list[Row]:
    """A row for each network as a module, and for some as a loss with a faster gradient."""
    python, why = environment()
    if python is None:
        print(why, file=sys.stderr)
    rows = []
    with one_thread(), Devinterp(python) if python else nullcontext() as devinterp:
        for name, network, aim in SPEED:
            net, *data = build(network)
            ways: dict[str, tuple[Any, ...]] = {"module": (net, *data)}
            if network[0] == "deep_linear":
                ways["batched loss"] = batched(network)
            if network[0] == "two_layer":
                ways["exact gradient"] = exact(*data[:2], **network[1])
            for way, given in ways.items():
                told = _speeds(devinterp, network, given, rounds, seconds)
                rows.append({"network": name, "as": way, **told, "aim": aim})
                print(rows[-1], file=sys.stderr)
    return rows


def measure() -> list[Row]:
    """The table."""
    return throughput()


def _speeds(
    devinterp: Devinterp | None,
    network: Sequence[Any],
    given: tuple[Any, ...],
    rounds: int,
    seconds: float,
) -> Row:
    load, chains = os.getloadavg()[0], 0

    def ours(step: float | None, gradients: int) -> float:
        nonlocal chains
        sampler = None if step is None else partial(SGLD, step_size=step)
        arguments = {"params": given[1]} if len(given) == 2 else {}
        positional = given[:1] if arguments else given
        began = time.process_time()
        found = estimate_llc(
            *positional, **arguments, n=N, gradients=gradients, sampler=sampler, progress=False
        )
        chains = found.trace.shape[1]
        return found.gradients * chains / (time.process_time() - began)

    def theirs(step: float | None, gradients: int) -> float:
        assert devinterp is not None
        job: Row = {"network": network, "lr": step, "nbeta": NBETA, "chains": 1, "seed": 0}
        return gradients / devinterp.run(**job, draws=gradients, burn_in=0)["cpu"]

    ways = {"ours": partial(ours, None), "SGLD": partial(ours, 1e-8)}
    if devinterp is not None:
        ways["devinterp"] = partial(theirs, 1e-8)
    blocks = {}
    for way, speed in ways.items():
        speed(LEAST)  # warm
        parallel = 1 if way == "devinterp" else chains
        blocks[way] = max(LEAST, round(speed(LEAST) / parallel * seconds))
    each: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, speed in ways.items():
            each[way].append(speed(blocks[way]))
    rate = {way: statistics.median(speeds) for way, speeds in each.items()}
    row: Row = {"chains": chains, "load": round(load, 1)}
    row |= {f"{way} /s": round(speed) for way, speed in rate.items()}
    for way in ("ours", "SGLD") if devinterp else ():
        row[f"x {way}"] = round(rate[way] / rate["devinterp"], 1)
    return row
