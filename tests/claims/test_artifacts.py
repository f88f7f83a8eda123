from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from grokedu.claims import artifacts
from grokedu.measures import accuracy, l2_norm
from grokedu.models import TwoLayer
from grokedu.models.two_layer import forward
from grokedu.tasks import make_task


def test_every_artifact_is_in_the_manifest_with_its_hash_and_small() -> None:
    files = {p.name for p in artifacts.FOLDER.glob("*.safetensors")}
    assert files == set(artifacts.manifest())
    for name, entry in artifacts.manifest().items():
        assert artifacts.verified(name).stat().st_size == entry["bytes"] <= 6 * 2**20
        assert {"command", "seeds", "versions"} <= set(entry)


def test_a_changed_or_missing_file_is_refused(tmp_path: Path) -> None:
    for name in ("manifest.json", artifacts.ENSEMBLE):
        shutil.copy(artifacts.FOLDER / name, tmp_path)
    with (tmp_path / artifacts.ENSEMBLE).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ValueError, match="where the manifest says"):
        artifacts.verified(artifacts.ENSEMBLE, tmp_path)
    (tmp_path / artifacts.ENSEMBLE).unlink()
    with pytest.raises(ValueError, match="no artifact is called"):
        artifacts.verified(artifacts.ENSEMBLE, tmp_path)


def test_the_checkpoints_are_the_networks_of_the_history() -> None:
    runs = artifacts.load_ensemble().select(lr=0.01, weight_decay=1.0, fraction=0.5, seed=0)
    task = make_task("modular_addition", 31, 0.5, seed=0)
    params = runs.checkpoint(6000)
    logits = forward(params, task.inputs[task.test])
    found = accuracy(logits, task.targets[task.test]).item()
    # A weight rounded to float16 is off by 2**-11 of itself at most; so is the norm.
    assert l2_norm(params).item() == pytest.approx(runs["l2_norm"][-1, 0], rel=2**-11)
    assert found == pytest.approx(runs["test_accuracy"][-1, 0], abs=0.01)
    start = TwoLayer(31, 128).init(torch.Generator())
    assert {k: v.shape for k, v in params.items()} == {k: v.shape for k, v in start.items()}


def test_the_ensemble_is_a_full_grid() -> None:
    runs = artifacts.load_ensemble()
    sizes = [len(np.unique(runs.labels[k])) for k in ("lr", "weight_decay", "fraction", "seed")]
    assert len(runs) == np.prod(sizes)
    assert not runs.diverged().any()
