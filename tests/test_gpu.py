"""The same numbers on CUDA as on the CPU."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from grokedu.models import TwoLayer
from grokedu.tasks import make_task
from grokedu.training import train

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("activation", ["square", "relu", "gelu"])
def test_training_is_the_same_on_cuda(activation: str) -> None:
    task = partial(make_task, "modular_addition", 7, 0.5)
    cpu, cuda = (
        train(
            TwoLayer(7, 16, activation),
            task,
            seeds=3,
            steps=100,
            lr=0.01,
            weight_decay=0.3,
            dtype=torch.float64,
            device=device,
            progress=False,
        )
        for device in ("cpu", "cuda")
    )
    for name in cpu.history:
        np.testing.assert_allclose(cuda[name], cpu[name], rtol=1e-7, atol=1e-9)
