from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from grokedu.training.optimizers.accelerators import (
    GrokfastEMA,
    GrokfastMA,
    OrthogonalGradient,
    log_stablemax,
    stablemax,
    stablemax_cross_entropy,
    transform_gradients,
)

DTYPES = [torch.float32, torch.float64]


def draw(seed: int, dtype: torch.dtype = torch.float64, runs: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"A": (runs, 4, 5), "b": (runs, 5)}
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_exponential_filter_is_the_weighted_sum_of_the_past(dtype: torch.dtype) -> None:
    ema, params = GrokfastEMA(decay=0.9, amplify=2.0), draw(0, dtype)
    state = ema.init(params)
    past = [draw(seed, dtype) for seed in range(1, 6)]
    for grads in past:
        out, state = ema.step(params, grads, state)
    weights = [0.9**4, *(0.1 * 0.9 ** (4 - at) for at in range(1, 5))]  # the first one starts it
    for name in params:
        mean = sum(w * g[name] for w, g in zip(weights, past, strict=True))
        torch.testing.assert_close(out[name], past[-1][name] + 2 * mean)


@pytest.mark.parametrize("filter", [GrokfastEMA(0.9, 2.0), GrokfastMA(3, 2.0)])
def test_a_constant_gradient_is_amplified_by_one_plus_lambda(filter: Any) -> None:
    params, grads = draw(0), draw(1)
    state = filter.init(params)
    for _ in range(5):
        out, state = filter.step(params, grads, state)
    for name in params:
        torch.testing.assert_close(out[name], 3 * grads[name])


def test_the_moving_average_forgets_what_left_its_window() -> None:
    average, params = GrokfastMA(window=3, amplify=1.0), draw(0)
    state = average.init(params)
    past = [draw(seed) for seed in range(1, 8)]
    for at, grads in enumerate(past):
        out, state = average.step(params, grads, state)
        full = torch.stack([one["A"] for one in past[max(0, at - 2) : at + 1]]).mean(0)
        expected = grads["A"] + (full if at >= 2 else 0)
        torch.testing.assert_close(out["A"], expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_orthogonal_gradient_is_orthogonal_and_as_long(dtype: torch.dtype) -> None:
    params, grads = draw(0, dtype), draw(1, dtype)
    out, _ = torch.vmap(lambda w, g: OrthogonalGradient().step(w, g, {}))(params, grads)
    for name in params:
        w, g, o = (t[name].flatten(1) for t in (params, grads, out))
        assert ((w * o).sum(1).abs() <= 8 * torch.finfo(dtype).eps * w.norm(dim=1) * g.norm()).all()
        torch.testing.assert_close(o.norm(dim=1), g.norm(dim=1))
        one = OrthogonalGradient().step({"x": w[1]}, {"x": g[1]}, {})[0]["x"]
        torch.testing.assert_close(one, o[1])  # a run alone as beside others


def test_an_orthogonal_gradient_of_nothing_is_finite() -> None:
    w = torch.tensor([0.1, 0.2, 0.7])
    along = OrthogonalGradient().step({"w": w}, {"w": 3 * w}, {})[0]["w"]
    assert along.tolist() == [0.0, 0.0, 0.0]
    zero = torch.zeros(3)
    torch.testing.assert_close(OrthogonalGradient().step({"w": zero}, {"w": w}, {})[0]["w"], w)
    assert OrthogonalGradient().step({"w": w}, {"w": zero}, {})[0]["w"].tolist() == [0.0, 0.0, 0.0]


def test_stablemax_is_its_formula_and_grows_without_saturating() -> None:
    x = torch.tensor([[-2.0, 0.0, 0.5, 9.0]], dtype=torch.float64)
    s = torch.where(x >= 0, x + 1, 1 / (1 - x))
    torch.testing.assert_close(stablemax(x), s / s.sum())
    huge = torch.tensor([[1e4, 0.0]])
    assert torch.softmax(huge, -1)[0, 1] == 0
    assert stablemax(huge)[0, 1].item() == pytest.approx(1 / 10002, rel=1e-5)
    assert log_stablemax(-huge).isfinite().all()


def test_the_loss_has_the_derivative_of_its_formula_at_zero() -> None:
    logits = torch.zeros(1, 4, dtype=torch.float64, requires_grad=True)
    stablemax_cross_entropy(logits, torch.tensor([1])).backward()
    # d log s / dx = 1 at 0 from either side, as for the exponential: softmax minus one hot
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, torch.tensor([[0.25, -0.75, 0.25, 0.25]]).double())
    batch = torch.randn(3, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(7) % 4
    each = torch.stack([stablemax_cross_entropy(one, labels) for one in batch])
    torch.testing.assert_close(stablemax_cross_entropy(batch, labels), each)


def test_transforming_a_module_is_the_dictionary_form() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
    net[0].bias.requires_grad_(False)
    transform = OrthogonalGradient()
    net(torch.randn(5, 3)).square().sum().backward()
    params = {k: p.detach() for k, p in net.named_parameters() if p.grad is not None}
    grads = {k: p.grad.clone() for k, p in net.named_parameters() if p.grad is not None}
    expected, _ = transform.step(params, grads, {})
    transform_gradients(net, transform, {})
    assert net[0].bias.grad is None
    for name, param in net.named_parameters():
        if name in expected:
            torch.testing.assert_close(param.grad, expected[name])


@pytest.mark.parametrize("filter", [GrokfastEMA(0.9, 2.0), GrokfastMA(1, 2.0)])
def test_a_parameter_without_a_gradient_for_a_while_keeps_its_state(filter: Any) -> None:
    net = nn.Linear(1, 1)
    state = filter.init(dict(net.named_parameters()))
    (5 * net.weight).sum().backward()
    state = transform_gradients(net, filter, state)
    assert net.bias.grad is None
    net.zero_grad()
    (5 * net.weight + net.bias).sum().backward()
    transform_gradients(net, filter, state)
    # Its first gradient starts its own average: three times itself, as that of the weight.
    assert net.bias.grad is not None
    assert net.weight.grad is not None
    assert (net.bias.grad.item(), net.weight.grad.item()) == (3.0, 15.0)


def test_one_number_a_run_is_orthogonalised_run_by_run() -> None:
    weights, grads = {"s": torch.tensor([1.0, 2.0])}, {"s": torch.tensor([3.0, 4.0])}
    found, _ = torch.vmap(lambda w, g: OrthogonalGradient().step(w, g, {}))(weights, grads)
    assert found["s"].tolist() == [0, 0]  # in one dimension nothing is across


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GrokfastEMA(decay=1.0), "wanted 0 <= decay < 1"),
        (lambda: GrokfastMA(window=0), "wanted window >= 1"),
        (lambda: OrthogonalGradient().step({"w": torch.ones(2)}, {}, {}), "wanted one for each"),
        (
            lambda: OrthogonalGradient().step({"w": torch.ones(2)}, {"w": torch.ones(3)}, {}),
            r"has shape \(3,\); wanted that of the weights, \(2,\)",
        ),
        (
            lambda: stablemax_cross_entropy(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)),
            "n at least 1",
        ),
    ],
)
def test_bad_input_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
