"""MALA and HMC draw from the posterior itself: moments known exactly, at any step size.

Each comparison is of one draw of independent chains, or of independent weights, after steps enough
to forget the start; its tolerance is four exact standard errors of such a mean.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from grokedu.llc.sampling.metropolis import MALA, settle
from grokedu.llc.sampling.potential import Potential, differentiated
from tests.llc.sampling.cases import DEVICES, after, at_zero, corrected, gaussian, noise, power

KINDS = ["MALA", "HMC"]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", KINDS)
def test_a_gaussian_has_its_variances_whatever_the_step(
    kind: str, dtype: torch.dtype, device: str
) -> None:
    h = torch.tensor([1.0, 0.1], dtype=dtype, device=device).repeat(20)
    sizes = torch.tensor([0.8, 0.3], device=device).repeat_interleave(250) / 101
    sampler = corrected(kind, gaussian(h), sizes)
    state = after(sampler, sampler.init(at_zero(500, h), range(500)), 200 if kind == "MALA" else 40)
    # Without the correction the stiff weights would spread by 1 / (1 - 0.8 / 4): a quarter more.
    whitened = state["position"].double() * (100 * h.double() + 1).sqrt()
    for chains in whitened.split(250):  # one step size each
        for weights in (chains[:, ::2], chains[:, 1::2]):
            error = 4 / weights.numel() ** 0.5
            assert weights.square().mean().item() == pytest.approx(1, abs=2**0.5 * error)
            assert weights.mean().item() == pytest.approx(0, abs=error)
    larger, smaller = state["acceptance"].view(2, 250).mean(dim=1).tolist()
    assert 0.4 < larger < smaller < 1
    assert 100 * state["loss"].double().mean().item() == pytest.approx(
        (100 * h / (100 * h + 1)).sum().item() / 2, abs=4 * (len(h) / 2 / 500) ** 0.5
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("k", [1, 2, 3])
def test_a_power_of_2k_has_the_learning_coefficient_1_over_2k(k: int, kind: str) -> None:
    like, chains, nbeta = torch.zeros(40, dtype=torch.float64), 400, 100.0
    scale = nbeta ** (-1 / (2 * k))
    potential = Potential(power(2 * k), at_zero(1, like), nbeta, gamma=0.0)
    sampler = corrected(kind, potential, (0.2 * scale) ** 2)
    start = {"w": scale * noise(chains, 40).clamp(-1, 1)}
    state = after(sampler, sampler.init(start, range(chains)), 150 if kind == "MALA" else 40)
    # nbeta w^2k is Gamma(1 / 2k, 1) distributed: that is its mean and its variance.
    error = 4 * (1 / (2 * k) / (40 * chains)) ** 0.5
    assert nbeta * state["loss"].mean().item() / 40 == pytest.approx(1 / (2 * k), abs=error)


def on_the_square(a: int, b: int, t: float) -> tuple[float, float]:
    """Mean and variance of t K under exp(-t K), K = w1^2a w2^2b on [0, 1]^2, by quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x, wx = (nodes + 1) / 2, weights / 2
    tk = t * np.multiply.outer(x ** (2 * a), x ** (2 * b))
    density = np.exp(-tk) * np.multiply.outer(wx, wx)
    mean, square = ((density * tk**m).sum() / density.sum() for m in (1, 2))
    return mean, square - mean**2


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("a", "b", "limit"), [(1, 1, 1 / 2), (1, 2, 1 / 4)])
def test_a_crossing_on_the_square_has_its_value_at_finite_n_not_the_limit(
    a: int, b: int, limit: float, kind: str
) -> None:
    def loss(params: dict[str, Tensor], rows: Tensor | None) -> Tensor:
        w1, w2 = params["w"].unbind(dim=1)
        inside = ((params["w"] >= 0) & (params["w"] <= 1)).all(dim=1)
        return torch.where(inside, w1 ** (2 * a) * w2 ** (2 * b), torch.inf)

    like, chains, t = torch.zeros(2, dtype=torch.float64), 2500, 1e2
    potential = Potential(differentiated(loss), at_zero(1, like), t, gamma=0.0)
    sampler = corrected(kind, potential, 0.005)
    state = sampler.init(at_zero(chains, like), range(chains))
    state = after(sampler, state, 250 if kind == "MALA" else 60)
    assert state["loss"].isfinite().all()
    mean, variance = on_the_square(a, b, t)
    error = 4 * (variance / chains) ** 0.5
    assert t * state["loss"].mean().item() == pytest.approx(mean, abs=error)
    assert error < limit - mean


