from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from grokedu.models.activations import ACTIVATIONS
from grokedu.models.gradients import LOSSES, ExactGradient
from grokedu.models.two_layer import TwoLayer
from grokedu.tasks import modular_addition, random_stream


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("activation", list(ACTIVATIONS))
def test_the_closed_form_is_autograd_to_float64_accuracy(
    activation: str, biases: bool, tied: bool, loss: str
) -> None:
    p, runs, kept = 7, 3, 20
    model = TwoLayer(p, 11, activation, biases=biases, tied=tied)
    params = model.init([random_stream(s, "init") for s in range(runs)], torch.float64)
    pairs, labels = modular_addition(p)
    rows = torch.stack(
        [torch.randperm(p * p, generator=random_stream(s, "split")) for s in (0, 1, 2)]
    )
    rows = rows[:, :kept]
    weights = torch.full((runs, kept), 1 / kept, dtype=torch.float64)
    weights[1] = 0  # the second run has only ten examples; the rest pads
    weights[1, :10] = 1 / 10
    gradient = ExactGradient(model, pairs[rows], labels[rows], weights, loss)
    gradient(params)  # buffers are reused: the second call must give the same
    ours = gradient(params)
    assert {name: grad.shape for name, grad in ours.items()} == {
        k: v.shape for k, v in params.items()
    }
    for run in range(runs):
        alone = {k: v[run].clone().requires_grad_() for k, v in params.items()}
        used = rows[run, : 10 if run == 1 else kept]
        logits = model.apply(alone, pairs[used])
        if loss == "cross_entropy":
            value = F.cross_entropy(logits, labels[used])
        else:
            value = F.mse_loss(logits, F.one_hot(labels[used], p).double())
        value.backward()
        for name, weight in alone.items():
            torch.testing.assert_close(ours[name][run], weight.grad, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_neuron_and_one_pair_by_hand(dtype: torch.dtype) -> None:
    # One neuron, all weights 1: h = 2, act(h) = 4, logits (4, 4): flat, so G = (-1/2, 1/2).
    model = TwoLayer(2, 1)
    ones = {name: torch.ones(1, *shape, dtype=dtype) for name, shape in model.shapes().items()}
    pairs, labels = torch.tensor([[[0, 1]]]), torch.tensor([[0]])
    grads = ExactGradient(model, pairs, labels, torch.ones(1, 1, dtype=dtype))(ones)
    assert grads["W"].tolist() == [[[-2.0, 2.0]]]  # 4 G
    assert grads["A"].tolist() == [[[0.0], [0.0]]]  # 2h (G . W) = 0
    squared = ExactGradient(model, pairs, labels, torch.ones(1, 1, dtype=dtype), "mse")(ones)
    # Logits (4, 4) against (1, 0): G = (3, 4), dW = 4 G, dh = 2h (3 + 4) = 28.
    assert squared["W"].tolist() == [[[12.0, 16.0]]]
    assert squared["A"].tolist() == [[[28.0], [0.0]]]
    assert squared["B"].tolist() == [[[0.0], [28.0]]]


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted one of cross_entropy, mse"):
        ExactGradient(
            TwoLayer(3, 2),
            torch.zeros(1, 1, 2, dtype=torch.int64),
            torch.zeros(1, 1, dtype=torch.int64),
            torch.ones(1, 1),
            "hinge",
        )


def test_float32_keeps_the_gradient_where_the_loss_rounds_to_zero() -> None:
    model = TwoLayer(7, 16)
    single = model.init([random_stream(0, "init")])
    single["W"] *= 400
    pairs, _ = modular_addition(7)
    logits = model.apply(single, pairs)
    top = logits[0].topk(2).values
    pairs = pairs[top[:, 0] - top[:, 1] > 18][None]  # there float32's softmax is 1
    labels = model.apply(single, pairs[0]).argmax(-1)
    assert len(pairs[0]) > 5
    assert F.cross_entropy(model.apply(single, pairs[0])[0], labels[0]) == 0
    exact = {name: tensor.double() for name, tensor in single.items()}
    ours, wanted = (
        ExactGradient(model, pairs, labels, torch.ones(labels.shape, dtype=p["A"].dtype))(p)["W"]
        for p in (single, exact)
    )
    assert wanted.norm() > 0
    assert (ours - wanted).norm() < 1e-3 * wanted.norm()
