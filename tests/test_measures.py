from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from grokedu import measures


def logits_and_labels(seed: int, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 9, 5, generator=generator, dtype=torch.float64) * scale
    return logits, torch.randint(5, (3, 9), generator=generator)


@given(seed=st.integers(0, 10**6), scale=st.floats(0, 1e4))
@settings(deadline=None)
def test_losses_agree_with_torch_run_by_run(seed: int, scale: float) -> None:
    logits, labels = logits_and_labels(seed, scale)
    ours = measures.cross_entropy(logits, labels)
    squared = measures.mean_squared_error(logits, labels)
    assert ours.shape == squared.shape == (3,)
    for run in range(3):
        torch.testing.assert_close(ours[run], F.cross_entropy(logits[run], labels[run]))
        one_hot = F.one_hot(labels[run], 5).double()
        torch.testing.assert_close(squared[run], F.mse_loss(logits[run], one_hot))


@given(seed=st.integers(0, 10**6), shift=st.floats(-100, 100))
@settings(deadline=None)
def test_average_log_prob_ignores_a_shift_and_is_at_most_uniform(seed: int, shift: float) -> None:
    logits, _ = logits_and_labels(seed, 3.0)
    value = measures.average_log_prob(logits)
    torch.testing.assert_close(value, measures.average_log_prob(logits + shift))
    assert bool((value <= -math.log(5) + 1e-12).all())
    torch.testing.assert_close(value, F.log_softmax(logits, -1).mean((-2, -1)))


def test_average_log_prob_is_the_mean_cross_entropy_over_all_labels() -> None:
    logits, _ = logits_and_labels(0, 2.0)
    every = [measures.cross_entropy(logits, torch.full((9,), c)) for c in range(5)]
    torch.testing.assert_close(-measures.average_log_prob(logits), torch.stack(every).mean(0))


def test_labels_may_be_shared_by_all_runs() -> None:
    logits, labels = logits_and_labels(1, 1.0)
    shared = measures.cross_entropy(logits, labels[0])
    torch.testing.assert_close(shared[2], F.cross_entropy(logits[2], labels[0]))
    assert measures.accuracy(logits, labels[0]).shape == (3,)


def test_large_logits_stay_finite() -> None:
    logits = torch.tensor([[1e4, -1e4]])
    assert measures.cross_entropy(logits, torch.tensor([1])).item() == 2e4


def test_norms_of_modules_runs_and_dictionaries_agree() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2, bias=False))
    flat = nn.utils.parameters_to_vector(net.parameters())
    torch.testing.assert_close(measures.l2_norm(net), flat.detach().norm())
    params = dict(net.named_parameters())
    runs = {k: torch.stack([v, 2 * v]) for k, v in params.items()}
    both = measures.l2_norm(runs, run_axis=True)
    torch.testing.assert_close(both, torch.stack([flat.norm(), 2 * flat.norm()]).detach())
    assert set(measures.tensor_norms(net)) == {"0.weight", "0.bias", "2.weight"}
    with pytest.raises(ValueError, match="no parameters"):
        measures.l2_norm({})


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 10**6))
def test_delay_ratio_and_first_reach_agree(test_accuracy: list[float], seed: int) -> None:
    count = len(test_accuracy)
    steps = np.cumsum(np.random.default_rng(seed).integers(1, 50, count))
    train_accuracy = [1.0] * count
    delay = measures.grokking_delay(steps, train_accuracy, test_accuracy, 0.9)
    ratio = measures.grokking_ratio(steps, train_accuracy, test_accuracy, 0.9)
    reach = measures.first_reach(steps, np.array(test_accuracy)[:, None], 0.9)[0]
    assert np.isnan(delay) == np.isnan(reach) == (max(test_accuracy) < 0.9)
    if not np.isnan(reach):
        assert delay == reach - steps[0]
        assert ratio == reach / steps[0]


def test_delay_edge_cases() -> None:
    assert math.isnan(measures.grokking_delay([0, 1], [0.0, 0.5], [0.0, 1.0]))
    assert measures.grokking_delay([0, 5], torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0])) == -5
    assert math.isnan(measures.grokking_ratio([0, 5], [1.0, 1.0], [0.0, 1.0]))
    with pytest.raises(ValueError, match="same length"):
        measures.grokking_delay([0, 1], [1.0], [1.0, 1.0])
    with pytest.raises(ValueError, match="one row a step"):
        measures.first_reach([0, 1], [[1.0]])


def test_the_median_of_no_runs_is_refused() -> None:
    with pytest.raises(ValueError, match="values is empty"):
        measures.censored_median(torch.tensor([]))
