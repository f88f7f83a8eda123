"""Which way of using two cores is the sturdier: alone, and beside processes that keep them busy.

A step of S two-layer networks on addition modulo p, as in the benchmark ``ensembles``, four ways:

- one: one thread;
- spinning: two of torch's own threads, which wait for each other by spinning, as GNU's OpenMP has
  them do unless told otherwise;
- passive: the same two under ``OMP_WAIT_POLICY=PASSIVE``, which wait asleep;
- shards: half of the runs in each of two Python threads, with one thread of torch's each.

Each way is a process of its own, since OpenMP reads its policy once; they are timed in turn, and
the figures are medians over rounds of milliseconds a step.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import torch

from grokedu.models import TwoLayer
from grokedu.tasks import make_task
from grokedu.training.optimizers import AdamW
from grokedu.training.state import Loop

CASES = [(31, 128, 5, 0.5), (59, 128, 8, 0.4)]  # p, N, S, fraction: the recipe p31-grok, a larger
WAYS = ("one", "spinning", "passive", "shards")
SPINS = {"spinning": "300000"}  # looks before it sleeps: what GNU's OpenMP does unless told
NEIGHBOURS = (0, 1, 2)
ROUNDS, SECONDS = 7, 0.5  # of a block of steps in one way


@dataclass
class Way:
    """A process that takes steps in one of the ways, and the end of the pipe to ask it through."""

    process: BaseProcess
    pipe: Connection

    def milliseconds(self) -> float:
        """Have a block of steps taken: milliseconds a step."""
        self.pipe.send(True)
        return float(self.pipe.recv())


def measure() -> list[dict[str, Any]]:
    """A row for each case and number of neighbours."""
    rows = []
    for case in CASES:
        ways = {name: _start(name, case) for name in WAYS}
        try:
            for count in NEIGHBOURS:
                print(f"p={case[0]} beside {count} ...", file=sys.stderr)
                with _neighbours(count):
                    rows.append(_row(ways, case, count))
        finally:
            for way in ways.values():
                way.process.kill()
                way.process.join()
    return rows


def _row(ways: dict[str, Way], case: tuple[int, int, int, float], count: int) -> dict[str, Any]:
    each: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            each[name].append(way.milliseconds())
    ms = {name: statistics.median(times) for name, times in each.items()}
    p, width, runs, _ = case
    return {
        "p": p,
        "N": width,
        "S": runs,
        "neighbours": count,
        "load": round(os.getloadavg()[0], 1),
        **{f"{name} ms": round(value, 2) for name, value in ms.items()},
        **{f"{name} / one": round(ms[name] / ms["one"], 2) for name in WAYS[1:]},
    }


@contextmanager
def _neighbours(count: int) -> Iterator[None]:
    """That many processes that never wait."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        time.sleep(0.5)
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def _start(name: str, case: tuple[int, int, int, float]) -> Way:
    spawn = get_context("spawn")  # a fork would share the policy that this process began with
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, name, case), daemon=True)
    before = dict(os.environ)
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": SPINS.get(name, "0")}
    try:
        process.start()
    finally:
        os.environ.clear()
        os.environ |= before
    ours.recv()
    return Way(process, ours)


def _serve(pipe: Connection, name: str, case: tuple[int, int, int, float]) -> None:
    """Take steps for a while whenever asked, and say how many milliseconds a step took."""
    p, width, runs, fraction = case
    torch.set_num_threads(2 if name in ("spinning", "passive") else 1)
    seeds = np.array_split(np.arange(runs), 2 if name == "shards" else 1)
    loops = [_loop(p, width, each, fraction) for each in seeds]
    with ThreadPoolExecutor(len(loops), initializer=torch.set_num_threads, initargs=(1,)) as pool:

        def take() -> float:
            if name == "shards":
                return 1000 * statistics.mean(pool.map(_seconds_a_step, loops))
            return 1000 * _seconds_a_step(loops[0])

        take()  # warm
        pipe.send(True)
        while pipe.recv():
            pipe.send(take())


def _seconds_a_step(loop: Loop) -> float:
    """Steps until the time of a block is over; in threads, all of them end at about once."""
    began, steps = time.perf_counter(), 0
    while steps == 0 or time.perf_counter() - began < SECONDS:
        loop.advance()
        steps += 1
    return (time.perf_counter() - began) / steps


def _loop(p: int, width: int, seeds: np.ndarray, fraction: float) -> Loop:
    tasks = [make_task("modular_addition", p, fraction, seed) for seed in seeds.tolist()]
    rate, decay = (torch.full((len(seeds),), value).double() for value in (0.01, 0.3))
    return Loop(TwoLayer(p, width), tasks, {"seed": seeds}, AdamW(rate, decay, (0.9, 0.98)), {})
