"""How much of what a large norm costs is the small angle of Adam's steps?

On the sphere of α = 8 a step of Adam turns the weights by about an eighth of the angle at α = 1. So
α is crossed with the remedies: a learning rate times α, the radial part taken out of the gradient
before Adam's moments, and five times the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from tqdm.auto import tqdm

from grokedu import figures
from grokedu.claims.mnist import mnist_split
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.models.mlp import MLP
from grokedu.sphere import Sphere, descend, scaled_copies
from grokedu.tasks import random_stream
from grokedu.training.optimizers import Adam
from grokedu.training.threads import in_threads

ALPHA, SIZE, BATCH, RATE = 8.0, 1000, 100, 1e-3
MOST = 0.9  # a remedy that takes away this share explains the cost


@dataclass(frozen=True)
class Arm:
    """A remedy: factors of learning rate and of steps, decay to zero, projected gradient."""

    alpha: float = ALPHA
    rate: float = 1.0
    longer: int = 1
    decay: bool = False
    gradient: bool = False


ARMS: dict[str, Arm] = {
    "α = 1": Arm(alpha=1.0),
    "α = 8": Arm(),
    "gradient projected": Arm(gradient=True),
    "rate × 8": Arm(rate=8),
    "rate × 8, to zero": Arm(rate=8, decay=True),
    "5 × steps": Arm(longer=5),
    "rate × 8, to zero, 5 × steps": Arm(rate=8, decay=True, longer=5),
}


def run(*, quick: bool, progress: bool) -> Outcome:
    """Train every arm over three seeds of 300 steps (quick), or five of 1000."""
    seeds, steps = range(3 if quick else 5), 300 if quick else 1000
    found: dict[str, dict[str, Array]] = {}
    with tqdm(total=len(ARMS) * len(seeds), disable=not progress, unit="run") as bar:
        for name, arm in ARMS.items():
            found[name] = train_arm(arm, seeds, steps, bar.update)
    shares = {
        name: {
            part: bootstrap(explained(found, name, part), np.mean)
            for part in ("train_loss", "test_error")
        }
        for name in [*ARMS][2:]
    }
    verdict, best = judge(shares)
    arms = {
        name: {measure: bootstrap(values) for measure, values in measured.items()}
        for name, measured in found.items()
    }
    turns = arms["α = 1"]["angular_step"]["value"] / arms["α = 8"]["angular_step"]["value"]
    return Outcome(
        verdict=verdict,
        says=(
            f"a step at α = 8 turns by {turns:.1f} times less than at α = 1; of the train loss "
            "that α = 8 adds, and of the test error, go away with "
            + "; ".join(
                f"{name} {said(one['train_loss'], '.0%')} and {said(one['test_error'], '.0%')}"
                for name, one in shares.items()
            )
        ),
        published=(
            "Liu et al. 2022 (arXiv 2210.01117) call the high train loss above α = 4 some "
            "optimization issue; that it is the step size is this course's reading"
        ),
        numbers={
            "steps": steps,
            "arms": {_key(name): one for name, one in arms.items()},
            "explained": {_key(name): one for name, one in shares.items()},
            "best_remedy_for_the_test_error": best,
        },
        seeds=[*seeds],
        draw=partial(
            figures.remedies,
            found,
            title=f"MNIST at a fixed norm, {SIZE} images, Adam, {steps} steps or five times that",
        ),
    )


def train_arm(
    arm: Arm, seeds: Sequence[int], steps: int, done: Callable[[], Any]
) -> dict[str, Array]:
    """Train one arm over the seeds: name of a measure to (S,), at the end of training."""
    model = MLP((784, 200, 200, 10))

    def at_the_end(seed: int) -> dict[str, float]:
        history = descend(
            model,
            scaled_copies(model, seed, [arm.alpha]),
            mnist_split(SIZE, seed),
            optimizer=Adam(RATE * arm.rate),
            constraint=Sphere(gradient=arm.gradient),
            steps=steps * arm.longer,
            batch_size=BATCH,
            generator=random_stream(seed, "batches"),
            schedule=_to_zero if arm.decay else None,
            record=[steps * arm.longer // 2],
        ).history
        done()
        return {
            "train_loss": history["train_loss"][-1, 0],
            "train_error": 1 - history["train_accuracy"][-1, 0],
            "test_error": 1 - history["test_accuracy"][-1, 0],
            # half-way, where a rate that goes to zero is half of itself
            "angular_step": history["angular_step"][0, 0],
        }

    rows = [*in_threads(at_the_end, seeds)]
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def explained(found: dict[str, dict[str, Array]], name: str, part: str) -> Array:
    """(S,) the share of what α = 8 adds to α = 1 that a remedy takes away, seed by seed."""
    one, eight, remedy = (found[arm][part] for arm in ("α = 1", "α = 8", name))
    cost = eight - one
    return np.where(cost > 0, (eight - remedy) / np.where(cost > 0, cost, 1.0), np.nan)


def judge(shares: dict[str, dict[str, dict[str, float]]]) -> tuple[Verdict, str]:
    """The verdict, and which remedy takes most of the test error away.

    The step size explains the cost where one remedy takes nine tenths of both train loss and test
    error away, and a part of it where one takes nine tenths of the train loss.
    """
    best = max(shares, key=lambda name: shares[name]["test_error"]["value"])
    both = any(
        min(one["train_loss"]["value"], one["test_error"]["value"]) >= MOST
        for one in shares.values()
    )
    train = any(one["train_loss"]["value"] >= MOST for one in shares.values())
    return "holds" if both else "holds in a window" if train else "fails", best


def _to_zero(done: float) -> float:
    return 1 - done


def _key(name: str) -> str:
    words = name.replace("α", "alpha").replace("×", "times")
    return "_".join("".join(c if c.isalnum() else " " for c in words).split())
