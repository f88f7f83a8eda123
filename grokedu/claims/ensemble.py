"""The ensemble that several lessons share: learning rate × weight decay × fraction × seed.

Every cell is five seeds trained side by side. Finished cells are kept in a work folder, so that an
interrupted making goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from grokedu import measures
from grokedu.claims import artifacts
from grokedu.claims.outcome import provenance
from grokedu.measures.arrays import Array
from grokedu.models.two_layer import TwoLayer
from grokedu.tasks import make_task
from grokedu.training import train
from grokedu.training.runs import Runs, concatenate

MODEL = TwoLayer(p=31, width=128)
LEARNING_RATES = (0.003, 0.01)
WEIGHT_DECAYS = (0.1, 0.3, 0.6, 1.0, 3.0)
FRACTIONS = (0.2, 0.3, 0.4, 0.5, 0.6)
SEEDS = (0, 1, 2, 3, 4)
STEPS = 6000
CHECKPOINTS = (0, 10, 30, 60, 100, 150, 220, 330, 480, 700, 1000, 1500, 2200, 3200, 4500, 6000)
KEPT = {"fraction": 0.5, "seed": 0}  # the runs whose checkpoints are shipped

Cell = tuple[float, float, float]
Delay = Callable[[Tensor, Tensor, Tensor], float]


def delays(runs: Runs, grokking_delay: Delay = measures.grokking_delay) -> Array:
    """(S,) each run's delay in steps, by the function given; nan where a run was censored.

    >>> runs = Runs(np.array([1, 10, 100]), {"train_accuracy": np.array([[0.1], [1.0], [1.0]]),
    ...                                      "test_accuracy": np.array([[0.1], [0.2], [1.0]])}, {})
    >>> delays(runs).tolist()
    [90.0]
    """
    steps = torch.from_numpy(runs.steps).double()
    train, test = (torch.from_numpy(runs[f"{part}_accuracy"]) for part in ("train", "test"))
    return np.array(
        [float(grokking_delay(steps, *two)) for two in zip(train.T, test.T, strict=True)]
    )


def train_cell(
    cell: Cell,
    *,
    seeds: Sequence[int] = SEEDS,
    steps: int = STEPS,
    resume: Path | None = None,
    progress: bool = False,
) -> Runs:
    """Train one cell (lr, weight_decay, fraction) of the ensemble, live.

    >>> train_cell((0.01, 0.3, 0.5), seeds=[0], steps=5)
    Runs(1 runs to step 5; seed=0, lr=0.01, weight_decay=0.3, train_size=480, fraction=0.5)
    """
    lr, weight_decay, fraction = cell
    return train(
        MODEL,
        partial(make_task, "modular_addition", MODEL.p, fraction),
        seeds=seeds,
        steps=steps,
        lr=lr,
        weight_decay=weight_decay,
        checkpoints=[step for step in CHECKPOINTS if step <= steps],
        labels={"fraction": [fraction] * len(seeds)},
        resume=resume,
        progress=progress,
    )


def make(
    work: Path,
    *,
    cells: Sequence[Cell] | None = None,
    seeds: Sequence[int] = SEEDS,
    steps: int = STEPS,
    executor: Executor | None = None,
    progress: bool = True,
) -> Runs:
    """Train all cells and join them, with float32 histories and float16 checkpoints of a few runs.

    Args:
        work: a folder for the finished cells; a second call goes on from them.
        cells: the (lr, weight_decay, fraction) to train; the whole grid by default.
        seeds, steps: of every cell.
        executor: any ``concurrent.futures.Executor``; one cell after the other without one.
        progress: whether to show a bar over cells.
    """
    grid = [*product(LEARNING_RATES, WEIGHT_DECAYS, FRACTIONS)] if cells is None else [*cells]
    job = partial(_finished_cell, work=work, seeds=tuple(seeds), steps=steps)
    parts = executor.map(job, grid) if executor else map(job, grid)
    shown = tqdm(parts, total=len(grid), disable=not progress, unit="cell")
    return pack(concatenate([*shown]))


def pack(runs: Runs) -> Runs:
    """The same runs at the precision that is shipped, with the checkpoints of a few."""
    kept = np.ones(len(runs), dtype=bool)
    for name, value in KEPT.items():
        kept &= np.isclose(runs.labels[name], value)
    rows = np.flatnonzero(kept[runs.checkpoint_runs])
    thin = torch.from_numpy(rows)
    return Runs(
        steps=runs.steps,
        history={k: v.astype(np.float32) for k, v in runs.history.items()},
        labels=runs.labels,
        checkpoints={
            step: {k: v[thin].half() for k, v in weights.items()}
            for step, weights in runs.checkpoints.items()
        },
        checkpoint_runs=runs.checkpoint_runs[rows],
        config={k: v for k, v in runs.config.items() if k not in ("tasks", "labels", "record")},
    )


def ship(work: Path, workers: int = 1, folder: Path = artifacts.FOLDER) -> Path:
    """Make the ensemble and write it with its manifest entry; returns the file's path."""
    if workers > 1:
        with ProcessPoolExecutor(workers, initializer=torch.set_num_threads, initargs=(1,)) as pool:
            runs = make(work, executor=pool)
    else:
        runs = make(work)
    path = folder / artifacts.ENSEMBLE
    runs.save(path)
    artifacts.record(artifacts.ENSEMBLE, provenance("grokedu reproduce ensemble", SEEDS), folder)
    return path


def _finished_cell(cell: Cell, work: Path, seeds: Sequence[int], steps: int) -> Runs:
    name = "-".join(f"{value:g}" for value in cell)
    return train_cell(cell, seeds=seeds, steps=steps, resume=work / f"{name}.safetensors")
