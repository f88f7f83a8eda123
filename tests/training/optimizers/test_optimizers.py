from __future__ import annotations

import copy
from functools import partial
from typing import Any

import pytest
import torch

from grokedu.training.optimizers import SGD, Adam, AdamW, EachRun, WarmUp, pack

RATES = torch.tensor([0.01, 0.1], dtype=torch.float64)
CASES: list[tuple[Any, Any, dict[str, Any]]] = [
    (AdamW, torch.optim.AdamW, {"lr": 0.01, "weight_decay": 0.3, "betas": (0.9, 0.98)}),
    (Adam, torch.optim.Adam, {"lr": 0.02, "weight_decay": 0.1, "betas": (0.8, 0.99)}),
    (SGD, torch.optim.SGD, {"lr": 0.05, "weight_decay": 0.2, "momentum": 0.9}),
    (SGD, torch.optim.SGD, {"lr": 0.05}),
]


def gradient(params: dict[str, torch.Tensor], step: int) -> dict[str, torch.Tensor]:
    # Contracting, so that rounding does not grow with the steps.
    return {name: torch.sin(weight) + 1 / (step + 1) for name, weight in params.items()}


def start(runs: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    shapes = {"A": (runs, 3, 4), "W": (runs, 5)}
    return {k: torch.randn(v, generator=generator, dtype=torch.float64) for k, v in shapes.items()}


@pytest.mark.parametrize(("ours", "theirs", "settings"), CASES)
def test_equal_to_torch(ours: Any, theirs: Any, settings: dict[str, Any]) -> None:
    params = start(2)
    reference = {name: weight.clone().requires_grad_() for name, weight in params.items()}
    other = theirs(reference.values(), **settings)
    optimizer = ours(**settings)
    state = optimizer.init(params)
    for step in range(50):
        for name, grad in gradient({k: v.detach() for k, v in reference.items()}, step).items():
            reference[name].grad = grad
        other.step()
        params, state = optimizer.step(params, gradient(params, step), state)
    for name in params:
        torch.testing.assert_close(params[name], reference[name].detach(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [AdamW, Adam, SGD])
def test_each_run_keeps_its_own_rate_and_decay(kind: Any) -> None:
    rates, decays = torch.tensor([0.01, 0.1, 0.03]), torch.tensor([0.0, 1.0, 0.3])
    params = start(3)
    alone = [{k: v[run : run + 1].clone() for k, v in params.items()} for run in range(3)]
    batch = kind(lr=rates.double(), weight_decay=decays.double())
    state = batch.init(params)
    for step in range(20):
        params, state = batch.step(params, gradient(params, step), state)
    for run in range(3):
        one = kind(lr=rates.double()[run].item(), weight_decay=decays.double()[run].item())
        state = one.init(alone[run])
        for step in range(20):
            one.step(alone[run], gradient(alone[run], step), state)
        for name in params:
            torch.testing.assert_close(params[name][run], alone[run][name][0], rtol=0, atol=1e-12)


def test_a_rate_for_the_wrong_number_of_runs_is_refused() -> None:
    params = start(3)
    optimizer = SGD(lr=torch.tensor([0.1, 0.2]))
    with pytest.raises(ValueError, match="one entry a run"):
        optimizer.step(params, params, optimizer.init(params))


@pytest.mark.parametrize("kind", [AdamW, Adam, SGD])
def test_packed_weights_move_as_the_tensors_do(kind: Any) -> None:
    rates = torch.tensor([0.01, 0.1])
    apart, (whole, views) = start(2), pack(start(2))
    optimizer = kind(lr=rates, weight_decay=0.1)
    state, packed = optimizer.init(apart), optimizer.init({"weights": whole})
    for step in range(10):
        flat = torch.cat([g.flatten(1) for g in gradient(views, step).values()], dim=1)
        optimizer.step({"weights": whole}, {"weights": flat}, packed)
        optimizer.step(apart, gradient(apart, step), state)
    for name in apart:
        torch.testing.assert_close(views[name], apart[name], rtol=0, atol=1e-15)


def test_pack_keeps_scalars_a_run_and_refuses_other_run_axes() -> None:
    _, views = pack({"scale": torch.tensor([1.0, 2.0]), "w": torch.zeros(2, 3)})
    assert views["scale"].tolist() == [1.0, 2.0]
    with pytest.raises(ValueError, match="wanted one length"):
        pack({"A": torch.zeros(2, 3), "W": torch.zeros(3, 3)})


def test_each_run_has_a_torch_optimizer_of_its_own() -> None:
    rates, params = torch.tensor([0.01, 0.1]).double(), start(2)
    alone = [{k: v[run].clone().requires_grad_() for k, v in params.items()} for run in range(2)]
    theirs = [
        torch.optim.RMSprop(one.values(), lr=rates[run].item(), momentum=0.5)
        for run, one in enumerate(alone)
    ]
    ours = EachRun(partial(torch.optim.RMSprop, momentum=0.5), lr=rates)
    state = ours.init(params)
    for step in range(20):
        for one, optimizer in zip(alone, theirs, strict=True):
            for name, grad in gradient({k: v.detach() for k, v in one.items()}, step).items():
                one[name].grad = grad
            optimizer.step()
        params, state = ours.step(params, gradient(params, step), state)
    for run, one in enumerate(alone):
        for name in params:
            torch.testing.assert_close(params[name][run], one[name].detach(), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="3 values for 2 runs"):
        EachRun(torch.optim.SGD, lr=torch.ones(3)).step(params, params, {})


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        (partial(AdamW, betas=(0.9, 0.98)), partial(torch.optim.AdamW, betas=(0.9, 0.98))),
        (partial(SGD, momentum=0.9), partial(torch.optim.SGD, momentum=0.9)),
    ],
)
def test_a_warm_up_is_torchs_schedule(kind: Any, theirs: Any) -> None:
    ours, params = WarmUp(kind, steps=4, lr=RATES, weight_decay=0.5), start(2)
    alone = [v.clone().requires_grad_() for v in params.values()]
    state = ours.init(params)
    assert ours.elementwise
    for run, rate in enumerate((0.01, 0.1)):
        leaves = [one[run].detach().clone().requires_grad_() for one in alone]
        optimizer = theirs(leaves, lr=rate, weight_decay=0.5)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step / 4, 1))
        kept, before = {k: v.clone() for k, v in params.items()}, dict(state)
        for step in range(9):
            for leaf, grad in zip(leaves, gradient(kept, step).values(), strict=True):
                leaf.grad = grad[run]
            kept, before = ours.step(kept, gradient(kept, step), copy.deepcopy(before))
            optimizer.step()
            schedule.step()
        for leaf, one in zip(leaves, kept.values(), strict=True):
            torch.testing.assert_close(one[run], leaf.detach(), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="wanted at least 1"):
        WarmUp(steps=0)
