"""SGLD against what its own step-size bias is known to be, not against the posterior."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from grokedu.llc.sampling.langevin import SGLD, RMSPropSGLD
from grokedu.llc.sampling.potential import Potential
from tests.llc.sampling.cases import DEVICES, after, at_zero, gaussian, mean_loss, noise

# h, nbeta, gamma, step size, draws; nbeta E[L] of the posterior, of SGLD's stationary state, and of
# the mean over these draws from w* on.
CASES = [
    ([1.0] * 10, 100.0, 1.0, 1e-3, 1000, 4.950495, 5.078733, 5.027146),
    ([1.0] * 10, 100.0, 0.0, 1e-3, 1000, 5.0, 5.128205, 5.075608),
    ([10, 1, 0.1, 0.01, 0], 100.0, 1.0, 1e-3, 2000, 1.699095, 1.880020, 1.794803),
    ([2, 2, 0.5, 0.5], 144.764827, 5.0, 1e-4, 5000, 1.918410, 1.927515, 1.896471),
]


def exact(h: Tensor, nbeta: float, gamma: float, step: float, draws: int) -> tuple[Tensor, ...]:
    """Three means of nbeta L, and the variance of the third for one chain.

    From w* on, w_t has the variance V_t = s (1 - a^2t), and the squares of a Gaussian have the
    covariance Cov(w_t^2, w_u^2) = 2 (a^(u-t) V_t)^2.
    """
    kappa, t = nbeta * h + gamma, torch.arange(draws, dtype=torch.float64).unsqueeze(1)
    s, square = 1 / (kappa * (1 - step * kappa / 4)), (1 - step * kappa / 2) ** 2
    v = s * (1 - square**t)
    later = (1 - square ** (draws - 1 - t)) * square / (1 - square)
    of_mean = (2 * v.square() * (1 + 2 * later)).sum(dim=0) / draws**2
    half = nbeta * h / 2
    means = [(half * x).sum() for x in (1 / kappa, s, v.mean(dim=0))]
    return *means, (half.square() * of_mean).sum()


@pytest.mark.parametrize("case", CASES)
def test_the_mean_over_draws_from_the_minimum_is_the_exact_one(case: tuple) -> None:
    h, nbeta, gamma, step, draws, *wanted = case
    *means, variance = exact(torch.tensor(h).double(), nbeta, gamma, step, draws)
    assert [mean.item() for mean in means] == pytest.approx(wanted, abs=1e-6)
    # As many independent copies of the case as tell its bias from none at four standard errors.
    error = 0.8 * abs(wanted[2] - wanted[0])
    chains, copies = 10, math.ceil((4 / error) ** 2 * variance.item() / 10)
    many = torch.tensor(h).repeat(copies)
    sampler = SGLD(gaussian(many, nbeta, gamma), step)
    losses = mean_loss(sampler, sampler.init(at_zero(chains, many), range(chains)), draws)
    assert nbeta * losses.mean().item() / copies == pytest.approx(wanted[2], abs=error)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_stationary_variance_has_the_bias_of_the_step_size(
    dtype: torch.dtype, device: str
) -> None:
    chains, step = 200, torch.tensor([1e-3, 2e-2], dtype=dtype).repeat_interleave(100)
    h = torch.tensor([1.0] * 100, dtype=dtype, device=device)
    sampler = SGLD(gaussian(h), step.to(device))
    state = after(sampler, sampler.init(at_zero(chains, h), range(chains)), 200)
    # a is 0.95 and -0.01: 200 steps forget the start to 1e-9. One draw of 10^4 independent weights.
    found = state["position"].double().square().view(2, -1).mean(dim=1)
    for one, size in zip(found.tolist(), (1e-3, 2e-2), strict=True):
        assert one == pytest.approx(1 / (101 * (1 - size * 101 / 4)), rel=4 * (2 / 10**4) ** 0.5)


def test_a_step_is_the_formula_and_leaves_the_state_as_it_was() -> None:
    h = torch.tensor([3.0, 1.0], dtype=torch.float64)
    sampler = SGLD(gaussian(h, 10.0, 2.0), 0.01)
    state = sampler.step(sampler.init({"w": noise(4, 2)}, range(4)))
    before = {name: tensor.clone() for name, tensor in state.items()}
    following = sampler.step(state)
    assert all(torch.equal(state[name], tensor) for name, tensor in before.items())
    w, xi = state["position"], state["normals"][:, 1]
    torch.testing.assert_close(
        following["position"], w - 0.01 / 2 * (10 * h * w + 2 * w) + 0.01**0.5 * xi
    )
    torch.testing.assert_close(following["loss"], following["position"].square() @ h / 2)


@pytest.mark.parametrize(("rate", "stable"), [(3.9, True), (4.1, False)])
def test_it_is_stable_below_a_rate_of_four_and_beyond_it_no_number_comes_out(
    rate: float, stable: bool
) -> None:
    h = torch.ones(3)

    def clipped(params: dict[str, Tensor], rows: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        value = params["w"].square().sum(dim=1).nan_to_num(5.0)
        return value.clamp(max=5.0), {"w": params["w"]}  # a number, whatever happens

    sampler = SGLD(Potential(clipped, at_zero(1, h), 1.0, 0.0), torch.tensor([rate, 0.5]))
    start = {"w": torch.full((2, 3), 1e30)}  # 380 steps of growth by 1.05 from overflow
    state = after(sampler, sampler.init(start, [0, 1]), 500)
    assert bool(state["loss"].isfinite()[0]) == stable
    assert bool((state["position"][0].abs() < 1e30).all()) == stable
    assert (state["position"][1].abs() < 1e30).all()  # its neighbour is none the worse
    if not stable:
        assert after(sampler, state, 5)["loss"][0].isnan()


def test_the_noise_of_a_minibatch_adds_its_variance() -> None:
    examples, size, b, nbeta, step, chains = 30, 50, 5, 100.0, 1e-3, 200
    data = noise(examples, size, purpose="data")
    data -= data.mean(dim=0)

    def mean(params: dict[str, Tensor], rows: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        apart = params["w"].unsqueeze(1) - (data if rows is None else data[rows])
        return apart.square().sum(dim=2).mean(dim=1) / 2, {"w": apart.mean(dim=1)}

    potential = Potential(mean, at_zero(1, data[0]), nbeta, 1.0)
    sampler = SGLD(potential, step, batch_size=b, examples=examples)
    state = after(sampler, sampler.init(at_zero(chains, data[0]), range(chains)), 150)
    # w' = a w + noise of variance step + (step nbeta / 2)^2 Var(data) / b
    spread = data.square().mean().item() / b
    wanted = (step + (step * nbeta / 2) ** 2 * spread) / (1 - (1 - step * 101 / 2) ** 2)
    # A chain's weights share their rows, but a minibatch's mean of independent data has
    # uncorrelated coordinates: 10^4 draws, nearly independent.
    found = state["position"].square().mean().item()
    assert found == pytest.approx(wanted, rel=4 * (2 / (chains * size)) ** 0.5)


def test_rmsprop_is_its_formula_step_by_step() -> None:
    h, b, a, step = torch.tensor([3.0, 0.1], dtype=torch.float64), 0.9, 0.2, 0.01
    sampler = RMSPropSGLD(gaussian(h, 10.0, 2.0), step, smoothing=b, stabiliser=a)
    state = sampler.init({"w": noise(4, 2)}, range(4))
    v = torch.zeros(4, 2, dtype=torch.float64)
    for t in range(1, 6):
        w, g = state["position"], h * state["position"]
        state = sampler.step(state)
        v = b * v + (1 - b) * g**2
        preconditioner = 1 / ((v / (1 - b**t)).sqrt() + a)
        drift = step / 2 * preconditioner * (10 * g + 2 * w)
        wanted = w - drift + (step * preconditioner).sqrt() * state["normals"][:, t - 1]
        torch.testing.assert_close(state["position"], wanted)


def test_rmsprop_has_the_stationary_variance_of_its_mean_step_sizes() -> None:
    h, a, step = torch.tensor([1.0, 0.1], dtype=torch.float64), 0.5, 4e-3
    kappa, variance = 100 * h + 1, torch.ones(2, dtype=torch.float64)
    for _ in range(100):  # the fixed point of v = h^2 Var(w)
        variance = 1 / (kappa * (1 - step / (h * variance.sqrt() + a) * kappa / 4))
    sampler = RMSPropSGLD(gaussian(h.repeat(50)), step, smoothing=0.99, stabiliser=a)
    state = after(sampler, sampler.init(at_zero(200, h.repeat(50)), range(200)), 250)
    found = state["position"].square().mean(dim=0).view(50, 2).mean(dim=0)
    # 10^4 independent weights. Step sizes hardly vary here, the stabiliser being five times the
    # root mean square, so that the term left out is far below the standard error.
    torch.testing.assert_close(found, variance, rtol=4 * (2 / 10**4) ** 0.5, atol=0)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"step_size": 0.0}, "step_size is 0.0; wanted a positive number"),
        ({"step_size": math.nan}, "step_size is nan"),
        ({"step_size": torch.ones(3)}, "one for each of the 2 chains"),
        ({"batch_size": 4}, "batch_size is 4 and examples is None; wanted both"),
        ({"batch_size": 0, "examples": 3}, "batch_size is 0"),
        ({"smoothing": 1.0}, "smoothing is 1.0"),
        ({"stabiliser": 0.0}, "stabiliser is 0.0"),
    ],
)
def test_bad_numbers_are_refused(given: dict, said: str) -> None:
    h = torch.ones(2)
    with pytest.raises(ValueError, match=said):
        RMSPropSGLD(gaussian(h), **{"step_size": 0.1, **given}).init(at_zero(2, h), [0, 1])


def test_a_start_that_is_no_number_is_refused() -> None:
    h = torch.ones(2)
    start = {"w": torch.tensor([[1.0, 1.0], [math.inf, 1.0]])}
    with pytest.raises(ValueError, match=r"chains \[1\] start where the loss or its gradient"):
        SGLD(gaussian(h), 0.1).init(start, [0, 1])
