"""Does a large initial scale make a network fit MNIST long before it generalises?"""

from __future__ import annotations

from functools import partial

import numpy as np
from tqdm.auto import tqdm

from grokedu import figures
from grokedu.claims.mnist import mnist_split
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.measures import first_reach
from grokedu.measures.statistics import bootstrap
from grokedu.models.mlp import MLP
from grokedu.sphere import Descent, descend, scaled_copies
from grokedu.tasks import random_stream
from grokedu.training import log_spaced
from grokedu.training.optimizers import AdamW
from grokedu.training.threads import in_threads

ALPHA, SIZE, BATCH = 8.0, 1000, 200
FIT, GENERAL = 0.99, 0.8  # an accuracy of 0.8 on MNIST counts as having generalised
EARLY = 0.5  # a test accuracy below it when fitted counts as not having generalised


def run(*, quick: bool, progress: bool) -> Outcome:
    """Train three seeds with the weight decay times 20 (quick), or four as published."""
    seeds = range(3 if quick else 4)
    steps, decay = (5000, 0.2) if quick else (100_000, 0.01)
    record, model = log_spaced(steps, 30), MLP((784, 200, 200, 10))

    def train(seed: int) -> Descent:
        return descend(
            model,
            scaled_copies(model, seed, [ALPHA]),
            mnist_split(SIZE, seed),
            optimizer=AdamW(1e-3, decay),
            steps=steps,
            batch_size=BATCH,
            generator=random_stream(seed, "batches"),
            record=record,
        )

    runs = [*tqdm(in_threads(train, seeds), total=len(seeds), disable=not progress, unit="run")]
    history = {
        name: np.concatenate([one.history[name] for one in runs], axis=1)
        for name in ("train_accuracy", "test_accuracy", "train_loss", "test_loss", "l2_norm")
    }
    at = runs[0].steps
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
            figures.accuracy_and_norm,
            at,
            history,
            title=f"MNIST, 1000 images, every initial weight × 8, weight decay {decay:g}",
        ),
    )
