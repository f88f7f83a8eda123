"""What the warm-up finds out by itself: preconditioner, step size and a place in the posterior."""

from __future__ import annotations

import math

import pytest
import torch

from grokedu.llc import estimate_llc
from grokedu.llc.exact import known
from grokedu.llc.sampling.potential import differentiated
from grokedu.llc.sampling.problem import Problem, inverse_temperature
from grokedu.llc.sampling.warm_up import HEAT, LEAPFROGS, MANY, Tuned, usual_heat, warm_up
from grokedu.models import TwoLayer
from grokedu.models.gradients import ExactLoss
from grokedu.tasks import make_task, random_stream

N = 1e6
CHAINS = 16


def problem(case: known.Known, points: int = 1, device: str = "cpu") -> Problem:
    centers = {
        name: x.to(device).expand(points, *x.shape).clone() for name, x in case.center.items()
    }
    like = torch.ones(points, device=device)
    loss = differentiated(lambda params, rows: case.loss(params))
    return Problem(loss, centers, inverse_temperature(N) * like, like)


def warmed(case: known.Known, gradients: int = 1200, heat: float = 1000.0) -> Tuned:
    return warm_up(problem(case), CHAINS, range(CHAINS), lambda g: g / gradients, heat=heat)


def largest_over_floor(tuned: Tuned) -> float:
    stiffest = inverse_temperature(N) * tuned.curvature.eigenvalues.max().item() + 1
    return stiffest / tuned.floor.item()


def test_slack_directions_are_whitened_where_the_loss_is_quadratic():
    case = known.quadratic(torch.logspace(0, -5, 20).tolist(), n=N)
    tuned = warmed(case)
    assert largest_over_floor(tuned) > 1e4
    assert 0.3 < tuned.state["step_size"][0] < 2  # in units of the posterior's width


def test_they_are_not_where_the_flat_directions_bend():
    assert largest_over_floor(warmed(known.deep_linear([5] * 4, 2))) < 10


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_a_point_is_tuned_the_same_beside_another(device):
    case = known.quadratic([1.0, 0.1, 0.01, 0.001], n=N)
    seeds = [*range(CHAINS)]
    alone = warm_up(problem(case, 1, device), CHAINS, seeds, lambda g: g / 400)
    both = warm_up(problem(case, 2, device), CHAINS, 2 * seeds, lambda g: g / 400)
    for name in ("position", "step_size"):
        first = both.state[name][:CHAINS]
        torch.testing.assert_close(first, alone.state[name], rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(both.state[name][CHAINS:], first, rtol=1e-3, atol=1e-4)


def test_trajectories_are_short_where_the_loss_is_quadratic_and_long_where_directions_are_flat():
    regular = warmed(known.quadratic(torch.logspace(0, -3, 20).tolist(), n=N))
    longest = (2 * regular.sampler.leapfrogs - 1) * regular.state["step_size"][0].item()
    assert regular.sampler.leapfrogs <= 6
    assert math.pi <= longest < 2 * math.pi
    singular = warmed(known.deep_linear([5] * 4, 2)).sampler.leapfrogs
    assert 2 * regular.sampler.leapfrogs < singular <= LEAPFROGS


def test_a_network_is_warm_after_150_gradients():
    """Its first steps are ten times too long while it is hot; at a slow pace it is 34 % too low."""
    task, model = make_task("modular_addition", 11, fraction=0.8, seed=0), TwoLayer(11, 32)
    loss = ExactLoss(model, task.inputs[task.train], task.targets[task.train])
    short, long = (
        estimate_llc(
            loss, params=model.init(random_stream(0, "init")), n=len(task.train), gamma=10.0,
            chains=8, gradients=gradients, progress=False,
        ).value
        for gradients in (300, 3000)
    )  # fmt: skip
    assert short == pytest.approx(long, rel=0.1)


def test_chains_of_many_weights_are_heated_less():
    assert usual_heat(MANY) == HEAT
    assert usual_heat(10 * MANY) * 10 == pytest.approx(HEAT)
    assert usual_heat(10**9) == 1


def test_chains_are_near_the_posterior_when_it_ends():
    case = known.deep_linear([5] * 4, 2)
    loss = inverse_temperature(N) * warmed(case).state["loss"]
    assert loss.mean().item() == pytest.approx(case.value, rel=0.5)
    assert loss.max().item() < 4 * case.value


def test_from_a_point_without_curvature():
    """At 0 a product of three matrices has no second derivative: the step is found all the same."""
    tuned = warmed(known.deep_linear([3] * 4, 0))
    assert tuned.state["acceptance"].mean() > 0.5
    assert (tuned.state["position"] != 0).all()


def test_too_short_a_warm_up_still_ends_at_the_wanted_temperature():
    case = known.quadratic([1.0] * 4, n=N)
    tuned = warmed(case, gradients=1)
    assert tuned.sampler.potential.nbeta[0] == pytest.approx(inverse_temperature(N))
