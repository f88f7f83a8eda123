from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from grokedu import sphere
from grokedu.measures import l2_norm
from grokedu.models import TwoLayer
from grokedu.models.gradients import ExactGradient
from grokedu.models.mlp import MLP
from grokedu.sphere import Split
from grokedu.tasks import modular_addition, random_stream
from grokedu.training.optimizers import SGD, Adam, AdamW


def clusters(size: int = 20, seed: int = 0, test: int = 40) -> Split:
    """Three clusters in the plane, far apart."""
    generator = random_stream(seed, "split")
    labels = torch.arange(size + test) % 3
    centres = torch.tensor([[3.0, 0.0], [-3.0, 1.0], [0.0, -3.0]])
    x = centres[labels] + 0.3 * torch.randn(size + test, 2, generator=generator)
    return Split(x[:size], labels[:size], x[size:], labels[size:])


NET = MLP((2, 8, 3))


def test_runs_side_by_side_are_the_runs_alone() -> None:
    split, alphas = clusters(), [0.5, 2.0]
    params = {k: t.double() for k, t in sphere.scaled_copies(NET, 0, alphas).items()}

    def go(weights: dict[str, torch.Tensor], rate: Any) -> sphere.Descent:
        return sphere.descend(
            NET, weights, split, optimizer=Adam(rate), constraint=sphere.Sphere(gradient=True),
            steps=40, batch_size=8, generator=random_stream(0, "batches"), record=[0, 10],
            schedule=lambda done: 1 - done,
        )  # fmt: skip

    both = go(params, torch.tensor([0.01, 0.05], dtype=torch.float64))
    assert both.steps == [0, 10, 40]
    for run, rate in enumerate((0.01, 0.05)):
        alone = go({name: t[run : run + 1] for name, t in params.items()}, rate)
        for name, values in alone.history.items():
            np.testing.assert_allclose(both.history[name][:, run], values[:, 0], rtol=1e-9)
    assert np.isnan(both.history["angular_step"][0]).all()
    assert (both.history["angular_step"][1] > 0).all()
    np.testing.assert_allclose(both.history["l2_norm"][-1], both.history["l2_norm"][0], rtol=1e-9)


def test_it_does_not_change_the_weights_it_is_given_and_is_plain_training_unconstrained() -> None:
    split = clusters()
    params = sphere.scaled_copies(NET, 0, [1.0])
    copy = {name: t.clone() for name, t in params.items()}
    done = sphere.descend(
        NET, params, split, optimizer=SGD(lr=0.1), steps=5, generator=torch.Generator()
    )
    assert all(torch.equal(params[name], copy[name]) for name in params)
    leaves = {name: t.clone().requires_grad_() for name, t in copy.items()}
    optimizer = torch.optim.SGD(leaves.values(), lr=0.1)
    target = torch.nn.functional.one_hot(split.train_labels, 3).float()
    for _ in range(5):
        optimizer.zero_grad()
        ((NET.apply(leaves, split.train_inputs) - target) ** 2).mean().backward()
        optimizer.step()
    for name in params:
        torch.testing.assert_close(done.params[name], leaves[name].detach())


def test_a_gradient_in_closed_form_and_an_early_end() -> None:
    model, (pairs, labels) = TwoLayer(5, 16), modular_addition(5)
    split = Split(pairs[:15], labels[:15], pairs[15:], labels[15:])
    params = {k: v.double() for k, v in sphere.scaled_copies(model, 0, [1.0]).items()}
    weights = torch.full((1, 15), 1 / 15, dtype=torch.float64)
    exact = ExactGradient(model, pairs[None, :15], labels[None, :15], weights)
    settings: dict[str, Any] = {
        "optimizer": Adam(0.03), "steps": 200, "loss": "cross_entropy", "record": range(0, 200, 10),
        "generator": torch.Generator(), "stop": lambda row: row["train_accuracy"].min() == 1,
    }  # fmt: skip
    one = sphere.descend(model, params, split, **settings)
    two = sphere.descend(model, params, split, **settings, gradient=exact)
    assert one.steps == two.steps
    assert 0 < one.steps[-1] < 200
    assert one.history["train_accuracy"][-2] < 1
    np.testing.assert_allclose(one.history["test_loss"], two.history["test_loss"], rtol=1e-9)
    with pytest.raises(ValueError, match="batch_size is 5 with a gradient given"):
        sphere.descend(model, params, split, **settings, gradient=exact, batch_size=5)


def test_a_schedule_multiplies_the_rate_of_every_step() -> None:
    split, seen = clusters(), []

    def schedule(done: float) -> float:
        seen.append(done)
        return 0.0

    params = sphere.scaled_copies(NET, 0, [1.0])
    done = sphere.descend(
        NET, params, split, optimizer=AdamW(lr=0.1), steps=4, generator=torch.Generator(),
        schedule=schedule,
    )  # fmt: skip
    assert seen == [0.0, 0.25, 0.5, 0.75]
    assert all(torch.equal(done.params[name], params[name]) for name in params)


