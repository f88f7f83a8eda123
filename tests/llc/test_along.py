"""Many points side by side give what each gives alone."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from torch import nn

from grokedu.llc import estimate_llc, llc_along, llc_grid
from grokedu.models import TwoLayer
from grokedu.models.gradients import ExactLoss
from grokedu.tasks import make_task, random_stream
from grokedu.training.threads import one_thread
from tests.llc.losses import quadratic

along = partial(llc_along, progress=False, gradients=200)


def checkpoints(count: int) -> tuple[ExactLoss, dict[int, dict[str, torch.Tensor]], int]:
    model, task = TwoLayer(11, 16), make_task("modular_addition", 11, 0.8, seed=0)
    loss = ExactLoss(model, task.inputs[task.train], task.targets[task.train])
    steps = {10 * at: model.init(random_stream(at, "init")) for at in range(count)}
    return loss, steps, len(task.train)


def test_a_checkpoint_gives_the_same_alone_and_beside_others():
    loss, steps, n = checkpoints(3)
    together = along(steps, model=loss, n=n, gamma=10.0, chains=4)
    for step, found in zip(steps, together, strict=True):
        alone = along({step: steps[step]}, model=loss, n=n, gamma=10.0, chains=4)[0]
        assert alone.value == pytest.approx(found.value, rel=0.05)
        assert alone.loss_at_center == pytest.approx(found.loss_at_center, rel=1e-5)


def test_threads_change_nothing():
    loss, steps, n = checkpoints(3)
    in_threads = along(steps, model=loss, n=n, gamma=10.0, chains=64)
    with one_thread():
        in_one = along(steps, model=loss, n=n, gamma=10.0, chains=64)
    assert [a.value for a in in_threads] == [b.value for b in in_one]


def test_modules_and_their_state_are_the_same():
    stream = random_stream(0, "data")
    x, y = torch.randn(60, 3, generator=stream), torch.randn(60, 1, generator=stream)
    nets = [nn.Linear(3, 1), nn.Linear(3, 1)]
    loss = nn.functional.mse_loss
    of_modules = along(nets, x, y, loss)
    of_states = along([net.state_dict() for net in nets], x, y, loss, model=nn.Linear(3, 1))
    assert [a.value for a in of_modules] == [b.value for b in of_states]
    assert of_modules[1].value == pytest.approx(
        estimate_llc(nets[1], x, y, loss, gradients=200, progress=False).value, rel=0.3, abs=0.5
    )


def test_each_checkpoint_may_have_a_gamma_of_its_own():
    loss, center = quadratic([1.0] * 6)
    found = along(
        [center, center], model=loss, n=1e4, gamma=[0.0, 1e4 / math.log(1e4)], gradients=800
    )
    assert found[0].value == pytest.approx(3, abs=0.4)
    assert found[1].value == pytest.approx(1.5, abs=0.2)


def test_a_grid_has_a_row_for_each_gamma():
    loss, center = quadratic([1.0] * 6)
    grid = llc_grid(
        loss, params=center, n=1e4, gammas=[1.0, 10.0], nbetas=[10.0, 100.0, 1000.0],
        gradients=800, progress=False,
    )  # fmt: skip
    assert [[(one.gamma, one.nbeta) for one in row] for row in grid] == [
        [(gamma, nbeta) for nbeta in (10.0, 100.0, 1000.0)] for gamma in (1.0, 10.0)
    ]
    for row in grid:
        for one in row:
            exact = 3 * one.nbeta / (one.nbeta + one.gamma)
            assert one.value == pytest.approx(exact, abs=5 * one.standard_error)


@pytest.mark.parametrize(
    ("given", "settings", "message"),
    [
        ([], {}, "no checkpoints were given"),
        ([{"w": torch.zeros(3)}], {}, "need the model they belong to"),
        ({"w": torch.zeros(3)}, {}, "got tensors for checkpoints; wanted dictionaries"),
        (
            [{"w": torch.zeros(3)}, {"w": torch.zeros(4)}],
            {"model": quadratic([1.0] * 3)[0], "n": 100},
            r"in checkpoint 1 'w' is \(4,\); wanted shape \(3,\)",
        ),
        (
            [{"w": torch.zeros(3)}, {"v": torch.zeros(3)}],
            {"model": quadratic([1.0] * 3)[0], "n": 100},
            r"in checkpoint 1 'w' is not among \['v'\]",
        ),
        (
            [{"w": torch.zeros(3)}],
            {"model": quadratic([1.0] * 3)[0], "n": 100, "gamma": [1.0, 2.0]},
            r"gamma has shape \(2,\); wanted a number, or one for each of 1 points",
        ),
    ],
)
def test_bad_input(given, settings, message):
    with pytest.raises(ValueError, match=message):
        along(given, **settings)


def test_an_empty_grid():
    loss, center = quadratic([1.0] * 3)
    with pytest.raises(ValueError, match="gammas or nbetas are empty"):
        llc_grid(loss, params=center, n=100, gammas=[], nbetas=[1.0])
