from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from grokedu.measures import l2_norm
from grokedu.models import MLP
from grokedu.models.teacher_student import Student, teacher_task
from grokedu.tasks import random_stream

NORMS = [  # SCIENCE: the expected norm at α = 1 and the number of parameters
    ((784, 200, 200, 10), 11.709, 199_210),
    (
        (5, 100, 100, 5),
        math.sqrt(5 * 100 / 15 + 100 / 15 + 101 * 100 / 300 + 101 * 5 / 300),
        11_205,
    ),
]


@pytest.mark.parametrize(("widths", "norm", "count"), NORMS)
def test_the_norm_at_the_start_is_the_published_one(
    widths: tuple[int, ...], norm: float, count: int
) -> None:
    model = MLP(widths, init_scale=8.0)
    params = model.init(random_stream(0, "init"), torch.float64)
    assert sum(tensor.numel() for tensor in params.values()) == count
    # Uniform draws: the relative error of the squared norm has a deviation of sqrt(4/5 / count),
    # a little more as layers differ; the norm's is half of it. Five deviations.
    assert l2_norm(params).item() / 8 == pytest.approx(norm, rel=5 * math.sqrt(0.8 * 3 / count) / 2)


@pytest.mark.parametrize("activation", ["relu", "tanh", "gelu"])
def test_it_is_torchs_own_network(activation: str) -> None:
    layer = {"relu": nn.ReLU, "tanh": nn.Tanh, "gelu": nn.GELU}[activation]
    net = nn.Sequential(nn.Linear(6, 5), layer(), nn.Linear(5, 4), layer(), nn.Linear(4, 3))
    net = net.double()
    model = MLP((6, 5, 4, 3), activation)
    params = {}
    for number, linear in enumerate((net[0], net[2], net[4]), start=1):
        params |= {f"W{number}": linear.weight.T, f"b{number}": linear.bias}
    inputs = torch.randn(7, 6, generator=random_stream(0, "x"), dtype=torch.float64)
    torch.testing.assert_close(model.apply(params, inputs), net(inputs), rtol=1e-13, atol=1e-14)


def test_a_batch_of_runs_is_each_alone_with_shared_inputs_or_their_own() -> None:
    model = MLP((4, 6, 3))
    streams = [random_stream(seed, "init") for seed in range(3)]
    params = model.init(streams, torch.float64)
    inputs = torch.randn(3, 5, 4, generator=random_stream(0, "x"), dtype=torch.float64)
    shared, each = model.apply(params, inputs[0]), model.apply_each(params, inputs)
    for run in range(3):
        alone = model.init(random_stream(run, "init"), torch.float64)
        assert all(torch.equal(params[name][run], alone[name]) for name in alone)
        torch.testing.assert_close(shared[run], model.apply(alone, inputs[0]))
        torch.testing.assert_close(each[run], model.apply(alone, inputs[run]))


def test_images_are_flattened_and_the_module_shares_memory() -> None:
    model = MLP((784, 8, 10))
    params = model.init(random_stream(0, "init"))
    net = model.module(params)
    images = torch.rand(2, 28, 28, generator=random_stream(0, "x"))
    assert torch.equal(net(images), model.apply(params, images.flatten(1)))
    with torch.no_grad():
        net.b2.fill_(3.0)
    assert (params["b2"] == 3).all()


def test_the_teacher_fits_its_own_task() -> None:
    task = teacher_task(3, train=20, test=30)
    teacher = Student().init(random_stream(3, "teacher"), torch.float64)
    torch.testing.assert_close(Student().apply(teacher, task.inputs), task.targets)
    assert (len(task.train), len(task.test), task.classes) == (20, 30, 5)
    with pytest.raises(ValueError, match="both must be at least 1"):
        teacher_task(0, train=0)


@pytest.mark.parametrize(
    "bad", [{"widths": (3,)}, {"widths": (3, 0)}, {"activation": "square"}, {"init_scale": 0.0}]
)
def test_bad_architectures_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"wanted|must be positive"):
        MLP(**bad)
