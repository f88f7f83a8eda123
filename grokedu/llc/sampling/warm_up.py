"""Hamiltonian Monte Carlo that tunes itself: how chains come from w* to their posterior.

1. The curvature at w* gives the first step sizes and a preconditioner.
2. Chains begin at w*, ``heat`` times too hot, some of them more and some less, and are cooled. What
   lies flat or nearly flat around w*, in singular models, is crossed in a few hot steps; from w*
   itself chains would diffuse there for thousands. At a temperature h the loss of d weights is up
   to h d / (2 nbeta) above its minimum; so that chains of many weights do not leave the
   neighbourhood, from where the way back is long, their heat falls as 1 / d. Every chain adapts
   its own step size, in large strides at first, so that one which is left behind on a plateau or a
   slope takes the small steps that lead on.
3. Four groups of chains use preconditioners from none to full. The warm-up goes on with the one
   that moves best, measured by the geometric mean of how fast the stiffest and the slackest
   direction are crossed.
4. At the wanted temperature one step size for all chains of a centre is found by dual averaging
   (Hoffman and Gelman 2014, arXiv 1111.4246), with the harmonic mean of their acceptance, as in
   Hoffman et al. 2021 (ChEES): no chain rejects everything.
5. From then on the longest trajectory is half a period of the slackest direction, within bounds.
   Where the loss is nearly quadratic, steps are long and a few are enough.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grokedu.llc.sampling.hamiltonian import HMC
from grokedu.llc.sampling.problem import Problem
from grokedu.llc.sampling.whitening import Curvature, Whitening, curvature
from grokedu.models.parameters import State

TARGET = 0.8  # acceptance
GAIN, SEEKING = 0.8, 2.0  # of a step size by acceptance: at last, and at first in addition
GROUPS = 4  # of preconditioners
COOLED = 0.8  # of the warm-up, after which the temperature is the wanted one
COOLING = 1.5  # more of the time is spent near the wanted temperature than far from it
LEAPFROGS = 16  # of a trajectory, on average, while warming up; afterwards at most so many
SLACK = 0.4  # of the highest frequency: what is slacker is waited for no longer
HEAT, MANY = 1000.0, 500  # the usual heat, of up to so many weights

Spent = Callable[[int], float]


@dataclass(frozen=True)
class Tuned:
    """Chains that have been warmed up, and the sampler they go on with.

    Attributes:
        sampler, state: HMC with one step size for all chains of a centre.
        curvature: at the centres.
        floor: (P,), of the :class:`Whitening`, in units of nbeta times a curvature.
        gradients: how many each chain has taken, its share of those for the curvature included.
    """

    sampler: HMC
    state: State
    curvature: Curvature
    floor: Tensor
    gradients: int


@torch.no_grad()
def warm_up(
    problem: Problem,
    chains: int,
    seeds: Sequence[int],
    spent: Spent,
    *,
    heat: float = HEAT,
) -> Tuned:
    """Bring chains from w* to their posterior, as the module's docstring says.

    Args:
        problem: P posteriors.
        chains: C, in each of them.
        seeds: (P C,), one for each chain.
        spent: from the gradients that each chain has taken to the share of the warm-up that is
            over; the warm-up ends at 1.
        heat: the highest temperature, in units of the wanted one; 1 begins at the wanted one.

    Raises:
        ValueError: for a heat below 1, and where the loss or gradient at w* is not finite.

    >>> from grokedu.llc.sampling.potential import differentiated
    >>> quadratic = differentiated(lambda params, rows: params["w"].square().sum(dim=1) / 2)
    >>> one = Problem(quadratic, {"w": torch.zeros(1, 4)}, torch.tensor([100.0]), torch.ones(1))
    >>> tuned = warm_up(one, 4, range(4), lambda gradients: gradients / 600)
    >>> bool((tuned.state["step_size"] > 0.3).all())  # in units of the width of the posterior
    True
    """
    if not heat >= 1:
        raise ValueError(f"heat is {heat}; wanted at least 1, for example 1000")
    cold = problem.potential(chains)
    starts = problem.starts(chains)
    centers = cold.flat(starts)[::chains]
    bent = curvature(problem.potential(1), centers)
    gradients = -(-bent.gradients // chains)

    each = torch.arange(chains, device=centers.device)
    group = (each % GROUPS).repeat(len(problem))
    spread = torch.linspace(1, 2 / 3, chains, device=centers.device)
    hottest = heat ** spread.repeat(len(problem)).double()
    share = group.double() / (GROUPS - 1)
    log_step = torch.full_like(hottest, 0.5).log()
    state: State = {}
    averaging: DualAveraging | None = None
    while (done := spent(gradients)) < 1:
        if done >= COOLED and averaging is None:
            share, log_step = _best_group(problem, bent, group, log_step)
            averaging = DualAveraging(log_step[::chains])
        heats = hottest ** (max(0.0, 1 - done / COOLED) ** COOLING)
        sampler = _sampler(problem, chains, bent, share, heats, LEAPFROGS)
        if not state:
            state = sampler.init(starts, seeds)
        gradients += sampler.steps_of(int(state["count"]))
        state = sampler.step(state | {"step_size": log_step.exp().to(centers)})
        if averaging is None:
            gain = GAIN + SEEKING / (1 + int(state["count"]))
            log_step = log_step + gain * (state["acceptance"] - TARGET)
        else:
            acceptance = state["acceptance"].view(-1, chains).clamp(min=0.01)
            tried = averaging.update(1 / (1 / acceptance).mean(dim=1))
            log_step = tried.repeat_interleave(chains)
    if averaging is None:  # too few gradients for a single trajectory at the wanted temperature
        share, log_step = _best_group(problem, bent, group, log_step)
        averaging = DualAveraging(log_step[::chains])
    final = averaging.averaged.exp()
    floor = _floor(problem, bent, share, problem.nbeta.repeat_interleave(chains).double())
    enough = min(LEAPFROGS, _long_enough(problem, bent, floor[::chains], final))
    sampler = _sampler(problem, chains, bent, share, torch.ones_like(hottest), enough)
    if not state:
        state = sampler.init(starts, seeds)
    steps = final.to(centers).repeat_interleave(chains)
    return Tuned(sampler, state | {"step_size": steps}, bent, floor[::chains], gradients)


def usual_heat(size: int) -> float:
    """The heat that chains of so many weights begin with, as the module's docstring says.

    >>> usual_heat(20), usual_heat(5000)
    (1000.0, 100.0)
    """
    return max(1.0, HEAT * min(1.0, MANY / size))


class DualAveraging:
    """Step sizes of P problems that tend to an acceptance of :data:`TARGET`, by their logarithms.

    >>> adapting = DualAveraging(torch.zeros(1, dtype=torch.float64))
    >>> for _ in range(200):
    ...     tried = adapting.update(torch.exp(-adapting.averaged.exp()))  # 0.8 at a step of 0.223
    >>> 0.21 < adapting.averaged.exp().item() < 0.235
    True
    """

    SHRINKAGE, OFFSET, DECAY = 0.1, 5, 0.75

    def __init__(self, log_step: Tensor) -> None:
        self.toward = log_step + 0.7  # twice the step: too long a step is found out at once
        self.averaged = log_step
        self.shortfall = torch.zeros_like(log_step)
        self.count = 0

    def update(self, acceptance: Tensor) -> Tensor:
        """The logarithm of the step size to try next, (P,)."""
        self.count += 1
        weight = 1 / (self.count + self.OFFSET)
        self.shortfall = torch.lerp(self.shortfall, TARGET - acceptance, weight)
        tried = self.toward - self.count**0.5 / self.SHRINKAGE * self.shortfall
        self.averaged = torch.lerp(self.averaged, tried, self.count**-self.DECAY)
        return tried


def _sampler(
    problem: Problem, chains: int, bent: Curvature, share: Tensor, heat: Tensor, leapfrogs: int
) -> HMC:
    potential = problem.potential(chains, heat)
    nbeta = torch.as_tensor(potential.nbeta)
    floor = _floor(problem, bent, share, nbeta.double())
    centers = next(iter(problem.centers.values()))
    whitening = Whitening(bent, nbeta.to(centers), potential.gamma, floor.to(centers))
    return HMC(potential, 1.0, leapfrogs, whitening)


def _floor(problem: Problem, bent: Curvature, share: Tensor, nbeta: Tensor) -> Tensor:
    """(P C,): from the largest stiffness, share 0, to the least that is known, share 1."""
    chains = len(share) // len(problem)
    first, last = (
        bent.eigenvalues[:, at].clamp(min=0).repeat_interleave(chains).double() for at in (0, -1)
    )
    gamma = problem.gamma.repeat_interleave(chains).double()
    tiny = 1e-30  # a flat loss without localisation has no stiffness at all
    high = (nbeta * first + gamma).clamp(min=tiny)
    low = (gamma if bent.whole else nbeta * last + gamma).clamp(min=1e-9 * high)
    return high * (low / high) ** share


def _long_enough(problem: Problem, bent: Curvature, floor: Tensor, step: Tensor) -> int:
    """The mean number of leapfrogs for a longest trajectory of half a period, over all centres.

    A direction of stiffness s goes with the frequency sqrt(s / floor), or 1 where it is whitened.
    """
    slackest = problem.gamma.double()
    if bent.whole:
        slackest = problem.nbeta.double() * bent.eigenvalues[:, -1].clamp(min=0) + slackest
    frequency = (slackest / floor).sqrt().clamp(SLACK, 1)
    longest = math.pi / (step * frequency)
    return math.ceil((1 + longest.max().clamp(max=1e9).item()) / 2)


def _best_group(
    problem: Problem, bent: Curvature, group: Tensor, log_step: Tensor
) -> tuple[Tensor, Tensor]:
    """The share of whitening and the logarithm of the step size to go on with, each (P C,)."""
    chains = len(group) // len(problem)
    nbeta = problem.nbeta.repeat_interleave(chains).double()
    floor = _floor(problem, bent, group.double() / (GROUPS - 1), nbeta)
    # The stiffest direction is crossed in 1 / step, the slackest at a speed of step / sqrt(floor).
    score = log_step - floor.log() / 4
    members = [group[:chains] == which for which in range(min(GROUPS, chains))]
    scores, steps = (
        torch.stack([x.view(-1, chains)[:, rows].mean(dim=1) for rows in members], dim=1)
        for x in (score, log_step)
    )
    best = scores.argmax(dim=1, keepdim=True)
    share = (best.double() / (GROUPS - 1)).repeat_interleave(chains)
    return share, steps.gather(1, best).repeat_interleave(chains)
