"""Does holding the norm keep a transformer from memorising first?

Nanda et al. 2023 (arXiv 2301.05217) look for memorising with the excluded loss: the train loss of
the logits without the frequencies of the finished network. Where it dips below log p, train pairs
are known by other means. It sees train labels, and the future: the frequencies of the end.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from grokedu.claims.modular_sphere import FITTED, Setting, small_settings, train_run
from grokedu.claims.outcome import Verdict
from grokedu.fourier import excluded_loss, key_frequencies, sum_power
from grokedu.measures import accuracy, first_reach
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.sphere import SphereStep
from grokedu.tasks import make_task
from grokedu.training.threads import in_threads

ARMS = {
    "free": "transformer p = 53, CE, free",
    "sphere": "transformer p = 53, CE, sphere α = 1",
}
NOTHING, LESS = 0.1, 0.8  # shares of the free runs' dip


class Memorised(NamedTuple):
    """(S,) how far the excluded loss dips below log p, and the test accuracy at fitting.

    The accuracy is nan where a run never fitted.
    """

    dip: Array
    test_when_fitted: Array


def measure(
    seeds: Sequence[int], *, steps: int = 400, sphere_step: SphereStep | None = None
) -> dict[str, Memorised]:
    """Train free and on the sphere to the last step, and measure every tenth.

    Args:
        seeds: of data and weights, the same for both arms.
        steps: how many; runs do not stop when they generalise.
        sphere_step: a step of one's own for the sphere; by default the library's constraint.
    """

    def one(run: tuple[Setting, int]) -> tuple[float, float]:
        setting, seed = run
        found = train_run(
            setting, seed, sphere_step=sphere_step, checkpoints=range(0, steps + 1, 10)
        )
        task = make_task("modular_addition", setting.model.p, setting.fraction, seed)
        logits = {
            step: setting.model.apply(weights, task.inputs)[0]
            for step, weights in found.checkpoints.items()
        }
        keys = key_frequencies(sum_power(logits[steps].double()))
        without = min(
            float(excluded_loss(z, task.targets, task.train, keys)) for z in logits.values()
        )
        fitted = first_reach(found.steps, found["train_accuracy"], FITTED)[0]
        right = np.nan
        if np.isfinite(fitted):
            test = logits[int(fitted)][task.test]
            right = float(accuracy(test, task.targets[task.test]))
        return np.log(setting.model.p) - without, right

    arms = {
        name: replace(small_settings()[arm], steps=steps, every=10) for name, arm in ARMS.items()
    }
    rows = [*in_threads(one, [(arm, seed) for arm in arms.values() for seed in seeds])]
    values = np.array(rows).reshape(len(arms), len(seeds), 2)
    return {name: Memorised(*each.T) for name, each in zip(arms, values, strict=True)}


def judge(found: Mapping[str, Memorised]) -> tuple[Verdict, str]:
    """The verdict: on the sphere the dip is below a tenth of the free one, or below four fifths."""
    share = bootstrap(found["sphere"].dip / found["free"].dip)
    verdict: Verdict = (
        "holds"
        if share["high"] < NOTHING
        else "holds in a window"
        if share["high"] < LESS
        else "fails"
    )
    return verdict, (
        f"on the sphere the excluded loss dips {share['value']:.2f} times [{share['low']:.2f}, "
        f"{share['high']:.2f}] as far below log p as in free training"
    )


def lines(found: Mapping[str, Memorised]) -> list[str]:
    """A line an arm."""
    return [
        f"{name:7} dip of the excluded loss {np.median(one.dip):.2f} nats [{one.dip.min():.2f}, "
        f"{one.dip.max():.2f}]; test accuracy when fitted "
        + ", ".join("never fitted" if np.isnan(x) else f"{x:.2f}" for x in one.test_when_fitted)
        for name, one in found.items()
    ]
