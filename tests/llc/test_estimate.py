"""The estimator against exact values, with no setting of a case's own."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from grokedu.llc import deep_linear_llc, estimate_llc
from grokedu.llc.exact.coefficients import regular_llc
from grokedu.llc.exact.normal_crossing import normal_crossing_llc
from grokedu.llc.exact.quadratic import localised_quadratic_llc, sgld_quadratic_llc
from grokedu.llc.sampling.langevin import SGLD
from grokedu.llc.sampling.potential import differentiated
from grokedu.tasks import random_stream
from tests.llc.losses import N, deep_linear, quadratic

quiet = partial(estimate_llc, progress=False)
NBETA = N / math.log(N)


@pytest.mark.parametrize("condition", [1e0, 1e3, 1e5])
def test_a_regular_model(condition):
    h = torch.logspace(0, -math.log10(condition), 20).tolist()
    loss, center = quadratic(h)
    found = quiet(loss, params=center, n=N)
    exact = localised_quadratic_llc(h, nbeta=NBETA, gamma=1.0)
    assert found.value == pytest.approx(exact, abs=4 * found.standard_error)
    assert found.standard_error < 0.02 * exact
    assert not found.warnings


@pytest.mark.parametrize(
    ("widths", "rank"), [((4, 4, 4), 2), ((5, 5, 5, 5), 2), ((10, 20, 10), 4), ((6,) * 5, 2)]
)
def test_a_deep_linear_network(widths, rank):
    loss, center = deep_linear(widths, rank)
    exact = float(deep_linear_llc(widths, rank).value)
    assert quiet(loss, params=center, n=N).value == pytest.approx(exact, rel=0.05)


def test_without_heat_a_deep_network_is_estimated_too_low():
    """What an estimator does whose chains begin at w*, at the wanted temperature."""
    loss, center = deep_linear((6,) * 6, 2)
    exact = float(deep_linear_llc((6,) * 6, 2).value)
    assert quiet(loss, params=center, n=N, heat=1).value < 0.96 * exact


def test_a_power():
    loss = lambda params: (params["w"] ** 4).sum(dim=1)  # noqa: E731
    found = quiet(loss, params={"w": torch.zeros(8)}, n=1e9, gamma=0.0)
    exact = 8 * normal_crossing_llc([2]).value
    assert found.value == pytest.approx(float(exact), abs=4 * found.standard_error)


def test_seeds_repeat_and_differ():
    loss, center = quadratic([1.0, 2.0, 3.0])
    first, again, other = (
        quiet(loss, params=center, n=N, gradients=300, seed=seed).value for seed in (0, 0, 1)
    )
    assert first == again != other


def regression(size: int = 6, examples: int = 500):
    """A linear layer at the least squares solution, its inputs and its targets."""
    stream = random_stream(0, "data")
    x = torch.randn(examples, size, generator=stream)
    y = x @ torch.ones(size, 1) + torch.randn(examples, 1, generator=stream)
    net = nn.Linear(size, 1, bias=False)
    with torch.no_grad():
        net.weight.copy_(torch.linalg.lstsq(x, y).solution.T)
    return net, x, y


def half_square(outputs, targets):
    return (outputs - targets).square().mean() / 2


def test_a_module():
    net, x, y = regression()
    before = net.weight.clone()
    found = quiet(net, x, y, half_square, gamma=0.0)
    assert found.value == pytest.approx(regular_llc(6).value, abs=4 * found.standard_error)
    assert (found.n, found.nbeta) == (500, pytest.approx(500 / math.log(500)))
    assert torch.equal(net.weight, before)


def test_a_module_and_the_same_loss_as_a_function_agree():
    net, x, y = regression()

    def loss(params):
        return (x @ params["weight"].mT - y).square().mean(dim=(1, 2)) / 2

    ours = quiet(net, x, y, half_square, gradients=400, chains=32)
    plain = quiet(loss, params={"weight": net.weight}, n=500, gradients=400, chains=32)
    assert plain.value == pytest.approx(ours.value, rel=1e-3)


def test_some_parameters_only():
    net = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))
    x = torch.randn(400, 4, generator=random_stream(0, "data"))
    y = net(x).detach()
    found = quiet(net, x, y, half_square, parameters=["1.weight"], n=1e6, gamma=0.0)
    assert found.value == pytest.approx(1.5, abs=4 * found.standard_error + 0.03)


def test_inputs_may_be_several():
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.zeros(3))

        def forward(self, first, second):
            return (first + second) @ self.w

    x = torch.randn(300, 3, generator=random_stream(0, "data"))
    found = quiet(Sum(), (x, 2 * x), torch.zeros(300), half_square, gamma=0.0)
    assert found.value == pytest.approx(1.5, abs=4 * found.standard_error)


def test_weight_decay_is_part_of_the_loss():
    """At the ridge minimum of a quadratic the decayed loss is regular again, for any decay."""
    loss, center = quadratic([1.0, 0.0])  # the second direction is flat without decay
    flat = quiet(loss, params=center, n=N, gamma=1.0)
    decayed = quiet(loss, params=center, n=N, gamma=0.0, weight_decay=0.1)
    assert flat.value == pytest.approx(0.5, abs=0.1)
    assert decayed.value == pytest.approx(1.0, abs=0.1)
    assert "weight decay 0.1 inside" in str(decayed)


def test_a_budget_in_gradients_is_kept():
    loss, center = quadratic([1.0] * 4)
    short, long = (quiet(loss, params=center, n=N, gradients=g) for g in (400, 1600))
    assert 400 <= short.gradients < 432
    assert 1600 <= long.gradients < 1632
    assert long.standard_error < short.standard_error


def test_a_budget_in_seconds():
    loss, center = quadratic([1.0] * 4)
    assert quiet(loss, params=center, n=N, seconds=1.0).gradients > 50


def test_a_target_error_is_reached_and_not_more():
    loss, center = quadratic([1.0] * 8)
    found = quiet(loss, params=center, n=N, target_error=0.01)
    assert found.standard_error <= 0.01 * found.value
    assert found.gradients < 20_000
    rough = quiet(loss, params=center, n=N, target_error=0.05)
    assert rough.gradients < found.gradients


def test_a_sampler_of_ones_own_and_its_bias():
    h = [1.0] * 10
    loss, center = quadratic(h)
    found = quiet(
        loss, params=center, n=2, nbeta=100.0, chains=64, gradients=4000,
        sampler=partial(SGLD, step_size=1e-3),
    )  # fmt: skip
    exact = sgld_quadratic_llc(h, nbeta=100.0, gamma=1.0, step_size=1e-3)
    assert found.value == pytest.approx(exact, abs=4 * found.standard_error)
    assert exact - localised_quadratic_llc(h, nbeta=100.0, gamma=1.0) > 0.1
    assert [warning.name for warning in found.warnings] == ["step size"]


def test_a_diverged_chain_never_becomes_a_number():
    loss, center = quadratic([1.0] * 10)
    found = quiet(
        loss, params=center, n=2, nbeta=100.0, gradients=400, sampler=partial(SGLD, step_size=1.0)
    )
    assert math.isnan(found.value)
    assert [warning.name for warning in found.warnings] == ["diverged"]


def test_the_wbic_is_the_mean_of_n_times_the_loss():
    loss, center = quadratic([1.0] * 4)
    found = quiet(lambda params: loss(params) + 0.3, params=center, n=1e4, gradients=400)
    assert found.wbic == pytest.approx(1e4 * 0.3 + math.log(1e4) * found.value, rel=1e-6)
    with pytest.raises(ValueError, match="nbeta is 5; the WBIC of n=10000 is taken at"):
        _ = quiet(loss, params=center, n=1e4, nbeta=5.0, gradients=300).wbic


def test_an_estimate_says_what_it_is_one_of():
    loss, center = quadratic([1.0] * 4)
    said = str(quiet(loss, params=center, n=1e4, gamma=2.0, gradients=400))
    assert said.startswith("LLC(gamma=2, nbeta=1085.74) = ")
    assert "(n=10000)" in said
    assert "R-hat" in said


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"n": 1}, "n is 1; wanted more than one example"),
        ({"n": 100, "gamma": -1.0}, "gamma is -1.0; wanted finite and at least 0"),
        ({"n": 100, "nbeta": 0.0}, "nbeta is 0.0; wanted finite and above 0"),
        ({"n": 100, "chains": 0}, "chains is 0; wanted at least 2"),
        ({"n": 100, "chains": 1}, "chains is 1; wanted at least 2"),
        ({"n": 100, "gradients": 0}, "gradients is 0; wanted a number above 0"),
        ({"n": 100, "gradients": 1}, "left 0 draws after the burn-in .* wanted at least 4"),
        ({"n": 100, "target_error": -1}, "target_error is -1; wanted a number above 0"),
        ({"n": 100, "heat": 0.5}, "heat is 0.5; wanted at least 1"),
        ({"n": 100, "weight_decay": -0.1}, "weight_decay is -0.1; wanted 0 or above"),
        ({}, "needs params, the weights w\\*, and n"),
        ({"n": 100, "loss": F.mse_loss}, "are for a module"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    loss, center = quadratic([1.0] * 4)
    with pytest.raises(ValueError, match=message):
        quiet(loss, params=center, **settings)


def test_a_loss_that_is_no_number_at_w_star():
    with pytest.raises(ValueError, match="the loss or its gradient at w\\* is not finite"):
        quiet(lambda p: p["w"].sum(dim=1) / 0, params={"w": torch.ones(3)}, n=100)


def test_a_loss_of_the_wrong_shape():
    with pytest.raises(ValueError, match=r"the loss has shape \(\); wanted \("):
        quiet(lambda p: p["w"].sum(), params={"w": torch.ones(3)}, n=100)


def test_what_is_no_loss():
    with pytest.raises(ValueError, match="wanted a module, or a function"):
        quiet(3, params={"w": torch.ones(3)}, n=100)


def test_a_loss_with_gradients_of_ones_own_is_taken_as_it_is():
    loss, center = quadratic([1.0] * 4)
    both = differentiated(lambda params, rows: loss(params))
    own = quiet(both, params=center, n=N, gradients=200)
    assert own.value == quiet(loss, params=center, n=N, gradients=200).value
