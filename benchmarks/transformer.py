"""A training step of the one-layer transformer: the plain module beside the tables.

Plain is an ordinary PyTorch module of all three positions with torch's default AdamW; by tables is
a step of the library's loop. Full batch, float32; steps are taken in turn, seconds are medians.
The differences are between the two ways' outputs and gradients at the start, relative to the
largest entry.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from grokedu.models.transformer import TransformerModule
from grokedu.training import recipes
from grokedu.training.optimizers import AdamW
from grokedu.training.state import Loop

CASES = ("p113-nanda", "p53-transformer")
STEPS = 20


def measure() -> list[dict[str, Any]]:
    """One row a setting and number of threads."""
    before = torch.get_num_threads()
    rows = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        rows += [_row(name, threads) for name in CASES]
    torch.set_num_threads(before)
    return rows


def _row(name: str, threads: int) -> dict[str, Any]:
    recipe = recipes.TRANSFORMERS[name]
    task, betas = recipe.task(0), (0.9, 0.98)
    optimizer = AdamW(recipe.lr, recipe.weight_decay, betas)
    loop = Loop(recipe.model, [task], {"seed": np.array([0])}, optimizer, {})
    start = {key: tensor[0].clone() for key, tensor in loop.params.items()}
    plain = TransformerModule(recipe.model, start, plain=True)
    usual = torch.optim.AdamW(
        plain.parameters(), recipe.lr, weight_decay=recipe.weight_decay, betas=betas
    )
    pairs, labels = task.inputs[task.train], task.targets[task.train]

    def plain_step() -> None:
        usual.zero_grad()
        F.cross_entropy(plain(pairs), labels).backward()
        usual.step()

    logits = plain(pairs)
    F.cross_entropy(logits, labels).backward()
    ours = loop.gradient(loop.params)
    by_logits = _difference(recipe.model.apply(loop.params, pairs)[0], logits.detach())
    by_gradient = max(_difference(ours[k][0], w.grad) for k, w in plain.named_parameters())
    steps: dict[str, Callable[[], None]] = {"plain": plain_step, "tables": loop.advance}
    seconds: dict[str, list[float]] = {way: [] for way in steps}
    for _ in range(STEPS + 2):
        for way, step in steps.items():
            began = time.perf_counter()
            step()
            seconds[way].append(time.perf_counter() - began)
    each = {way: statistics.median(taken[2:]) for way, taken in seconds.items()}
    return {
        "setting": name,
        "threads": threads,
        "plain ms": round(1000 * each["plain"], 1),
        "tables ms": round(1000 * each["tables"], 1),
        "ratio": round(each["plain"] / each["tables"], 1),
        "of outputs": f"{by_logits:.0e}",
        "of gradients": f"{by_gradient:.0e}",
    }


def _difference(ours: torch.Tensor, theirs: torch.Tensor | None) -> float:
    assert theirs is not None
    return float((ours - theirs).abs().max() / theirs.abs().max())
