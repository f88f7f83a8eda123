"""The leapfrog's own laws: reversible, volume-preserving, of second order in the energy."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grokedu.llc.sampling.hamiltonian import HMC, leapfrog
from grokedu.llc.sampling.potential import Potential
from grokedu.models.parameters import State
from tests.llc.sampling.cases import at_zero, gaussian, noise, power

STEP = torch.tensor([0.02, 0.05], dtype=torch.float64)


def quartic() -> Potential:
    return Potential(power(4), at_zero(1, STEP[:1].expand(3)), nbeta=7.0, gamma=2.0)


def place(potential: Potential, position: Tensor) -> State:
    loss, gradient = potential.evaluate(position)
    return {"position": position, "loss": loss, "gradient": gradient}


def energy(potential: Potential, at: State, momentum: Tensor) -> Tensor:
    return potential.energy(at["position"], at["loss"]) + momentum.square().sum(dim=1) / 2


def test_the_leapfrog_from_the_turned_momentum_comes_back() -> None:
    potential, momentum = quartic(), noise(2, 3, purpose="momentum")
    start = place(potential, noise(2, 3))
    reached, there = leapfrog(potential, start, momentum, STEP, 30)
    assert (reached["position"] - start["position"]).norm(dim=1).min() > 0.1
    back, turned = leapfrog(potential, reached, -there, STEP, 30)
    torch.testing.assert_close(back, start, rtol=0, atol=1e-12)
    torch.testing.assert_close(-turned, momentum, rtol=0, atol=1e-12)


def test_the_leapfrog_keeps_volumes() -> None:
    potential, step = quartic(), STEP[1:]

    def flow(whole: Tensor) -> Tensor:
        at, momentum = leapfrog(potential, place(potential, whole[:, :3]), whole[:, 3:], step, 10)
        return torch.cat([at["position"], momentum], dim=1)

    point, width = noise(1, 6), 1e-5
    shifts = width * torch.eye(6, dtype=torch.float64)
    columns = [(flow(point + e) - flow(point - e)) / (2 * width) for e in shifts]
    # Central differences err by the square of the width.
    assert torch.linalg.det(torch.cat(columns)).item() == pytest.approx(1, abs=1e-7)


def test_the_energy_is_missed_by_the_square_of_the_step() -> None:
    potential, momentum = quartic(), noise(1, 3, purpose="momentum")
    start, errors = place(potential, noise(1, 3) / 2), []
    for steps in (64, 128, 256):
        reached, there = leapfrog(potential, start, momentum, torch.tensor([1.0 / steps]), steps)
        errors.append(
            (energy(potential, reached, there) - energy(potential, start, momentum)).item()
        )
    assert abs(errors[0]) > 1e-6  # far above rounding
    # Halving the step divides the error by 4, up to the next order, 4 (1 +- O(e^2)).
    assert errors[0] / errors[1] == pytest.approx(4, rel=0.05)
    assert errors[1] / errors[2] == pytest.approx(4, rel=0.02)


def test_the_acceptance_is_that_of_the_change_of_energy() -> None:
    h = torch.tensor([4.0, 1.0], dtype=torch.float64)
    potential = gaussian(h, 1.0, 0.5)
    sampler = HMC(potential, STEP.repeat(2) * 20, leapfrogs=3)
    state = sampler.init({"w": noise(4, 2)}, range(4))
    following = sampler.step(state)
    momentum = following["normals"][:, 0]
    reached, there = leapfrog(potential, state, momentum, state["step_size"], sampler.steps_of(0))
    fall = energy(potential, state, momentum) - energy(potential, reached, there)
    torch.testing.assert_close(following["acceptance"], fall.exp().clamp(max=1))
    taken = following["uniforms"][:, 0] < following["acceptance"]
    wanted = torch.where(taken.unsqueeze(1), reached["position"], state["position"])
    assert torch.equal(following["position"], wanted)


@pytest.mark.parametrize("leapfrogs", [1, 4, 20])
def test_trajectories_are_of_every_length_as_often_and_of_the_mean_asked_for(
    leapfrogs: int,
) -> None:
    sampler = HMC(quartic(), 0.1, leapfrogs)
    lengths = torch.tensor([sampler.steps_of(trajectory) for trajectory in range(4096)])
    counts = lengths.bincount()[1:]
    assert len(counts) == 2 * leapfrogs - 1
    # The first N of the sequence miss a uniform share by at most log2(N) + 1.
    assert (counts - 4096 / len(counts)).abs().max() <= 13
    assert lengths.double().mean().item() == pytest.approx(leapfrogs, rel=0.01)


def test_fewer_than_one_step_is_refused() -> None:
    with pytest.raises(ValueError, match="leapfrogs is 0; wanted at least 1"):
        HMC(quartic(), 0.1, leapfrogs=0)
