"""Training on a sphere: the same numbers on CUDA as on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from grokedu import sphere
from grokedu.models.mlp import MLP
from grokedu.tasks import Task
from grokedu.training import train
from grokedu.training.optimizers import Adam

pytestmark = pytest.mark.gpu


def test_a_descent_is_the_same_on_cuda() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 2, generator=generator, dtype=torch.float64), torch.arange(30) % 3
    task = Task(x, y, torch.arange(20), torch.arange(20, 30), 3, "noise")
    histories = [
        train(
            MLP((2, 8, 3)), task, seeds=[0, 0], alpha=[0.5, 2.0], lr=0.01, optimizer=Adam,
            constraint=sphere.Sphere(gradient=True), steps=50, batch_size=8, loss="mse",
            record=[0, 25, 50], dtype=torch.float64, device=device, progress=False,
        ).history
        for device in ("cpu", "cuda")
    ]  # fmt: skip
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-7, atol=1e-9)
