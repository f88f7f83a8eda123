from __future__ import annotations

import pytest
import torch

from grokedu.measures import cross_entropy
from grokedu.models.activations import ACTIVATIONS
from grokedu.models.two_layer import TwoLayer, forward
from grokedu.tasks import modular_addition, random_stream


def test_a_batch_of_inits_is_bitwise_each_alone() -> None:
    model = TwoLayer(7, 12)
    batch = model.init([random_stream(seed, "init") for seed in range(4)])
    for seed in range(4):
        alone = model.init(random_stream(seed, "init"))
        assert all(torch.equal(batch[name][seed], alone[name]) for name in alone)


def test_init_has_the_stated_variances_and_scale() -> None:
    params = TwoLayer(97, 500, init_scale=2.0).init(random_stream(0, "init"), torch.float64)
    # A relative error of the variance of n Gaussian draws is sqrt(2/n): below 0.0065 here.
    assert params["A"].var().item() == pytest.approx(4 / (2 * 97), rel=0.04)
    assert params["W"].var().item() == pytest.approx(4 / 500, rel=0.04)


def test_the_architecture_of_many_runs_is_forward_of_each_run_alone() -> None:
    model = TwoLayer(5, 6)
    pairs, _ = modular_addition(5)
    params = model.init([random_stream(s, "init") for s in range(3)], torch.float64)
    logits = model.apply(params, pairs)
    assert logits.shape == (3, 25, 5)
    torch.testing.assert_close(torch.vmap(forward, in_dims=(0, None))(params, pairs), logits)
    for run in range(3):
        alone = {name: tensor[run] for name, tensor in params.items()}
        torch.testing.assert_close(logits[run], forward(alone, pairs))


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_the_module_is_the_same_function_and_shares_memory(activation: str) -> None:
    model = TwoLayer(5, 6, activation)
    pairs, labels = modular_addition(5)
    params = model.init(random_stream(0, "init"))
    net = model.module(params)
    assert torch.equal(net(pairs), model.apply(params, pairs))
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    cross_entropy(net(pairs), labels).backward()
    optimizer.step()
    assert torch.equal(net.A, params["A"])


def test_biases_and_tied_embeddings_by_hand() -> None:
    model = TwoLayer(2, 1, "relu", biases=True, tied=True)
    params = {
        "A": torch.tensor([[1.0], [-3.0]]),
        "W": torch.tensor([[2.0, -1.0]]),
        "b": torch.tensor([0.5]),
        "c": torch.tensor([0.0, 10.0]),
    }
    # (0, 0): 1 + 1 + 0.5 = 2.5; (0, 1): 1 - 3 + 0.5 < 0, so that only c is left.
    logits = model.apply(params, torch.tensor([[0, 0], [0, 1]]))
    assert logits.tolist() == [[5.0, 7.5], [0.0, 10.0]]
    assert model.init(random_stream(0, "init")).keys() == params.keys()


def test_biases_are_drawn_after_the_weights() -> None:
    plain, with_biases = (
        TwoLayer(5, 6, biases=biases).init(random_stream(3, "init")) for biases in (False, True)
    )
    assert all(torch.equal(plain[name], with_biases[name]) for name in plain)


@pytest.mark.parametrize(
    "bad",
    [
        {"p": 1, "width": 4},
        {"p": 5, "width": 0},
        {"p": 5, "width": 4, "activation": "tanh"},
        {"p": 5, "width": 4, "init_scale": 0.0},
    ],
)
def test_bad_architectures_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"wanted|must be positive"):
        TwoLayer(**bad)  # type: ignore[arg-type]
