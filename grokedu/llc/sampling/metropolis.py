"""The Metropolis correction, and Langevin proposals with it: draws without a step-size bias."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grokedu.llc.sampling.chains import at_start
from grokedu.llc.sampling.potential import Potential
from grokedu.llc.sampling.streams import draw, open_streams
from grokedu.models.parameters import Params, State


def settle(state: State, proposal: State, log_ratio: Tensor, uniforms: Tensor) -> State:
    """Take the proposal, tensors (C, ...), where ``uniforms < exp(log_ratio)``, chain by chain.

    ``acceptance`` in the next state is the probability min(1, exp(log_ratio)), (C,). It is 0 where
    the ratio is not a number: a proposal of non-finite energy or gradient is rejected.

    >>> state, proposal = {"position": torch.zeros(3, 1)}, {"position": torch.ones(3, 1)}
    >>> log_ratio = torch.tensor([0.7, -0.7, torch.nan])
    >>> after = settle(state, proposal, log_ratio, torch.tensor([0.9, 0.9, 0.0]))
    >>> after["position"].flatten().tolist(), [round(a, 2) for a in after["acceptance"].tolist()]
    ([1.0, 0.0, 0.0], [1.0, 0.5, 0.0])
    """
    possible = torch.where(log_ratio.isfinite(), log_ratio, -torch.inf)
    acceptance = possible.clamp(max=0).exp()
    taken = uniforms < acceptance
    chosen = {
        name: torch.where(taken.view(-1, *[1] * (new.ndim - 1)), new, state[name])
        for name, new in proposal.items()
    }
    return state | chosen | {"acceptance": acceptance}


@dataclass(frozen=True)
class MALA:
    """The Metropolis-adjusted Langevin algorithm: SGLD's step as a proposal, corrected exactly.

    With e the step size, the proposal and the logarithm of its acceptance ratio are::

        w' = w - e / 2 * grad U(w) + sqrt(e) * N(0, I)
        U(w) - U(w') + log q(w | w') - log q(w' | w),
        log q(a | b) = -|a - b + e / 2 * grad U(b)|^2 / (2 * e)

    Args:
        potential: what to draw from. The correction needs the whole loss, so there is no minibatch.
        step_size: a number, or a tensor of shape (C,).

    Every step takes one gradient. Source: Roberts and Tweedie 1996.

    >>> from grokedu.llc.sampling.potential import differentiated
    >>> quadratic = differentiated(lambda params, rows: params["w"].square().sum(dim=1) / 2)
    >>> center = {"w": torch.zeros(1, 2)}
    >>> sampler = MALA(Potential(quadratic, center, nbeta=10.0), step_size=0.1)
    >>> state = sampler.step(sampler.init({"w": torch.ones(3, 2)}, seeds=range(3)))
    >>> bool(((state["acceptance"] > 0) & (state["acceptance"] <= 1)).all())
    True
    """

    potential: Potential
    step_size: float | Tensor

    @torch.no_grad()
    def init(self, params: Params, seeds: Sequence[int]) -> State:
        """The chains at ``params``, (C, ...)."""
        return start_full(self.potential, params, seeds, self.step_size)

    @torch.no_grad()
    def step(self, state: State) -> State:
        """One proposal for every chain, taken or not."""
        drawn, state = draw(state)
        position, step = state["position"], state["step_size"].unsqueeze(1)
        force = self.potential.gradient(position, state["gradient"])
        moved = position - step / 2 * force + step.sqrt() * drawn.normals
        loss, gradient = self.potential.evaluate(moved)
        force_there = self.potential.gradient(moved, gradient)
        # position - moved + step / 2 * force_there, over the root of the step
        noise_back = step.sqrt() / 2 * (force + force_there) - drawn.normals
        there, back = (x.double().square().sum(dim=1) / 2 for x in (drawn.normals, noise_back))
        fall = self.potential.energy(position, state["loss"]) - self.potential.energy(moved, loss)
        proposal = {"position": moved, "loss": loss, "gradient": gradient}
        return settle(state, proposal, fall + there - back, drawn.uniforms)


def start_full(
    potential: Potential, params: Params, seeds: Sequence[int], step_size: float | Tensor
) -> State:
    """The first state of a corrected sampler, with the whole gradient; its acceptance is nan.

    Raises:
        ValueError: as :func:`at_start` and :func:`open_streams`.
    """
    position = potential.flat(params)
    loss, gradient = potential.evaluate(position)
    acceptance = {"acceptance": torch.full_like(loss, torch.nan, dtype=torch.float64)}
    started = at_start(position, loss, gradient, step_size)
    return open_streams(seeds, position) | started | acceptance
