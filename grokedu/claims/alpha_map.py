"""The α map that lesson 03 ships: MNIST at a fixed norm, over α, train size, rate and time.

Every run is on the sphere of its own α, under Adam at the rate 1e-3 or at that times α, and is
recorded at a few steps, so that "more steps" can be read off too. Finished parts are kept in a work
folder, so that an interrupted making goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from grokedu.claims import artifacts
from grokedu.claims.outcome import provenance
from grokedu.models.mlp import MLP
from grokedu.sphere import Landscape, SphereStep, adam_on_sphere, scaled_lr
from grokedu.tasks import mnist_task
from grokedu.training import train
from grokedu.training.runs import Runs, concatenate, load

MODEL = MLP((784, 200, 200, 10))
ALPHAS = (0.1, 0.2, 0.4, 0.7, 1.0, 1.5, 2.5, 4.0, 6.0, 8.0)
SIZES, SEEDS, BATCH, RATE = (200, 2000), (0, 1, 2), 100, 1e-3
RECORDED = (100, 300, 1500)
KEPT = ("train_loss", "test_loss", "train_accuracy", "test_accuracy", "l2_norm")
RATES = ("as given", "times α")  # what becomes of the learning rate


def train_points(
    alphas: Sequence[float],
    size: int,
    seed: int,
    rate: str,
    *,
    last: int = RECORDED[-1],
    sphere_step: SphereStep | None = None,
) -> Runs:
    """Train some α of one train size, seed and rate side by side, live.

    Args:
        alphas: initial scales, each kept.
        size: train images, 1 to 3000; the test images are 2000 others.
        seed: of weights, images and batches.
        rate: "as given" or "times α".
        last: the step to end at; records are those of the map up to it, and it.
        sphere_step: a step of one's own to train by; by default the library's constraint.

    Raises:
        ValueError: for another rate, no α or one that is not positive, or where mlxtend is missing.
    """
    if rate not in RATES or not alphas or min(alphas) <= 0:
        raise ValueError(
            f"rate={rate!r}, alphas={[*alphas]}; wanted one of {RATES} and positive numbers"
        )
    found = train(
        MODEL,
        mnist_task(size, seed),
        seeds=[seed] * len(alphas),
        steps=last,
        lr=[RATE if rate == RATES[0] else scaled_lr(RATE, alpha, 1.0) for alpha in alphas],
        alpha=alphas,
        loss="mse",
        batch_size=min(BATCH, size),
        record=[*(step for step in RECORDED if step < last), last],
        progress=False,
        **adam_on_sphere(sphere_step),
    )
    same = {"size": np.array(size), "seed": np.array(seed), "rate": np.array(rate)}
    return Runs(
        steps=found.steps,
        history={name: found[name].astype(np.float32) for name in KEPT},
        labels={
            "alpha": np.array([*alphas]),
            **{name: np.repeat(value, len(alphas)) for name, value in same.items()},
        },
    )


def as_landscape(runs: Runs, step: int) -> Landscape:
    """The runs of one rate at a recorded step, as a landscape over size, α and seed.

    Raises:
        ValueError: if the step was not recorded, or runs are missing or of several rates.
    """
    axes = [np.unique(runs.labels[name]) for name in ("size", "alpha", "seed")]
    shape = tuple(len(values) for values in axes)
    if step not in runs.steps or len(runs) != np.prod(shape):
        raise ValueError(
            f"step {step} of {len(runs)} runs; wanted one of {runs.steps.tolist()}, and one run "
            f"for each of {shape} sizes, α and seeds"
        )
    order = np.lexsort([runs.labels[name] for name in ("seed", "alpha", "size")])
    row = runs.steps.tolist().index(step)

    def values(name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return runs[name][row, order].reshape(shape).astype(float)

    sizes, alphas, seeds = (one.astype(float) for one in axes)
    return Landscape(
        alphas=alphas,
        sizes=sizes,
        seeds=seeds,
        radius=values("l2_norm"),
        **{
            f"{part}_{what}": values(f"{part}_{what}")
            for part in ("train", "test")
            for what in ("loss", "accuracy")
        },
    )


def make(
    work: Path,
    *,
    sizes: Sequence[int] = SIZES,
    seeds: Sequence[int] = SEEDS,
    last: int = RECORDED[-1],
    progress: bool = True,
) -> Runs:
    """Train the whole map, or go on from the parts in the folder ``work``."""
    parts = []
    grid = [*product(RATES, sizes, seeds)]
    for rate, size, seed in tqdm(grid, disable=not progress, unit="part"):
        path = work / f"{RATES.index(rate)}-{size}-{seed}-{last}.safetensors"
        if not path.exists():
            train_points(ALPHAS, size, seed, rate, last=last).save(path)
        parts.append(load(path))
    return concatenate(parts)


def ship(work: Path, folder: Path = artifacts.FOLDER) -> Path:
    """Make the map and write it with its manifest entry; returns the file's path."""
    path = folder / artifacts.ALPHA_MAP
    make(work).save(path)
    entry = provenance("grokedu reproduce alpha-map", SEEDS)
    artifacts.record(artifacts.ALPHA_MAP, entry, folder)
    return path
