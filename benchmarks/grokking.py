"""Five seeds of the recipe p31-grok: seconds until every one has generalised, and for all steps.

Wall-clock seconds, the recording at log-spaced steps included; medians over rounds. Two ways, taken
in turn: the recipe as it comes, which takes one thread, and ``train_ensemble`` in two shards, a
Python thread each, which is given the number of steps that the recipe took. The delay ratio of a
seed is the step at which its test accuracy reaches 0.99 over the one at which its train accuracy
does. The aims: 3 s on two quiet cores until all have generalised, and a ratio of 20.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from grokedu.models import TwoLayer
from grokedu.tasks import make_task
from grokedu.training import recipes
from grokedu.training.ensembles import train_ensemble
from grokedu.training.runs import Runs

RECIPE = recipes.RECIPES["p31-grok"]
SEEDS, AIM_SECONDS, AIM_RATIO = 5, 3.0, 20


def measure(rounds: int = 3) -> list[dict[str, Any]]:
    """One row a way."""
    load = os.getloadavg()[0]
    first = recipes.p31_grok(SEEDS, stop="grokked", progress=False)
    last = int(first.steps[-1])
    ways: dict[str, tuple[Callable[[], Runs], Callable[[], Runs]]] = {
        "the recipe": (_until_grokked, partial(recipes.p31_grok, SEEDS, progress=False)),
        "two shards": (partial(_ensemble, last), partial(_ensemble, RECIPE.steps)),
    }
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    ratios: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, (short, whole) in ways.items():
            began = time.perf_counter()
            runs = short()
            middle = time.perf_counter()
            whole()
            seconds[name].append((middle - began, time.perf_counter() - middle))
            ratios[name] = [round(ratio, 1) for ratio in runs.ratio().tolist()]
    return [
        {
            "way": name,
            "load": round(load, 1),
            "s to the grok": round(statistics.median(each[0] for each in taken), 2),
            "aim s": AIM_SECONDS,
            "steps": last,
            "s for all": round(statistics.median(each[1] for each in taken), 2),
            "all steps": RECIPE.steps,
            "delay ratios": ratios[name],
            "aim": AIM_RATIO,
        }
        for name, taken in seconds.items()
    ]


def _until_grokked() -> Runs:
    return recipes.p31_grok(SEEDS, stop="grokked", progress=False)


def _ensemble(steps: int) -> Runs:
    return train_ensemble(
        TwoLayer(RECIPE.p, RECIPE.width),
        partial(make_task, RECIPE.task, RECIPE.p, RECIPE.fraction),
        steps=steps,
        seed=range(SEEDS),
        lr=RECIPE.lr,
        weight_decay=RECIPE.weight_decay,
        shards=2,
        progress=False,
    )
