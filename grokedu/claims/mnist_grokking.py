"""Does a large initial scale make a network fit MNIST long before it generalises?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from tqdm.auto import tqdm

from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.figures.style import (
    BLACK,
    TEST,
    TRAIN,
    Described,
    count,
    log_scale,
    median_and_band,
    panels,
)
from grokedu.measures import first_reach
from grokedu.measures.statistics import bootstrap
from grokedu.models.mlp import MLP
from grokedu.tasks import mnist_task
from grokedu.training import log_spaced, train
from grokedu.training.runs import Runs, concatenate
from grokedu.training.threads import in_threads

ALPHA, SIZE, BATCH = 8.0, 1000, 200
FIT, GENERAL = 0.99, 0.8  # an accuracy of 0.8 on MNIST counts as having generalised
EARLY = 0.5  # a test accuracy below it when fitted counts as not having generalised


def measure(
    seeds: Sequence[int],
    *,
    steps: int,
    weight_decay: float,
    lr: float = 1e-3,
    batch_size: int = BATCH,
    progress: bool = False,
) -> Runs:
    """Train on 1000 images with every initial weight times 8, a run a seed.

    Args:
        seeds: of images, weights and batches.
        steps, lr, weight_decay, batch_size: AdamW's, on the squared error.
        progress: whether to show a bar.
    """

    def one(seed: int) -> Runs:
        return train(
            MLP((784, 200, 200, 10)),
            mnist_task(SIZE, seed),
            seeds=[seed],
            steps=steps,
            lr=lr,
            weight_decay=weight_decay,
            alpha=ALPHA,
            betas=(0.9, 0.999),
            loss="mse",
            batch_size=batch_size,
            record=log_spaced(steps, 30),
            progress=False,
        )

    done = tqdm(in_threads(one, seeds), total=len(seeds), disable=not progress, unit="run")
    return concatenate([*done])


def run(*, quick: bool, progress: bool) -> Outcome:
    """Train three seeds with the weight decay times 20 (quick), or four as published."""
    seeds = range(3 if quick else 4)
    steps, decay = (5000, 0.2) if quick else (100_000, 0.01)
    runs = measure(seeds, steps=steps, weight_decay=decay, progress=progress)
    history, at = runs.history, runs.steps
    fitted = first_reach(at, history["train_accuracy"], FIT)
    general = first_reach(at, history["test_accuracy"], GENERAL)
    known = np.isfinite(fitted)
    rows = np.searchsorted(at, np.where(known, fitted, at[-1]))
    when_fitted = np.where(known, history["test_accuracy"][rows, np.arange(len(rows))], np.nan)
    delayed = np.isfinite(general) & (when_fitted < EARLY)
    verdict: Verdict = (
        "holds" if delayed.all() else "holds in a window" if delayed.any() else "fails"
    )
    numbers = {
        "fitted": bootstrap(fitted),
        "generalised": bootstrap(general),
        "ratio": bootstrap(general / fitted),
        "test_when_fitted": bootstrap(when_fitted),
        "test_at_end": bootstrap(history["test_accuracy"][-1]),
        "norm_at_start": bootstrap(history["l2_norm"][0]),
        "norm_at_end": bootstrap(history["l2_norm"][-1]),
    }
    return Outcome(
        verdict=verdict,
        says=(
            f"with weight decay {decay:g}, {int(known.sum())} of {len(seeds)} seeds reach a train "
            f"accuracy of {FIT} at step {said(numbers['fitted'])} with a test accuracy of "
            f"{said(numbers['test_when_fitted'], '.2f')}; {int(np.isfinite(general).sum())} reach "
            f"{GENERAL} on test images, at step {said(numbers['generalised'])}; at step {steps} it "
            f"is {said(numbers['test_at_end'], '.2f')}; the norm goes from "
            f"{said(numbers['norm_at_start'], '.1f')} to {said(numbers['norm_at_end'], '.1f')}"
        ),
        published=(
            "Liu et al. 2022 (arXiv 2210.01117), weight decay 0.01: train near 1 by about 2000 "
            "steps, test 0.18 to 0.20 until about 5000 and about 0.89 at 100,000; norm 93.5 to 52"
        ),
        numbers={
            "weight_decay": decay,
            "steps": steps,
            "fitted_at": fitted.tolist(),
            "generalised_at": general.tolist(),
            **numbers,
        },
        seeds=[*seeds],
        draw=partial(
            figure,
            runs,
            title=f"MNIST, 1000 images, every initial weight × 8, weight decay {decay:g}",
        ),
    )


def figure(runs: Runs, *, title: str = "") -> Described:
    """Left train and test accuracy, right the L2 norm, against the step on a log axis.

    Args:
        runs: with train_accuracy, test_accuracy and l2_norm.
        title: drawn above, if any.
    """
    picture, (left, right) = panels(2, width=9.2)
    at, history = runs.steps, runs.history
    after = at > 0
    for part, style in (("train", TRAIN), ("test", TEST)):
        values = history[f"{part}_accuracy"][after]
        median_and_band(left, at[after], values, part, **style)
    median_and_band(right, at[after], history["l2_norm"][after], "all weights", color=BLACK)
    left.set(ylim=(-0.03, 1.05), ylabel="accuracy")
    right.set(ylabel="L2 norm")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        log_scale(axes, "x")
        axes.set_xlabel("optimizer step")
    left.legend(frameon=False, fontsize=8)
    if title:
        picture.suptitle(title, fontsize=10)
    ends = {name: np.median(history[name][-1]) for name in ("test_accuracy", "l2_norm")}
    fit = history["train_accuracy"] >= 0.99
    said = "the train accuracy does not reach 0.99"
    if fit.any(axis=0).all():
        first = fit.argmax(axis=0)
        there = history["test_accuracy"][first, np.arange(len(first))]
        said = (
            f"at the median step {np.median(at[first]):.0f} the train accuracy reaches 0.99 with a "
            f"test accuracy of {np.median(there):.2f}"
        )
    picture.alt = (
        f"Accuracy and norm of {count(history['l2_norm'].shape[1], 'run')} against the step on a "
        f"log axis; {said}; at step {at[-1]} the test accuracy is {ends['test_accuracy']:.2f}. The "
        f"norm goes from {np.median(history['l2_norm'][0]):.1f} to {ends['l2_norm']:.1f}."
    )
    return picture
