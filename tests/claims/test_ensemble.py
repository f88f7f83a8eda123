from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch

from grokedu.claims import ensemble
from grokedu.claims.artifacts import load_ensemble

CELLS = [(0.01, 1.0, 0.5), (0.003, 0.3, 0.4)]


def test_the_shipped_runs_are_those_that_are_made_live() -> None:
    live = ensemble.train_cell((0.01, 1.0, 0.5), seeds=[1], steps=60)
    shipped = load_ensemble().select(lr=0.01, weight_decay=1.0, fraction=0.5, seed=1)
    at = [step for step in live.steps.tolist() if step in shipped.steps]
    mine, theirs = (np.searchsorted(runs.steps, at) for runs in (live, shipped))
    # float32 training: rounding differs between machines and grows with the steps.
    np.testing.assert_allclose(live["l2_norm"][mine], shipped["l2_norm"][theirs], rtol=1e-3)
    np.testing.assert_allclose(live["test_loss"][mine], shipped["test_loss"][theirs], rtol=1e-2)


def test_a_small_ensemble_is_the_same_in_parallel_and_after_an_interruption(tmp_path: Path) -> None:
    one = ensemble.make(tmp_path / "a", cells=CELLS, seeds=[0, 1], steps=12, progress=False)
    with ThreadPoolExecutor(2) as pool:
        ensemble.make(tmp_path / "b", cells=CELLS[:1], seeds=[0, 1], steps=12, progress=False)
        two = ensemble.make(
            tmp_path / "b", cells=CELLS, seeds=[0, 1], steps=12, executor=pool, progress=False
        )
    assert np.array_equal(one["test_loss"], two["test_loss"])
    assert one.labels["fraction"].tolist() == [0.5, 0.5, 0.4, 0.4]
    assert one.checkpoint_runs.tolist() == [0]  # only seed 0 at half of all pairs
    assert one.checkpoints[10]["A"].dtype == torch.float16
    assert one["l2_norm"].dtype == np.float32
