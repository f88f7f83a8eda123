"""Diagnostics of traces against processes whose autocorrelation is known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from grokedu.llc.sampling.diagnostics import drift, effective_draws, monte_carlo_error, split_rhat
from grokedu.tasks import random_stream


def autoregressive(rho: float, draws: int, chains: int, seed: int = 0) -> Tensor:
    """x <- rho x + noise, from its stationary distribution, with variance 1."""
    noise = torch.randn(
        draws, chains, generator=random_stream(seed, "trace"), dtype=torch.float64
    ) * math.sqrt(1 - rho**2)
    trace = [noise[0] / math.sqrt(1 - rho**2)]
    for row in noise[1:]:
        trace.append(rho * trace[-1] + row)
    return torch.stack(trace)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5, 0.9])
def test_effective_draws_of_an_autoregressive_process(rho):
    trace = autoregressive(rho, 5000, 8)
    exact = trace.numel() * (1 - rho) / (1 + rho)
    assert effective_draws(trace) == pytest.approx(exact, rel=0.15)


@pytest.mark.parametrize("rho", [0.0, 0.8])
def test_the_monte_carlo_error_is_the_error(rho):
    scores = []
    for seed in range(300):
        trace = autoregressive(rho, 400, 8, seed)
        scores.append(trace.mean().item() / monte_carlo_error(trace))
    assert torch.tensor(scores).std().item() == pytest.approx(1, abs=0.15)


def test_rhat_is_one_for_chains_that_agree():
    assert split_rhat(autoregressive(0.5, 4000, 8)) == pytest.approx(1, abs=0.01)


def test_rhat_sees_one_chain_elsewhere_and_a_common_drift():
    trace = autoregressive(0.0, 400, 8)
    apart = trace.clone()
    apart[:, 0] += 5
    climbing = trace + torch.linspace(0, 5, 400, dtype=torch.float64).unsqueeze(1)
    assert split_rhat(apart) > 1.2
    assert split_rhat(climbing) > 1.2


def test_chains_that_differ_count_for_few_draws():
    trace = autoregressive(0.0, 400, 8)
    assert effective_draws(trace + 10 * torch.arange(8)) < 40


def test_drift_is_the_difference_of_the_thirds():
    trace = autoregressive(0.0, 300, 8)
    moved, error = drift(trace + torch.arange(300).unsqueeze(1) // 100)
    assert moved == pytest.approx(2, abs=4 * error)
    assert error == pytest.approx(math.sqrt(2 / 800), rel=0.2)


def test_a_number_that_is_not_finite_gives_none():
    trace = autoregressive(0.0, 40, 4)
    trace[3, 2] = torch.nan
    assert all(math.isnan(f(trace)) for f in (split_rhat, effective_draws, monte_carlo_error))


def test_nothing_that_varies():
    still = torch.ones(20, 4)
    assert split_rhat(still) == 1
    assert monte_carlo_error(still) == 0
    assert split_rhat(still + torch.arange(4)) == math.inf


def test_a_trace_has_draws_and_chains():
    with pytest.raises(ValueError, match=r"shape \(5,\); wanted \(draws, chains\)"):
        split_rhat(torch.zeros(5))