def test_batches_are_epochs_without_replacement() -> None:
    seen: list[torch.Tensor] = []

    class Spy:
        def init(self, generator: Any) -> dict[str, torch.Tensor]:
            return {"w": torch.ones(1, 3)}

        def apply(self, params: Any, inputs: torch.Tensor) -> torch.Tensor:
            if params["w"].requires_grad:
                seen.append(inputs[:, 0])
            return params["w"].unsqueeze(1) * inputs

    x = torch.arange(6.0).unsqueeze(1).expand(6, 3)
    split = Split(x, torch.zeros(6, dtype=torch.int64), x, torch.zeros(6, dtype=torch.int64))
    spy = Spy()
    sphere.descend(
        spy, spy.init(None), split, optimizer=SGD(lr=0.0), steps=6, batch_size=2,
        generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    for epoch in (seen[:3], seen[3:]):
        assert sorted(torch.cat(epoch).tolist()) == [0, 1, 2, 3, 4, 5]


def test_a_landscape_holds_every_norm_and_crosses_everything() -> None:
    alphas, sizes = [0.1, 1.0, 3.0], [6, 24]
    found = sphere.alpha_landscape(
        NET, clusters, alphas=alphas, sizes=sizes, seeds=[0, 1], steps=150, lr=0.02,
        batch_size=12, progress=False,
    )  # fmt: skip
    assert found.test_loss.shape == (2, 3, 2)
    base = l2_norm(sphere.scaled_copies(NET, 1, [1.0]), run_axis=True).item()
    np.testing.assert_allclose(found.radius[:, :, 1], np.outer([1, 1], alphas) * base, 1e-5)
    # ReLU layers of norms a and b, with a^2 + b^2 <= r^2, and a bias of at most r: an output is at
    # most |x, 1| r^2 / 2 + r, which stays short of its target
    inputs = torch.cat([clusters(24, seed).train_inputs for seed in (0, 1)])
    reach = float((1 + inputs.square().sum(dim=1)).sqrt().max())
    bound = (1 - (reach * found.radius[:, 0] ** 2 / 2 + found.radius[:, 0])) ** 2 / 3
    assert (found.train_loss[:, 0] >= bound).all()
    assert (found.train_loss[:, 2] < bound).all()


def test_a_scaled_rate_turns_every_radius_alike() -> None:
    split, alphas = clusters(), [1.0, 4.0]
    params = sphere.scaled_copies(TwoLayerOnPlane(), 0, alphas)
    angles = {}
    for name, rate in (("given", 0.01), ("scaled", torch.tensor([0.01, 0.04]))):
        done = sphere.descend(
            TwoLayerOnPlane(), params, split, optimizer=Adam(rate), constraint=sphere.Sphere(),
            steps=1, generator=torch.Generator(),
        )  # fmt: skip
        angles[name] = done.history["angular_step"][-1]
    # Adam's first step is the sign of the gradient whatever its size: in both runs the same one
    assert angles["given"][0] / angles["given"][1] == pytest.approx(4, rel=0.02)
    assert angles["scaled"][0] == pytest.approx(angles["scaled"][1], rel=0.02)


class TwoLayerOnPlane:
    """A linear network: at every scale the sign of its gradient is the same for this loss."""

    def init(self, generator: Any) -> dict[str, torch.Tensor]:
        return {"w": torch.randn(1, 2, 3, generator=generator[0])}

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
            lambda: sphere.descend(
                NET, {}, clusters(), optimizer=SGD(), steps=1, generator=torch.Generator(),
                loss="hinge",
            ),
            "wanted one of mse, cross_entropy",
        ),
        (
            lambda: sphere.descend(
                NET, {}, clusters(5), optimizer=SGD(), steps=1, generator=torch.Generator(),
                batch_size=6,
            ),
            "with 5 examples to train",
        ),
        (
            lambda: sphere.descend(
                NET, {}, clusters(5, test=0), optimizer=SGD(), steps=1, generator=torch.Generator()
            ),
            "0 to test on",
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
    task = sphere.Split(
        torch.tensor([[0, 1], [1, 2]]), torch.tensor([1, 0]),
        torch.tensor([[2, 2]]), torch.tensor([1]),
    )  # fmt: skip
    found = sphere.alpha_landscape(
        TwoLayer(3, 16), lambda size, seed: task, alphas=[2.0], sizes=[2], seeds=[0], steps=100,
        lr=0.01, loss="cross_entropy", scale_lr=True, progress=False,
    )  # fmt: skip
    assert found.train_accuracy.item() == 1
