"""Hamiltonian Monte Carlo with trajectories of varying length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grokedu.llc.sampling.metropolis import settle, start_full
from grokedu.llc.sampling.potential import Potential
from grokedu.llc.sampling.streams import draw
from grokedu.models.parameters import Params, State

Shift = Callable[[Tensor, Tensor, float], Tensor]
Preconditioner = Callable[[Tensor], Shift]


def same(step_size: Tensor) -> Shift:
    """The preconditioner A = 1: from step sizes e, (C,), to ``shift(to, rows, share)``, which is
    ``to + share * e * A rows``, (C, d).

    >>> same(torch.tensor([0.1, 0.2]))(torch.zeros(2, 1), torch.ones(2, 1), -0.5).tolist()
    [[-0.05000000074505806], [-0.10000000149011612]]
    """
    column = step_size.unsqueeze(1)

    def shift(to: Tensor, rows: Tensor, share: float) -> Tensor:
        return torch.addcmul(to, column, rows, value=share)

    return shift


def leapfrog(
    potential: Potential,
    place: State,
    momentum: Tensor,
    step_size: Tensor,
    steps: int,
    preconditioner: Preconditioner = same,
) -> tuple[State, Tensor]:
    """So many leapfrog steps of the dynamics with energy U(w) + |p|^2 / 2.

    One step, with e the step size and A the preconditioner::

        p <- p - e / 2 * A grad U(w),    w <- w + e * A p,    p <- p - e / 2 * A grad U(w)

    It is undone by the same steps from -p, keeps volumes, and misses the energy by O(e^2).

    Args:
        potential: U.
        place: ``position`` (C, d), with the ``loss`` (C,) and its ``gradient`` (C, d) there.
        momentum: p, (C, d).
        step_size: (C,).
        steps: at least 1; each takes one gradient.
        preconditioner: A, a symmetric linear map of rows, in the form of :func:`same`; these are
            the dynamics of A^-1 w with unit masses, or of w with the mass matrix A^-2.

    Returns:
        The place reached, with its loss and gradient, and the momentum there.

    >>> from grokedu.llc.sampling.potential import differentiated
    >>> free = differentiated(lambda params, rows: 0 * params["w"].sum(dim=1))
    >>> potential = Potential(free, {"w": torch.zeros(1, 1)}, nbeta=1.0, gamma=0.0)
    >>> zero, one = torch.zeros(1, 1), torch.ones(1)
    >>> place = {"position": zero, "loss": zero[0], "gradient": zero}
    >>> reached, _ = leapfrog(potential, place, torch.ones(1, 1), one / 2, 4)
    >>> reached["position"].item()
    2.0
    """
    position, loss, gradient = place["position"], place["loss"], place["gradient"]
    shift = preconditioner(step_size)
    for at in range(steps):
        # The half steps between two moves are one whole step.
        force = potential.gradient(position, gradient)
        momentum = shift(momentum, force, -1.0 if at else -0.5)
        position = shift(position, momentum, 1.0)
        loss, gradient = potential.evaluate(position)
    momentum = shift(momentum, potential.gradient(position, gradient), -0.5)
    return {"position": position, "loss": loss, "gradient": gradient}, momentum


@dataclass(frozen=True)
class HMC:
    """Hamiltonian Monte Carlo (Duane et al. 1987; Neal 2011, arXiv 1206.1901).

    A momentum is drawn, :func:`leapfrog` follows it, and the place reached is taken with
    probability min(1, exp(H - H')), H being U(w) + |p|^2 / 2: exact for any step size.

    Args:
        potential: what to draw from. The correction needs the whole loss, so there is no minibatch.
        step_size: of the leapfrog, a number or a tensor of shape (C,); its square is comparable to
            a step size of SGLD or MALA.
        leapfrogs: the mean number of leapfrog steps in a trajectory, at least 1.
        preconditioner: see :func:`leapfrog`; unit masses without one.

    Trajectories of one length can return to where they began; so the number of steps varies over
    1 .. 2 * leapfrogs - 1. All chains take the same number at once, else some would wait, and it
    comes from the van der Corput sequence, which is uniform and no chain's own, as in Hoffman et
    al. 2021 (ChEES): a chain does the same alone and beside others.

    Raises:
        ValueError: for leapfrogs below 1.

    >>> from grokedu.llc.sampling.potential import differentiated
    >>> quadratic = differentiated(lambda params, rows: params["w"].square().sum(dim=1) / 2)
    >>> center = {"w": torch.zeros(1, 2)}
    >>> sampler = HMC(Potential(quadratic, center, nbeta=10.0), step_size=0.2, leapfrogs=4)
    >>> [sampler.steps_of(trajectory) for trajectory in range(7)]
    [4, 2, 6, 1, 5, 3, 7]
    >>> state = sampler.step(sampler.init({"w": torch.ones(3, 2)}, seeds=range(3)))
    >>> bool((state["acceptance"] > 0.5).all())
    True
    """

    potential: Potential
    step_size: float | Tensor
    leapfrogs: int = 20
    preconditioner: Preconditioner = same

    def __post_init__(self) -> None:
        if self.leapfrogs < 1:
            raise ValueError(f"leapfrogs is {self.leapfrogs}; wanted at least 1, for example 20")

    @torch.no_grad()
    def init(self, params: Params, seeds: Sequence[int]) -> State:
        """The chains at ``params``, (C, ...)."""
        start = start_full(self.potential, params, seeds, self.step_size)
        return start | {"count": torch.tensor(0)}

    @torch.no_grad()
    def step(self, state: State) -> State:
        """One trajectory of every chain, taken or not."""
        drawn, state = draw(state)
        momentum, count = drawn.normals, int(state["count"])
        reached, momentum_there = leapfrog(
            self.potential,
            state,
            momentum,
            state["step_size"],
            self.steps_of(count),
            self.preconditioner,
        )
        fall = self._energy(state, momentum) - self._energy(reached, momentum_there)
        after = settle(state, reached, fall, drawn.uniforms)
        return after | {"count": torch.tensor(count + 1)}

    def steps_of(self, trajectory: int) -> int:
        """How many leapfrog steps, and gradients, the trajectory of this number takes, from 0."""
        return 1 + int(_van_der_corput(trajectory + 1) * (2 * self.leapfrogs - 1))

    def _energy(self, place: State, momentum: Tensor) -> Tensor:
        kinetic = momentum.double().square().sum(dim=1) / 2
        return self.potential.energy(place["position"], place["loss"]) + kinetic


def _van_der_corput(number: int) -> float:
    """The binary digits of the number mirrored at the point: 1/2, 1/4, 3/4, 1/8, 5/8, ..."""
    found, place = 0.0, 0.5
    while number:
        found, number, place = found + place * (number & 1), number >> 1, place / 2
    return found
