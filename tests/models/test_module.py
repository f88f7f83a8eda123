from __future__ import annotations

import pytest
import torch
from torch import nn

from grokedu.models import FromModule
from grokedu.tasks import random_stream


def build() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))


def test_runs_are_the_modules_that_were_built() -> None:
    model = FromModule(build)
    before = torch.get_rng_state()
    params = model.init([random_stream(seed, "init") for seed in (5, 6)], torch.float64)
    assert torch.equal(torch.get_rng_state(), before)
    inputs = torch.randn(2, 7, 3, generator=random_stream(0, "x"), dtype=torch.float64)
    shared, each = model.apply(params, inputs[0]), model.apply_each(params, inputs)
    for run, seed in enumerate((5, 6)):
        alone = model.init(random_stream(seed, "init"), torch.float64)
        assert all(torch.equal(params[name][run], alone[name]) for name in alone)
        net = model.module(alone)
        torch.testing.assert_close(shared[run], net(inputs[0]))
        torch.testing.assert_close(each[run], net(inputs[run]))
    assert not torch.equal(params["0.weight"][0], params["0.weight"][1])


def test_what_no_gradient_trains_is_refused() -> None:
    with pytest.raises(ValueError, match="BatchNorm1d has floating-point buffers"):
        FromModule(lambda: nn.BatchNorm1d(3))
    with pytest.raises(ValueError, match="ReLU has no parameters"):
        FromModule(nn.ReLU)
    with pytest.raises(ValueError, match="dropout, which draws from a stream"):
        FromModule(lambda: nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)))
    with pytest.raises(ValueError, match="require no gradient, weight, bias"):
        FromModule(lambda: nn.Linear(2, 2).requires_grad_(False))
    assert FromModule(lambda: nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)).eval())


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_an_integer_buffer_goes_where_the_inputs_are(device: str) -> None:
    class Chosen(nn.Linear):
        def __init__(self) -> None:
            super().__init__(3, 4)
            self.register_buffer("which", torch.tensor([2, 0]))

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return super().forward(inputs)[..., self.which]

    model = FromModule(Chosen)
    params = model.init([random_stream(seed, "init") for seed in range(2)], device=device)
    inputs = torch.ones(5, 3, device=device)
    whole = inputs @ params["weight"].mT + params["bias"].unsqueeze(1)
    torch.testing.assert_close(model.apply(params, inputs), whole[..., [2, 0]])
