"""The norms of a transformer's tensors along training, with weight decay and without, as shipped.

A network of p = 53, five times as long as the quick ``norm-balance`` claim trains it: balance
comes late.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from grokedu.claims import artifacts
from grokedu.claims.outcome import provenance
from grokedu.measures import l2_norm
from grokedu.measures.arrays import Array
from grokedu.models.parameters import Params
from grokedu.models.transformer import Transformer
from grokedu.symmetry import balance_pairs, residual_pair, transformer_pairs
from grokedu.tasks import make_task
from grokedu.training import log_spaced, train
from grokedu.training.runs import Runs

MODEL = Transformer(p=53, d_model=64, heads=4, d_mlp=128)
WEIGHT_DECAYS, SEEDS, STEPS = (0.0, 1.0), (0, 1, 2, 3, 4), 3000


def train_transformers(
    weight_decays: Sequence[float] = (1.0,),
    *,
    seeds: Sequence[int] = SEEDS,
    steps: int = STEPS,
    model: Transformer = MODEL,
    fraction: float = 0.5,
    lr: float = 0.01,
    progress: bool = False,
) -> Runs:
    """Train every weight decay with every seed, live, side by side.

    The history has the norm of each tensor, and as "least_norm" that of all weights where it is
    least on the orbit of the four scale symmetries.

    Args:
        weight_decays, lr: AdamW's.
        seeds, steps: of each run.
        model: the architecture; its p is the modulus.
        fraction: of all pairs that is trained on.

    >>> train_transformers(seeds=[0], steps=2)
    Runs(1 runs to step 2; seed=0, lr=0.01, weight_decay=1, train_size=1404)
    """
    grid = [(decay, seed) for decay in weight_decays for seed in seeds]
    return train(
        model,
        partial(make_task, "modular_addition", model.p, fraction),
        seeds=[seed for _, seed in grid],
        weight_decay=[decay for decay, _ in grid],
        lr=lr,
        steps=steps,
        record=log_spaced(steps, per_decade=20),
        measures={"least_norm": least_norm},
        progress=progress,
    )


def linked_ratios(runs: Runs) -> dict[str, Array]:
    """What the four symmetries make 1 at the least norm, and W_E to W_U; (T, S) each.

    The ratios are of norms. "residual" is that of W_E, W_pos and the biases together to W_U, W_Q
    and W_K together, which is what remains of the residual stream's where the other three are 1.

    Args:
        runs: of transformers, with the norm of each tensor in the history.

    >>> found = linked_ratios(artifacts.load_transformer_norms().select(weight_decay=1.0))
    >>> [*found]
    ['V to O', 'Q to K', 'in to out', 'residual', 'W_E to W_U']
    """
    square = {
        name.removeprefix("norm_"): values.astype(np.float64) ** 2
        for name, values in runs.history.items()
        if name.startswith("norm_")
    }
    write = sum(square[name] for name in ("W_E", "W_pos", "b_in", "b_out"))
    read = sum(square[name] for name in ("W_U", "W_Q", "W_K"))
    ratios = {
        "V to O": square["W_V"] / square["W_O"],
        "Q to K": square["W_Q"] / square["W_K"],
        "in to out": (square["W_in"] + square["b_in"]) / square["W_out"],
        "residual": write / read,
        "W_E to W_U": square["W_E"] / square["W_U"],
    }
    return {name: np.sqrt(values) for name, values in ratios.items()}


def least_norm(params: Params) -> Tensor:
    """The norm of each run at the least point of its orbit, (S,); params have a run axis."""
    pairs = [*transformer_pairs().values(), residual_pair()]
    runs = len(next(iter(params.values())))
    each = [{name: tensor[run] for name, tensor in params.items()} for run in range(runs)]
    return torch.stack([l2_norm(balance_pairs(net, pairs, tolerance=1e-4)) for net in each])


def ship(folder: Path = artifacts.FOLDER) -> Path:
    """Train all and write the histories with their manifest entry; returns the file's path."""
    runs = train_transformers(WEIGHT_DECAYS, progress=True)
    kept = Runs(
        steps=runs.steps,
        history={name: values.astype(np.float32) for name, values in runs.history.items()},
        labels=runs.labels,
    )
    path = folder / artifacts.TRANSFORMER_NORMS
    kept.save(path)
    entry = provenance("grokedu reproduce transformer-norms", SEEDS)
    artifacts.record(artifacts.TRANSFORMER_NORMS, entry, folder)
    return path
