"""From a problem to traces: warm-up, then draws until a budget or an error is reached."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from grokedu.llc.sampling.budget import Budget
from grokedu.llc.sampling.chains import Sampler
from grokedu.llc.sampling.diagnostics import monte_carlo_error
from grokedu.llc.sampling.langevin import SGLD
from grokedu.llc.sampling.potential import Potential
from grokedu.llc.sampling.problem import Problem
from grokedu.llc.sampling.warm_up import Spent, usual_heat, warm_up
from grokedu.llc.sampling.whitening import Curvature, curvature
from grokedu.models.parameters import State

BURN_IN = 0.5  # of the budget
LEAST = 4  # draws of a chain, for a variance of each half
ENOUGH = 20  # draws before a Monte Carlo error is believed


@dataclass(frozen=True)
class Draws:
    """The draws of C chains in each of P posteriors after their burn-in.

    Attributes:
        loss: (T, P, C), the mean loss at each draw, float64.
        square: (T, P, C), the squared distance from w*.
        acceptance: (T, P, C), nan for a sampler without a correction.
        loss_at_center: (P,).
        gradient_at_center: (P, d), that of the mean loss.
        gradients: how many each chain has taken in all.
        curvature: at w*.
        settings: of the sampler, by name.
    """

    loss: Tensor
    square: Tensor
    acceptance: Tensor
    loss_at_center: Tensor
    gradient_at_center: Tensor
    gradients: int
    curvature: Curvature
    settings: dict[str, Any]


@contextmanager
def flushed_denormals() -> Iterator[None]:
    """Treat numbers below 1e-38 as 0 within the ``with`` block, where the CPU can.

    Far from w* probabilities are that small, and CPUs take a hundred times longer over them.
    """
    flushed = torch.set_flush_denormal(True)
    try:
        yield
    finally:
        if flushed:
            torch.set_flush_denormal(False)


@torch.no_grad()
def sample(
    problem: Problem,
    chains: int,
    budget: Budget,
    *,
    seed: int = 0,
    heat: float | None = None,
    sampler: Callable[[Potential], Sampler] | None = None,
    progress: bool = True,
) -> Draws:
    """Draws from the problem's posteriors, with chains that begin at w*.

    The first half of the budget is burn-in; with ``target_error`` a twentieth of it at most, or
    1200 gradients. All posteriors use the same random numbers, chain by chain.

    Args:
        problem: P posteriors.
        chains: C.
        budget: what may be spent.
        seed: of all chains.
        heat, leapfrogs: see :func:`grokedu.llc.warm_up.warm_up`; the usual heat if None.
        sampler: from the potential of P C chains to a sampler; used as it is, without tuning.
        progress: whether to show a bar.

    Raises:
        ValueError: for a budget that ends in the burn-in, a loss that is not finite, and as
            :func:`grokedu.llc.warm_up.warm_up`.
    """
    potential = problem.potential(chains)
    center = potential.flat(problem.starts(chains))
    at_center = problem.potential(1).evaluate(center[::chains])
    lost = ~(at_center[0] + at_center[1].sum(dim=1)).isfinite()
    if bool(lost.any()):
        where = lost.nonzero().flatten().tolist()
        raise ValueError(
            f"the loss or its gradient at w* is not finite, at points {where}; wanted a point "
            "where both are numbers"
        )
    share = BURN_IN
    if budget.target_error is not None and budget.gradients is not None:
        share = min(BURN_IN, max(0.05, 1200 / budget.gradients))
    seeds = [seed * 1000 + chain for chain in range(chains)] * len(problem)
    with (
        flushed_denormals(),
        tqdm(
            total=1.0,
            disable=not progress,
            desc="draws",
            leave=False,
            bar_format="{desc} {percentage:3.0f}% |{bar}| {postfix}",
        ) as bar,
    ):

        def spent(gradients: int) -> float:
            gone = budget.spent(gradients)
            bar.update(min(gone, 1.0) - bar.n)
            return gone / share

        if sampler is None:
            hot = usual_heat(problem.size) if heat is None else heat
            begun = _tuned(problem, chains, seeds, spent, hot)
        else:
            begun = _burnt_in(problem, chains, seeds, spent, sampler(potential))
        chosen, state, gradients = begun.sampler, begun.state, begun.gradients
        rows: list[tuple[Tensor, Tensor, Tensor]] = []
        while budget.spent(gradients) < 1:
            spent(gradients)
            gradients += _cost(chosen, state)
            state = chosen.step(state)
            rows.append(_row(state, center))
            if budget.target_error is not None and _reached(rows, at_center[0], chains, budget):
                break
    if len(rows) < LEAST:
        raise ValueError(
            f"the budget left {len(rows)} draws after the burn-in ({gradients} gradients in all); "
            f"wanted at least {LEAST}, for example gradients=1800"
        )
    loss, square, acceptance = (
        torch.stack(each).view(len(rows), len(problem), chains) for each in zip(*rows, strict=True)
    )
    return Draws(
        loss,
        square,
        acceptance,
        at_center[0].double(),
        at_center[1],
        gradients,
        begun.curvature,
        begun.settings,
    )


@dataclass(frozen=True)
class _Begun:
    """Chains after their burn-in: see :class:`Draws` for the last three."""

    sampler: Sampler
    state: State
    gradients: int
    curvature: Curvature
    settings: dict[str, Any]


def _tuned(
    problem: Problem, chains: int, seeds: Sequence[int], spent: Spent, heat: float
) -> _Begun:
    tuned = warm_up(problem, chains, seeds, spent, heat=heat)
    settings = {
        "sampler": "HMC",
        "step_size": tuned.state["step_size"][::chains].tolist(),
        "floor": tuned.floor.tolist(),
        "leapfrogs": tuned.sampler.leapfrogs,
        "heat": heat,
    }
    return _Begun(tuned.sampler, tuned.state, tuned.gradients, tuned.curvature, settings)


def _burnt_in(
    problem: Problem, chains: int, seeds: Sequence[int], spent: Spent, sampler: Sampler
) -> _Begun:
    starts = problem.starts(chains)
    bent = curvature(problem.potential(1), sampler.potential.flat(starts)[::chains])
    settings: dict[str, Any] = {"sampler": type(sampler).__name__}
    if type(sampler) is SGLD:
        settings["uncorrected_step_size"] = float(torch.as_tensor(sampler.step_size).max())
    state, gradients = sampler.init(starts, seeds), 0
    while spent(gradients) < 1:
        gradients += _cost(sampler, state)
        state = sampler.step(state)
    return _Begun(sampler, state, gradients, bent, settings)


def _cost(sampler: Sampler, state: State) -> int:
    steps_of = getattr(sampler, "steps_of", None)
    return steps_of(int(state["count"])) if steps_of else 1


def _row(state: State, center: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    loss = state["loss"].double()
    square = (state["position"] - center).square().sum(dim=1).double()
    return loss, square, state.get("acceptance", torch.full_like(loss, torch.nan)).double()


def _reached(
    rows: Sequence[tuple[Tensor, Tensor, Tensor]], at_center: Tensor, chains: int, budget: Budget
) -> bool:
    if len(rows) < ENOUGH or len(rows) % ENOUGH:
        return False
    losses = torch.stack([row[0] for row in rows]).view(len(rows), -1, chains)
    excess = losses - at_center.double().unsqueeze(1)
    for at in range(excess.shape[1]):
        value, error = excess[:, at].mean().item(), monte_carlo_error(excess[:, at])
        if not error <= (budget.target_error or 0) * abs(value):
            return False
    return True