def test_the_values_on_the_square_are_the_known_ones() -> None:
    for t, known in [(1e2, 0.347762), (1e3, 0.387277), (1e4, 0.410505)]:
        assert on_the_square(1, 1, t)[0] == pytest.approx(known, abs=1e-6)


def test_malas_acceptance_balances_every_pair_of_points() -> None:
    potential = Potential(power(4), at_zero(1, torch.zeros(3, dtype=torch.float64)), 7.0, 2.0)
    e, chains = 0.05, 50
    sampler = MALA(potential, e)
    state = sampler.init({"w": noise(chains, 3)}, range(chains))
    following = sampler.step(state)
    w = state["position"]

    def energy(at: Tensor) -> Tensor:
        return 7.0 * (at**4).sum(dim=1) + at.square().sum(dim=1)

    def mean(at: Tensor) -> Tensor:
        return at - e / 2 * (28.0 * at**3 + 2.0 * at)

    def log_q(to: Tensor, at: Tensor) -> Tensor:
        normal = torch.distributions.Normal(mean(at), torch.tensor(e, dtype=at.dtype).sqrt())
        return normal.log_prob(to).sum(dim=1)

    moved = mean(w) + e**0.5 * following["normals"][:, 0]
    forth, back = log_q(moved, w) - energy(w), log_q(w, moved) - energy(moved)
    torch.testing.assert_close(following["acceptance"], (back - forth).exp().clamp(max=1))
    # pi(w) q(w'|w) a(w, w') is the same from both ends, which is why the posterior stays.
    torch.testing.assert_close(
        forth + (back - forth).clamp(max=0), back + (forth - back).clamp(max=0)
    )
    assert 0.05 < following["acceptance"].mean() < 0.95  # neither all taken nor all refused


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_what_is_no_number_is_rejected(where: str, bad: float, kind: str) -> None:
    like, chains = torch.zeros(1, dtype=torch.float64), 2000

    def loss(params: dict[str, Tensor], rows: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        w = params["w"]
        value, gradient = w.square().sum(dim=1) / 2, w.clone()
        if where == "loss":
            value = torch.where(w[:, 0] > 0, value, bad)
        else:
            gradient = torch.where(w > 0, gradient, bad)
        return value, {"w": gradient}

    sampler = corrected(kind, Potential(loss, at_zero(1, like), 1.0, 0.0), 0.5)
    state = after(sampler, sampler.init({"w": noise(chains, 1).abs()}, range(chains)), 30)
    assert (state["position"] > 0).all()
    assert state["loss"].isfinite().all()
    assert (state["acceptance"] == 0).any()
    # Half a Gaussian is left, with the same second moment.
    error = 4 * (2 / chains) ** 0.5
    assert state["position"].square().mean().item() == pytest.approx(1, abs=error)


def test_a_proposal_is_taken_with_its_probability() -> None:
    state, proposal = {"w": torch.zeros(10_000, 2)}, {"w": torch.ones(10_000, 2)}
    uniforms = torch.special.ndtr(noise(10_000))
    following = settle(state, proposal, torch.full((10_000,), math.log(0.3)), uniforms)
    taken = following["w"][:, 0]
    assert taken.mean().item() == pytest.approx(0.3, abs=4 * (0.3 * 0.7 / 10_000) ** 0.5)
    assert torch.equal(taken, following["w"][:, 1])
