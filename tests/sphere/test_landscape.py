from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from grokedu import sphere
from grokedu.measures import l2_norm
from grokedu.models import TwoLayer
from grokedu.models.mlp import MLP
from grokedu.sphere import Sphere, SphereSteps, TangentGradient
from grokedu.tasks import Task, make_task, random_stream
from grokedu.training import train
from grokedu.training.optimizers import Adam
from grokedu.training.runs import Runs


def clusters(size: int = 20, seed: int = 0, test: int = 40) -> Task:
    """Three clusters in the plane, far apart."""
    generator = random_stream(seed, "split")
    labels = torch.arange(size + test) % 3
    centres = torch.tensor([[3.0, 0.0], [-3.0, 1.0], [0.0, -3.0]])
    x = centres[labels] + 0.3 * torch.randn(size + test, 2, generator=generator)
    return Task(x, labels, torch.arange(size), torch.arange(size, size + test), 3, "clusters")


NET = MLP((2, 8, 3))


def go(alphas: list[float], lr: list[float], **more: Any) -> Runs:
    settings: dict[str, Any] = {
        "steps": 100, "optimizer": Adam, "constraint": Sphere(gradient=True), "loss": "mse",
        "batch_size": 8, "record": [0, 10, 100], "dtype": torch.float64, "progress": False,
        "schedule": lambda done: 1 - done, "checkpoints": [9, 10],
    }  # fmt: skip
    seeds = [0] * len(alphas)
    return train(NET, clusters(), seeds=seeds, alpha=alphas, lr=lr, **settings | more)


def test_runs_side_by_side_are_the_runs_alone() -> None:
    alphas, rates = [0.5, 2.0], [0.01, 0.05]
    both = go(alphas, rates)
    assert both.steps.tolist() == [0, 10, 100]
    for run in (0, 1):
        alone = go(alphas[run : run + 1], rates[run : run + 1])
        for name, values in alone.history.items():
            np.testing.assert_allclose(both[name][:, run], values[:, 0], rtol=1e-9)
        for name, weight in alone.params.items():
            torch.testing.assert_close(both.params[name][run], weight[0], rtol=1e-9, atol=1e-9)
    angles = torch.vmap(sphere.angular_step)(both.checkpoints[9], both.checkpoints[10])
    assert (angles > 0).all()
    np.testing.assert_allclose(both["l2_norm"][-1], both["l2_norm"][0], rtol=1e-9)


@pytest.mark.parametrize("gradient", [False, True])
def test_a_step_of_ones_own_trains_as_the_constraint_does(gradient: bool) -> None:
    alphas, rates = [0.5, 2.0], [0.01, 0.05]
    ours = go(alphas, rates, constraint=Sphere(gradient=gradient))
    theirs = go(
        alphas,
        rates,
        optimizer=partial(SphereSteps, torch.optim.Adam),
        constraint=TangentGradient(sphere.tangent) if gradient else None,
    )
    for name, weight in ours.params.items():
        torch.testing.assert_close(theirs.params[name], weight, rtol=1e-9, atol=1e-9)


def test_a_landscape_holds_every_norm_and_crosses_everything() -> None:
    alphas, sizes = [0.1, 1.0, 3.0], [6, 24]
    found = sphere.alpha_landscape(
        NET, clusters, alphas=alphas, sizes=sizes, seeds=[0, 1], steps=150, lr=0.02,
        batch_size=12, progress=False,
    )  # fmt: skip
    assert found.test_loss.shape == (2, 3, 2)
    base = l2_norm(NET.init(random_stream(1, "init"))).item()
    np.testing.assert_allclose(found.radius[:, :, 1], np.outer([1, 1], alphas) * base, 1e-5)
    # ReLU layers of norms a and b, with a^2 + b^2 <= r^2, and a bias of at most r: an output is at
    # most |x, 1| r^2 / 2 + r, which stays short of its target
    inputs = torch.cat([clusters(24, seed).inputs[:24] for seed in (0, 1)])
    reach = float((1 + inputs.square().sum(dim=1)).sqrt().max())
    bound = (1 - (reach * found.radius[:, 0] ** 2 / 2 + found.radius[:, 0])) ** 2 / 3
    assert (found.train_loss[:, 0] >= bound).all()
    assert (found.train_loss[:, 2] < bound).all()


def test_a_scaled_rate_turns_every_radius_alike() -> None:
    alphas, angles = [1.0, 4.0], {}
    for name, rates in (("given", [0.01, 0.01]), ("scaled", [0.01, 0.04])):
        done = train(
            TwoLayerOnPlane(), clusters(), seeds=[0, 0], alpha=alphas, lr=rates, optimizer=Adam,
            constraint=Sphere(), steps=1, loss="mse", checkpoints=[0, 1], progress=False,
        )  # fmt: skip
        turned = torch.vmap(sphere.angular_step)(done.checkpoints[0], done.checkpoints[1])
        angles[name] = turned.tolist()
    # Adam's first step is the sign of the gradient whatever its size: in both runs the same one
    assert angles["given"][0] / angles["given"][1] == pytest.approx(4, rel=0.02)
    assert angles["scaled"][0] == pytest.approx(angles["scaled"][1], rel=0.02)


class TwoLayerOnPlane:
    """A linear network: at every scale the sign of its gradient is the same for this loss."""

    def init(
        self, generator: Any, dtype: torch.dtype = torch.float32, device: Any = "cpu"
    ) -> dict[str, torch.Tensor]:
        return {
            "w": torch.stack([torch.randn(2, 3, generator=one, dtype=dtype) for one in generator])
        }

    def apply(self, params: Any, inputs: torch.Tensor) -> torch.Tensor:
        return 1e-3 * inputs @ params["w"]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: sphere.alpha_landscape(
                NET, clusters, alphas=[0.0], sizes=[6], seeds=[0], steps=1, progress=False
            ),
            "positive alphas",
        ),
        (
            lambda: sphere.Landscape(*[np.zeros(2)] * 3, *[np.zeros((2, 2))] * 5),
            r"train_loss has shape \(2, 2\); wanted \(2, 2, 2\)",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_another_architecture_serves() -> None:
    task = make_task("modular_addition", 3, 0.5, seed=0)
    found = sphere.alpha_landscape(
        TwoLayer(3, 16), lambda size, seed: task, alphas=[2.0], sizes=[4], seeds=[0], steps=100,
        lr=0.01, loss="cross_entropy", scale_lr=True, progress=False,
    )  # fmt: skip
    assert found.train_accuracy.item() == 1
