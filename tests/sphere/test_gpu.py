"""Training on a sphere: the same numbers on CUDA as on the CPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from grokedu import sphere
from grokedu.models.mlp import MLP
from grokedu.training.optimizers import Adam

pytestmark = pytest.mark.gpu


def test_a_descent_is_the_same_on_cuda() -> None:
    net, generator = MLP((2, 8, 3)), torch.Generator().manual_seed(0)
    x, y = torch.randn(30, 2, generator=generator, dtype=torch.float64), torch.arange(30) % 3
    histories = []
    for device in ("cpu", "cuda"):
        split = sphere.Split(*(t.to(device) for t in (x[:20], y[:20], x[20:], y[20:])))
        params = sphere.scaled_copies(net, 0, [0.5, 2.0], device)
        done = sphere.descend(
            net, {k: t.double() for k, t in params.items()}, split, optimizer=Adam(0.01),
            constraint=sphere.Sphere(gradient=True), steps=50, batch_size=8,
            generator=torch.Generator().manual_seed(1), record=[0, 25],
        )  # fmt: skip
        histories.append(done.history)
    for name, values in histories[0].items():
        np.testing.assert_allclose(histories[1][name], values, rtol=1e-7, atol=1e-9)
