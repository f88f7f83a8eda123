from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grokedu.efficiency import TwoCircuits, two_circuit_loss

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def penalised(toy: TwoCircuits, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    return two_circuit_loss(x, y, toy.classes)[0] + toy.penalty(x, y)


def test_losses_are_cross_entropies_of_the_logits_they_stand_for() -> None:
    x, y = torch.tensor([2.0, -1.0, 400.0]), torch.tensor([0.5, 3.0, 500.0])
    train, test = two_circuit_loss(x, y, classes=7)
    for run in range(3):
        logits = torch.zeros(7)
        logits[0] = x[run] + y[run]
        wanted = torch.nn.functional.cross_entropy(logits[None], torch.tensor([0]))
        torch.testing.assert_close(train[run], wanted)
        logits[0], logits[1] = x[run], y[run]
        wanted = torch.nn.functional.cross_entropy(logits[None], torch.tensor([0]))
        torch.testing.assert_close(test[run], wanted)


def test_the_equilibrium_has_its_known_values_side_by_side() -> None:
    x, y = TwoCircuits(decay=torch.tensor([0.005, 0.0025])).equilibrium()
    assert x.tolist() == pytest.approx([7.24784, 7.83152], abs=5e-6)
    assert y.tolist() == pytest.approx([0.90598, 0.97894], abs=5e-6)


@given(
    st.floats(1e-4, 0.3),
    st.floats(0.3, 6.0),
    st.floats(0.2, 3.0),
    st.floats(0.2, 3.0),
    st.integers(3, 200),
)
@settings(max_examples=40)
def test_nothing_on_a_grid_is_below_the_equilibrium(
    decay: float, kappa: float, generalising: float, memorising: float, classes: int
) -> None:
    toy = TwoCircuits(decay, classes, kappa, generalising, memorising)
    x, y = toy.equilibrium()
    # No logit costs less than log(classes), the loss at the origin, farther out than this.
    far = (math.log(classes) / (decay * min(generalising, memorising) ** 2)) ** (kappa / 2)
    axis = torch.cat([torch.zeros(1), torch.logspace(-6, 0, 90)]).double() * far
    grid = penalised(toy, axis[:, None], axis[None, :])
    here = penalised(toy, x, y)
    assert here <= grid.min() + 1e-12


@pytest.mark.parametrize("kappa", [0.5, 1.2, 1.9])
def test_the_slopes_vanish_where_both_circuits_take_part(kappa: float) -> None:
    toy = TwoCircuits(0.01, kappa=kappa)
    x, y = (one.requires_grad_() for one in toy.equilibrium())
    slopes = torch.autograd.grad(penalised(toy, x, y), [x, y])
    assert max(slope.abs().item() for slope in slopes) < 1e-12


def test_the_winner_takes_all_from_kappa_2_on() -> None:
    assert TwoCircuits(0.001, kappa=2.0).share() == 1.0
    assert TwoCircuits(0.001, kappa=3.0, memorising=0.5).share() == 0.0
    x, y = TwoCircuits(0.001, kappa=3.0).equilibrium()
    assert y.item() == 0
    assert x.item() > 5
    # A price that no logit is worth.
    assert [one.item() for one in TwoCircuits(5.0, kappa=3.0).equilibrium()] == [0.0, 0.0]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_descent_ends_at_the_equilibrium_and_the_test_loss_lags(
    dtype: torch.dtype, device: str
) -> None:
    decays = torch.tensor([0.005, 0.01])
    toy = TwoCircuits(decays)
    start = torch.tensor([1e-3, 1e-3, 1.0, 1.0], dtype=dtype, device=device)
    path = toy.descend(start, lr=0.5, steps=1200, every=2)
    assert path.x.dtype == dtype
    assert path.x.shape == (601, 2)
    for found, wanted in zip((path.x, path.y), toy.equilibrium(), strict=True):
        torch.testing.assert_close(found[-1].cpu(), wanted.to(dtype), rtol=1e-4, atol=0)
    half = [
        (loss < math.log(113) / 2).long().argmax(0) for loss in (path.train_loss, path.test_loss)
    ]
    assert bool((half[1] > 2 * half[0]).all())


def test_what_gradient_flow_conserves_drifts_with_the_step() -> None:
    start = torch.tensor([0.1, 0.5, 0.7, 0.2], dtype=torch.float64)

    def drift(lr: float) -> float:
        g1, g2, m1, m2 = TwoCircuits(0.005).descend(start, lr=lr, steps=round(20 / lr)).weights
        return (g1**2 - g2**2 + 0.24).abs().item() + (m1**2 - m2**2 - 0.45).abs().item()

    # Each step errs by lr squared, so that over a fixed time the drift is proportional to lr.
    assert drift(0.02) / drift(0.01) == pytest.approx(2, rel=0.05)
    assert drift(0.01) < 0.01


def test_a_run_goes_alone_as_beside_others() -> None:
    starts = torch.rand(3, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    decays = torch.tensor([0.001, 0.01, 0.1])
    together = TwoCircuits(decays).descend(starts, lr=0.05, steps=30)
    for run in range(3):
        alone = TwoCircuits(decays[run].item()).descend(starts[run], lr=0.05, steps=30)
        torch.testing.assert_close(together.x[:, run], alone.x, rtol=1e-6, atol=0)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="all must be positive"):
        TwoCircuits(0.0)
    with pytest.raises(ValueError, match="all must be positive"):
        TwoCircuits(0.1, kappa=-1)
    with pytest.raises(ValueError, match="at least 3"):
        TwoCircuits(0.1, classes=2)
    with pytest.raises(ValueError, match="at least 3"):
        two_circuit_loss(torch.zeros(1), torch.zeros(1), classes=2)
    with pytest.raises(ValueError, match=r"shape \(\.\.\., 4\)"):
        TwoCircuits(0.1).descend(torch.zeros(3), lr=0.1, steps=5)
    with pytest.raises(ValueError, match="all must be positive"):
        TwoCircuits(0.1).descend(torch.zeros(4), lr=0.1, steps=0)
