"""Losses whose posteriors are known exactly, with gradients in closed form."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from grokedu.llc.sampling.chains import Sampler
from grokedu.llc.sampling.hamiltonian import HMC
from grokedu.llc.sampling.metropolis import MALA
from grokedu.llc.sampling.potential import LossAndGradient, Potential
from grokedu.models.parameters import State
from grokedu.tasks import random_stream

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def quadratic(h: Tensor) -> LossAndGradient:
    """Half the sum of h_i w_i^2."""
    return lambda params, rows: (
        params["w"].square() @ h / 2,
        {"w": params["w"] * h},
    )


def power(exponent: int) -> LossAndGradient:
    """The sum of w_i to an even exponent."""
    return lambda params, rows: (
        (params["w"] ** exponent).sum(dim=1),
        {"w": exponent * params["w"] ** (exponent - 1)},
    )


def at_zero(chains: int, like: Tensor) -> dict[str, Tensor]:
    """The centre of all of them, as the weights of each chain."""
    return {"w": like.new_zeros(chains, len(like))}


def gaussian(h: Tensor, nbeta: float | Tensor = 100.0, gamma: float | Tensor = 1.0) -> Potential:
    """Precisions nbeta * h + gamma around 0."""
    return Potential(quadratic(h), at_zero(1, h), nbeta, gamma)


def after(sampler: Sampler, state: State, steps: int) -> State:
    """The state so many steps on."""
    for _ in range(steps):
        state = sampler.step(state)
    return state


def mean_loss(sampler: Sampler, state: State, draws: int) -> Tensor:
    """The mean of each chain's loss over the draws before each step, (C,), in float64."""
    total = torch.zeros_like(state["loss"], dtype=torch.float64)
    for _ in range(draws):
        total += state["loss"]
        state = sampler.step(state)
    return total / draws


def noise(*shape: int, purpose: str = "start") -> Tensor:
    """Standard normals, the same each time."""
    return torch.randn(shape, generator=random_stream(0, purpose), dtype=torch.float64)


def corrected(kind: str, potential: Potential, step_size: float | Tensor) -> Sampler:
    """One of the samplers without a bias, the size in MALA's terms."""
    if kind == "MALA":
        return MALA(potential, step_size)
    return HMC(potential, step_size**0.5, leapfrogs=5)
