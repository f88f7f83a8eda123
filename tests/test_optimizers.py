from __future__ import annotations

from typing import Any

import pytest
import torch

from grokedu.optimizers import SGD, Adam, AdamW

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
