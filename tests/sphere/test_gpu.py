"""Symmetries, spheres and accelerators: the same numbers on CUDA as on the CPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from grokedu import sphere, symmetry
from grokedu.accelerators import GrokfastEMA, GrokfastMA, OrthogonalGradient
from grokedu.models.mlp import MLP
from grokedu.optimizers import Adam
from grokedu.symmetry import Pair

pytestmark = pytest.mark.gpu

PAIR = Pair({"A": "ij", "b": "j"}, {"W": "jo"}, "square")


def draw(seed: int, dtype: torch.dtype) -> dict[str, Tensor]:
    shapes = {"A": (3, 6), "b": (6,), "W": (6, 4)}
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(2, *shape, generator=generator, dtype=torch.float64).to(dtype)
        for name, shape in shapes.items()
    }


Weights = dict[str, Tensor]
FUNCTIONS: dict[str, Callable[[Weights, Weights], object]] = {
    "rescale": lambda w, g: symmetry.rescale(w, PAIR, 3.0),
    "balance": lambda w, g: symmetry.balance(w, PAIR),
    "charge": lambda w, g: symmetry.charge_product(w, g, PAIR),
    "orbit": lambda w, g: symmetry.random_orbit(
        {k: t[0] for k, t in w.items()}, [PAIR], torch.Generator().manual_seed(0), count=3
    ),
    "linear": lambda w, g: symmetry.linear_charge(w["A"].mT, w["W"].mT),
    "sphere": lambda w, g: sphere.Sphere(2.0).step(w, sphere.Sphere(2.0).init(w)),
    "tangent": lambda w, g: sphere.tangent(w, g, run_axis=True),
    "angle": lambda w, g: sphere.angular_step(w, g, run_axis=True),
    "measures": lambda w, g: sphere.update_measures(w, g, lr=0.1, kind="adam", run_axis=True),
    "ema": lambda w, g: GrokfastEMA().step(w, g, GrokfastEMA().init(w))[0],
    "mean": lambda w, g: GrokfastMA(1).step(w, g, GrokfastMA(1).init(w))[0],
    "orthogonal": lambda w, g: OrthogonalGradient(run_axis=True).step(w, g, {})[0],
}


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_functions_are_the_same_on_cuda(name: str, dtype: torch.dtype) -> None:
    weights, grads = draw(0, dtype), draw(1, dtype)
    there = [{k: t.cuda() for k, t in one.items()} for one in (weights, grads)]
    here, found = FUNCTIONS[name](weights, grads), FUNCTIONS[name](*there)
    torch.testing.assert_close(found, here, check_device=False)


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
