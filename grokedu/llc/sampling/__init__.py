"""Draws from the localised, tempered posterior of a model's weights, many chains at once.

A :class:`Potential` says what to draw from; a sampler is a frozen set of numbers with two pure
functions, ``init(params, seeds)`` and ``step(state)``, on an explicit state, see :class:`Sampler`.
SGLD and its preconditioned form take minibatches and have a bias from their step size; MALA and HMC
take all examples and have none.

>>> import torch
>>> quadratic = differentiated(lambda params, rows: params["w"].square().sum(dim=1) / 2)
>>> center = {"w": torch.zeros(1, 4, dtype=torch.float64)}
>>> sampler = HMC(Potential(quadratic, center, nbeta=100.0, gamma=0.0), 0.1, leapfrogs=8)
>>> state = sampler.init({"w": center["w"].expand(100, 4)}, seeds=range(100))
>>> for _ in range(20):
...     state = sampler.step(state)
>>> abs(100 * state["loss"].mean().item() - 2) < 0.5  # nbeta E[L] is d / 2, and sd 0.14
True
"""

from grokedu.llc.sampling.chains import Sampler
from grokedu.llc.sampling.hamiltonian import HMC
from grokedu.llc.sampling.langevin import SGLD, RMSPropSGLD
from grokedu.llc.sampling.metropolis import MALA
from grokedu.llc.sampling.potential import LossAndGradient, Potential, differentiated

__all__ = [
    "HMC",
    "MALA",
    "SGLD",
    "LossAndGradient",
    "Potential",
    "RMSPropSGLD",
    "Sampler",
    "differentiated",
]
