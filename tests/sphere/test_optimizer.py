from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from grokedu import sphere
from grokedu.measures import l2_norm, tensor_norms
from grokedu.sphere import Sphere, SphereOptimizer
from grokedu.training.optimizers import AdamW


def network(dtype: torch.dtype = torch.float64) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)).to(dtype)


def backward(net: nn.Sequential, step: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(step)
    dtype = next(net.parameters()).dtype
    x = torch.randn(16, 3, generator=generator, dtype=torch.float64).to(dtype)
    net.zero_grad()
    loss = (net(x) - x[:, :2]).square().mean()
    loss.backward()
    return loss


OPTIMIZERS: list[tuple[Any, dict[str, Any]]] = [
    (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    (torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.0}),
    (torch.optim.RMSprop, {"lr": 0.01}),
    (torch.optim.Adagrad, {"lr": 0.1}),
]


@pytest.mark.parametrize(("kind", "settings"), OPTIMIZERS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_any_torch_optimizer_stays_on_the_sphere_and_learns(
    kind: Any, settings: dict[str, Any], dtype: torch.dtype
) -> None:
    net = network(dtype)
    optimizer = SphereOptimizer(kind(net.parameters(), **settings))
    radius = l2_norm(net)
    first = backward(net, 0).item()
    for step in range(60):
        backward(net, step)
        optimizer.step()
        torch.testing.assert_close(l2_norm(net), radius)
    assert backward(net, 0).item() < 0.8 * first


@pytest.mark.parametrize("gradient", [False, True])
@pytest.mark.parametrize("per_tensor", [False, True])
def test_it_is_the_pure_constraint_around_the_same_optimizer(
    gradient: bool, per_tensor: bool
) -> None:
    net = network()
    params = {name: p.detach().clone().unsqueeze(0) for name, p in net.named_parameters()}
    ours = AdamW(lr=0.01, weight_decay=0.0)
    constraint = Sphere(per_tensor=per_tensor, gradient=gradient)
    held, state = constraint.init(params), ours.init(params)
    torch_one = torch.optim.AdamW(net.parameters(), lr=0.01, weight_decay=0.0)
    wrapped = SphereOptimizer(torch_one, per_tensor=per_tensor, gradient=gradient)
    for step in range(30):
        backward(net, step)
        grads = {
            name: p.grad[None].clone() for name, p in net.named_parameters() if p.grad is not None
        }
        wrapped.step()
        grads = constraint.project_gradient(params, grads, held)
        params, state = ours.step(params, grads, state)
        params = constraint.step(params, held)
        for name, p in net.named_parameters():
            torch.testing.assert_close(p.detach(), params[name][0], rtol=1e-9, atol=1e-12)


def test_the_moments_are_untouched_by_the_rescaling_and_see_the_projected_gradient() -> None:
    net = network()
    optimizer = SphereOptimizer(torch.optim.Adam(net.parameters(), lr=0.01), gradient=True)
    before = {name: p.detach().clone() for name, p in net.named_parameters()}
    backward(net, 0)
    grads = {name: p.grad.clone() for name, p in net.named_parameters() if p.grad is not None}
    optimizer.step()
    along = sphere.tangent(before, grads)
    for name, p in net.named_parameters():
        mean = optimizer.optimizer.state[p]["exp_avg"]
        torch.testing.assert_close(mean, 0.1 * along[name])


def test_a_closure_is_evaluated_with_its_gradient_projected() -> None:
    net, other = network(), network()
    one = SphereOptimizer(torch.optim.SGD(net.parameters(), lr=0.1), gradient=True)
    two = SphereOptimizer(torch.optim.SGD(other.parameters(), lr=0.1), gradient=True)
    for step in range(5):
        loss = one.step(lambda at=step: backward(net, at))
        assert loss.item() == backward(other, step).item()
        two.step()
    for a, b in zip(net.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(a, b)


def test_a_radius_and_the_learning_rate_that_goes_with_it() -> None:
    net = network()
    start = l2_norm(net).item()
    optimizer = SphereOptimizer(
        torch.optim.Adam(net.parameters(), lr=0.01), radius=8 * start, reference=start
    )
    assert l2_norm(net).item() == pytest.approx(8 * start)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.08)


def test_groups_schedulers_and_frozen_parameters() -> None:
    net = network()
    groups = [{"params": net[0].parameters()}, {"params": net[2].parameters(), "lr": 0.01}]
    base = torch.optim.SGD(groups, lr=0.1)
    optimizer, scheduler = SphereOptimizer(base), torch.optim.lr_scheduler.StepLR(base, 1, 0.5)
    radius = l2_norm(net)
    for step in range(3):
        backward(net, step)
        net[0].bias.grad = None
        optimizer.step()
        scheduler.step()
    torch.testing.assert_close(l2_norm(net), radius)
    assert base.param_groups[0]["lr"] == pytest.approx(0.0125)


def test_it_goes_on_from_its_state() -> None:
    net = network()
    optimizer = SphereOptimizer(torch.optim.Adam(net.parameters(), lr=0.01), radius=3.0)
    for step in range(5):
        backward(net, step)
        optimizer.step()
    saved, twin = copy.deepcopy(optimizer.state_dict()), copy.deepcopy(net)
    other = SphereOptimizer(torch.optim.Adam(twin.parameters(), lr=0.5))
    other.load_state_dict(saved)
    for step in range(5, 10):
        for one, opt in ((net, optimizer), (twin, other)):
            backward(one, step)
            opt.step()
    for a, b in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(a, b)
    assert l2_norm(twin).item() == pytest.approx(3.0)


def test_each_tensor_on_a_sphere_of_its_own() -> None:
    net = network()
    norms = tensor_norms(net)
    optimizer = SphereOptimizer(torch.optim.Adam(net.parameters(), lr=0.1), per_tensor=True)
    for step in range(5):
        backward(net, step)
        optimizer.step()
    torch.testing.assert_close(tensor_norms(net), norms)
    nn.init.zeros_(net[2].bias)
    with pytest.raises(ValueError, match="has norm 0, and so no direction"):
        SphereOptimizer(torch.optim.Adam(net.parameters()), per_tensor=True)
    with pytest.raises(ValueError, match="reference goes with one sphere"):
        SphereOptimizer(torch.optim.Adam(net[0].parameters()), per_tensor=True, reference=1.0)
