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

cross_entropy = torch.vmap(measures.cross_entropy)
average_log_prob = torch.vmap(measures.average_log_prob)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def logits_and_labels(seed: int, scale: float) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 9, 5, generator=generator, dtype=torch.float64) * scale
    return logits, torch.randint(5, (3, 9), generator=generator)


@given(seed=st.integers(0, 10**6), scale=st.floats(0, 1e4))
@settings(deadline=None)
def test_losses_agree_with_torch_run_by_run(seed: int, scale: float) -> None:
    logits, labels = logits_and_labels(seed, scale)
    ours = cross_entropy(logits, labels)
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
    value = average_log_prob(logits)
    torch.testing.assert_close(value, average_log_prob(logits + shift))
    assert bool((value <= -math.log(5) + 1e-12).all())
    torch.testing.assert_close(value, F.log_softmax(logits, -1).mean((-2, -1)))


def test_average_log_prob_is_the_mean_cross_entropy_over_all_labels() -> None:
    logits, _ = logits_and_labels(0, 2.0)
    every = [cross_entropy(logits, torch.full((3, 9), c)) for c in range(5)]
    torch.testing.assert_close(-average_log_prob(logits), torch.stack(every).mean(0))


def test_labels_may_be_shared_by_all_runs() -> None:
    logits, labels = logits_and_labels(1, 1.0)
    shared = torch.vmap(measures.cross_entropy, in_dims=(0, None))(logits, labels[0])
    torch.testing.assert_close(shared[2], F.cross_entropy(logits[2], labels[0]))
    assert measures.accuracy(logits, labels[0]).shape == (3,)


def test_large_logits_stay_finite() -> None:
    logits = torch.tensor([[1e4, -1e4]])
    assert measures.cross_entropy(logits, torch.tensor([1])).item() == 2e4


def test_norms_of_modules_runs_and_dictionaries_agree() -> None:
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2, bias=False))
    flat = nn.utils.parameters_to_vector(net.parameters())
    torch.testing.assert_close(measures.l2_norm(net), flat.norm())
    params = dict(net.named_parameters())
    runs = {k: torch.stack([v, 2 * v]) for k, v in params.items()}
    both = torch.vmap(measures.l2_norm)(runs)
    torch.testing.assert_close(both, torch.stack([flat.norm(), 2 * flat.norm()]))
    # The gradient of a norm is the unit vector; where the norm is 0, as of new biases, it is 0.
    leaf, zero = (torch.tensor(w, requires_grad=True) for w in ([3.0, 4.0], [0.0, 0.0]))
    measures.l2_norm({"W": leaf, "b": zero}).backward()
    assert leaf.grad is not None
    assert zero.grad is not None
    torch.testing.assert_close(leaf.grad, torch.tensor([0.6, 0.8]))
    assert zero.grad.tolist() == [0, 0]
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


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_every_dtype_and_device_gives_torchs_numbers(dtype: torch.dtype, device: str) -> None:
    logits, labels = (one.to(device) for one in logits_and_labels(3, 2.0))
    logits, exact = logits.to(dtype), logits
    rows = [logits.flatten(0, 1).cpu().double(), labels.flatten().cpu()]
    for ours, theirs in (
        (cross_entropy, F.cross_entropy),
        (measures.mean_squared_error, lambda x, y: F.mse_loss(x, F.one_hot(y, 5).double())),
        (measures.accuracy, lambda x, y: (x.argmax(1) == y).double().mean()),
    ):
        found = ours(logits, labels)
        assert found.dtype == dtype
        assert found.device.type == device
        assert found.mean().item() == pytest.approx(theirs(*rows).item(), rel=1e-5)
    norm = torch.vmap(measures.l2_norm)({"A": logits, "b": logits[:, 0, 0]})
    squares = exact.square().sum((1, 2)) + exact[:, 0, 0].square()
    torch.testing.assert_close(norm, squares.sqrt().to(dtype))
    at = measures.first_reach([0, 7, 9], torch.tensor([0.0, 1.0, 1.0], device=device))
    assert at == 7


def test_a_diverged_network_classifies_nothing() -> None:
    logits = torch.zeros(2, 4, 3)
    logits[1] = torch.nan
    logits[0, 0, 2] = torch.nan
    assert measures.accuracy(logits, torch.zeros(4, dtype=torch.int64)).tolist() == [0.75, 0.0]


@pytest.mark.parametrize(
    ("logits", "labels"),
    [
        (torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)),  # no examples
        (torch.zeros(4, 3), torch.zeros(4, 1, dtype=torch.int64)),  # a column: (4, 4) comparisons
        (torch.zeros(1, 3), torch.zeros(4, dtype=torch.int64)),
        (torch.zeros(4, 3), torch.zeros(4)),
        (torch.zeros(4, 3), torch.zeros(4, dtype=torch.int64, device="meta")),
    ],
)
def test_labels_that_are_not_those_of_the_logits_are_refused(
    logits: torch.Tensor, labels: torch.Tensor
) -> None:
    for measure in (measures.accuracy, measures.mean_squared_error):
        with pytest.raises(ValueError, match=r"wanted int64 labels \(n,\)"):
            measure(logits, labels)


def test_weights_of_no_runs_and_of_one_number_a_run() -> None:
    lifted = torch.vmap(measures.l2_norm)
    assert lifted({"A": torch.ones(0, 4, 5)}).shape == (0,)
    assert lifted({"s": torch.tensor([-3.0, 4.0])}).tolist() == [3, 4]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"A": torch.ones(3, 2), "B": torch.ones(4, 2)}, "same size in the mapped dimension"),
        ({"A": torch.ones(())}, "only dimension 0|dimensionality 0"),
        ({"A": torch.ones(3), "B": torch.ones(3, device="meta")}, "different devices"),
    ],
)
def test_weights_that_do_not_belong_together_are_refused(
    params: dict[str, torch.Tensor], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        torch.vmap(measures.l2_norm)(params)
