from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grokedu.efficiency import (
    logit_scale,
    logit_scale_per_norm,
    loss_per_parameter,
    norm_at_fixed_logit,
    norm_at_fixed_loss,
    participation_ratio,
    trigonometric_share,
)
from grokedu.measures import cross_entropy, l2_norm
from grokedu.models import TwoLayer
from grokedu.tasks import modular_addition, random_stream

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def fitted(runs: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of examples that are right, with labels a run."""
    generator = random_stream(seed, "logits")
    logits = torch.randn(runs, 20, 6, generator=generator, dtype=torch.float64)
    return logits, logits.argmax(dim=-1)


def degrees() -> list[tuple[str, int]]:
    return [("square", 3), ("relu", 2)]


@pytest.mark.parametrize(("activation", "degree"), degrees())
def test_scaling_the_weights_themselves_gives_the_fixed_logit_and_loss(
    activation: str, degree: int
) -> None:
    model = TwoLayer(5, 16, activation)
    params = model.init([random_stream(s, "init") for s in range(3)], torch.float64)
    pairs, _ = modular_addition(5)
    logits = model.apply(params, pairs)
    labels = logits.argmax(dim=-1)  # a task that this very network has fitted
    norm = torch.vmap(l2_norm)(params)
    efficiency = logit_scale_per_norm(logits, labels, norm, degree=degree)
    at_logit = norm_at_fixed_logit(logits, labels, norm, 7.0, degree=degree)
    at_loss = norm_at_fixed_loss(logits, labels, norm, 0.05, degree=degree)
    for wanted, loss in ((at_logit, False), (at_loss, True)):
        grown = {k: v * (wanted / norm)[:, None, None] for k, v in params.items()}
        again = model.apply(grown, pairs)
        each_loss = torch.vmap(cross_entropy)
        found = each_loss(again, labels) if loss else logit_scale(again, labels)
        torch.testing.assert_close(found, torch.full((3,), 0.05 if loss else 7.0).double())
        torch.testing.assert_close(
            logit_scale_per_norm(again, labels, wanted, degree=degree), efficiency
        )


@given(st.integers(0, 10**6), st.floats(0.01, 1.7), st.floats(1e-6, 1e6))
@settings(max_examples=20)
def test_the_first_scale_that_reaches_the_loss_is_found(
    seed: int, target: float, size: float
) -> None:
    logits, labels = fitted(2, seed)
    labels = labels.clone()
    labels[:, 0] = (labels[:, 0] + 1) % 6  # one example is wrong: some targets are out of reach
    found = norm_at_fixed_loss(logits * size, labels, torch.ones(2).double(), target, degree=1)
    scales = torch.logspace(-4, 4, 800).double() / size
    each_loss = torch.vmap(torch.vmap(cross_entropy), in_dims=(0, None))
    losses = each_loss(logits * size * scales[:, None, None, None], labels)
    for run in range(2):
        below = losses[:, run] <= target
        if below.any():
            first = int(below.long().argmax())
            assert scales[first - 1] <= found[run] <= scales[first]
        elif math.isfinite(found[run]):  # the grid stepped over a shallow minimum
            assert losses[:, run].min() - target < 1e-3


def test_a_tiny_loss_is_reached_where_theory_says() -> None:
    logits, labels = torch.tensor([[1.0, 0.0]]).double(), torch.tensor([0])
    for target in (1e-3, 1e-9, 1e-12):
        found = norm_at_fixed_loss(logits, labels, 1.0, target, degree=1)
        # A loss of log(1 + exp(-s)) at the scale s; float64 knows it to 1e-15, so s to 1e-15/loss.
        assert found.item() == pytest.approx(-math.log(math.expm1(target)), abs=4e-15 / target)


def test_a_loss_that_no_scale_reaches_is_nan() -> None:
    logits, labels = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]]), torch.tensor([0])
    found = norm_at_fixed_loss(logits, labels, torch.ones(2), 0.1, degree=1)
    assert found[0] == pytest.approx(-math.log(math.expm1(0.1)))
    assert math.isnan(found[1])
    flat = norm_at_fixed_loss(torch.zeros(1, 2), labels, torch.tensor(1.0), 0.1, degree=1)
    assert math.isnan(flat)
    assert math.isnan(norm_at_fixed_logit(-logits[0], labels, torch.tensor(1.0), 5.0, degree=1))


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_trigonometric_share_is_that_of_a_projection(dtype: torch.dtype, device: str) -> None:
    p = 7
    pairs, _ = modular_addition(p)
    angle = 2 * torch.pi * (pairs.sum(1)[:, None] - torch.arange(p)).double() / p
    waves = [wave(k * angle) for k in range(1, 4) for wave in (torch.cos, torch.sin)]
    basis = torch.stack([one.flatten() / one.norm() for one in waves])
    noise = torch.randn(2, p * p, p, generator=random_stream(0, "noise"), dtype=torch.float64)
    noise[1] += 3 * torch.cos(2 * angle)
    centred = (noise - noise.mean(-1, keepdim=True)).flatten(1)
    wanted = (centred @ basis.T).square().sum(1) / centred.square().sum(1)
    found = trigonometric_share((noise + 5).to(device, dtype))
    torch.testing.assert_close(found.cpu(), wanted.to(dtype), rtol=1e-4, atol=0)
    assert found[0] < 0.1 < 0.9 > found[1] > 0.5


@given(st.integers(1, 20), st.floats(1e-20, 1e20))
def test_the_participation_ratio_counts_equal_parts(count: int, size: float) -> None:
    parts = torch.zeros(3, 20, dtype=torch.float64)
    parts[:, :count] = size
    assert participation_ratio(parts).tolist() == pytest.approx([count] * 3)


def test_bad_input_is_refused() -> None:
    logits, labels = fitted(1)
    one = torch.ones(1)
    for target in (0.0, 1e-13, 2.0):
        with pytest.raises(ValueError, match="from 1e-12 to below log"):
            norm_at_fixed_loss(logits, labels, one, target, degree=1)
    with pytest.raises(ValueError, match="both must be positive"):
        logit_scale_per_norm(logits, labels, torch.zeros(1))
    with pytest.raises(ValueError, match="both must be positive"):
        norm_at_fixed_logit(logits, labels, one, 1.0, degree=0)
    with pytest.raises(ValueError, match="positive logit"):
        norm_at_fixed_logit(logits, labels, one, 0.0, degree=1)
    for wrong_labels in (labels[:, :5], labels.double()):
        with pytest.raises(ValueError, match="wanted int64 labels"):
            logit_scale(logits, wrong_labels)
    with pytest.raises(ValueError, match="n at least 1"):
        norm_at_fixed_loss(torch.zeros(0, 3), labels[0, :0], one, 0.1, degree=1)
    with pytest.raises(ValueError, match="at least two classes"):
        logit_scale(torch.zeros(4, 1), torch.zeros(4, dtype=torch.int64))
    for p in (2, 4, 9):
        with pytest.raises(ValueError, match="need an odd prime"):
            trigonometric_share(torch.randn(p * p, p))
    with pytest.raises(ValueError, match=r"\(\.\.\., p\*p, p\)"):
        trigonometric_share(torch.zeros(5, 5))
    with pytest.raises(ValueError, match="do not vary"):
        trigonometric_share(torch.ones(9, 3))
    for wrong in (torch.zeros(3), torch.tensor([1.0, -1.0])):
        with pytest.raises(ValueError, match="square amplitudes"):
            participation_ratio(wrong)
    with pytest.raises(ValueError, match="positive number"):
        loss_per_parameter(one, 0, 1.0)
