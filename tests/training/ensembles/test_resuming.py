"""A run that was cut off goes on, to the last bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from grokedu.training.ensembles import train_ensemble
from grokedu.training.optimizers import EachRun
from grokedu.training.state import Loop
from tests.training.ensembles.small import EXACT, MODEL, TASK, Start, same

KILLED = """
import os, signal, sys
from dataclasses import replace
from functools import partial
import torch
from grokedu.training.ensembles import parts
from grokedu.training.ensembles import train_ensemble
from grokedu.training.state import Loop
from grokedu.models import TwoLayer
from grokedu.tasks import make_task

save = Loop.save
def save_and_die(loop, path):
    save(loop, path)
    if loop.step == 17 and path.name == "part-0001.safetensors":
        os.kill(os.getpid(), signal.SIGKILL)
Loop.save = save_and_die
train_ensemble(
    TwoLayer(7, 12), partial(make_task, "modular_addition", 7), fraction=[0.4, 0.6],
    weight_decay=[0.1, 1.0], seed=range(3), steps=40, batch_size=9, checkpoints=[0, 40],
    shards=3, resume=sys.argv[1], save_seconds=0, progress=False, dtype=torch.float64,
)
"""


def test_killed_outright_and_resumed_it_is_the_same_to_the_bit(
    settings: dict[str, Any], tmp_path: Path, root: Path
) -> None:
    folder = tmp_path / "state"
    command = [sys.executable, "-c", KILLED, str(folder)]
    killed = subprocess.run(command, cwd=root, env=os.environ, check=False, timeout=120)
    assert killed.returncode == -signal.SIGKILL
    assert sorted(p.name for p in folder.iterdir()) == [
        "part-0000.safetensors",
        "part-0001.safetensors",
    ]
    resumed = train_ensemble(MODEL, TASK, shards=3, resume=folder, **settings)
    assert same(train_ensemble(MODEL, TASK, shards=3, **settings), resumed)
    with pytest.raises(ValueError, match="other settings"):
        train_ensemble(MODEL, TASK, shards=3, resume=folder, **(settings | {"lr": 0.5}))


@pytest.mark.parametrize("constraint", [None, Start()])
def test_a_run_of_torchs_optimizer_or_on_a_sphere_resumes_to_the_bit(
    tmp_path: Path, constraint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings: dict[str, Any] = {
        "fraction": 0.5, "steps": 20, "seed": range(2), "constraint": constraint,
        "optimizer": partial(EachRun, torch.optim.Adagrad), **EXACT,
    }  # fmt: skip
    save = Loop.save

    def save_and_die(loop: Loop, path: Any) -> None:
        save(loop, path)
        if loop.step == 7:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Loop, "save", save_and_die)
        with pytest.raises(KeyboardInterrupt):
            train_ensemble(MODEL, TASK, resume=tmp_path, save_seconds=0, **settings)
    resumed = train_ensemble(MODEL, TASK, resume=tmp_path, **settings)
    assert same(train_ensemble(MODEL, TASK, **settings), resumed)
