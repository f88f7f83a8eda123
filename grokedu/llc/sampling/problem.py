"""What is sampled: a loss, one or more points w*, and the temperature and localisation at each."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from grokedu.llc.sampling.potential import LossAndGradient, Potential
from grokedu.models.parameters import Params


@dataclass(frozen=True)
class Problem:
    """P posteriors of one loss, each around a centre of its own; C chains are run in each.

    Attributes:
        loss: the mean loss of any number of rows of weights, and its gradient.
        centers: w*, tensors (P, ...).
        nbeta: (P,), n times the inverse temperature.
        gamma: (P,), the precision of the Gaussian around w*.

    >>> from grokedu.llc.sampling.potential import differentiated
    >>> quadratic = differentiated(lambda params, rows: params["w"].square().sum(dim=1) / 2)
    >>> two = Problem(quadratic, {"w": torch.zeros(2, 3)}, torch.ones(2), torch.ones(2))
    >>> len(two), two.size, two.potential(chains=4).flat(two.starts(chains=4)).shape
    (2, 3, torch.Size([8, 3]))
    """

    loss: LossAndGradient
    centers: Params
    nbeta: Tensor
    gamma: Tensor

    def __len__(self) -> int:
        return len(self.nbeta)

    @property
    def size(self) -> int:
        """The number d of weights."""
        return sum(tensor[0].numel() for tensor in self.centers.values())

    def starts(self, chains: int) -> dict[str, Tensor]:
        """Every centre C times, one centre after another: (P C, ...)."""
        return {name: x.repeat_interleave(chains, dim=0) for name, x in self.centers.items()}

    def potential(self, chains: int, heat: Tensor | None = None) -> Potential:
        """The potential of P C chains, at a temperature ``heat`` (P C,) times the wanted one."""
        nbeta = self.nbeta.repeat_interleave(chains)
        return Potential(
            self.loss,
            self.starts(chains),
            nbeta if heat is None else nbeta / heat,
            self.gamma.repeat_interleave(chains),
        )

    def select(self, rows: slice) -> Problem:
        """Some of the P posteriors."""
        centers = {name: tensor[rows] for name, tensor in self.centers.items()}
        return Problem(self.loss, centers, self.nbeta[rows], self.gamma[rows])


def inverse_temperature(n: float) -> float:
    """nbeta = n / log(n): n times the inverse temperature at which the WBIC is taken.

    Raises:
        ValueError: for n <= 1, where it is not positive.

    Source: Watanabe 2013, "A widely applicable Bayesian information criterion".

    >>> round(inverse_temperature(1000), 3)
    144.765
    """
    if not (math.isfinite(n) and n > 1):
        raise ValueError(f"n is {n}; wanted more than one example, as n / log(n) is taken")
    return n / math.log(n)


def with_weight_decay(loss: LossAndGradient, weight_decay: float) -> LossAndGradient:
    """The loss plus ``weight_decay / 2 * |w|^2``, its gradient likewise.

    >>> from grokedu.llc.sampling.potential import differentiated
    >>> nothing = differentiated(lambda params, rows: 0 * params["w"].sum(dim=1))
    >>> decayed = with_weight_decay(nothing, 0.5)
    >>> losses, gradients = decayed({"w": torch.tensor([[2.0]])}, None)
    >>> losses.tolist(), gradients["w"].tolist()
    ([1.0], [[1.0]])
    """

    def decayed(params: Params, rows: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        losses, gradients = loss(params, rows)
        squares = [tensor.flatten(1).square().sum(dim=1) for tensor in params.values()]
        return losses + weight_decay / 2 * torch.stack(squares).sum(dim=0), {
            name: gradient + weight_decay * params[name] for name, gradient in gradients.items()
        }

    return decayed if weight_decay else loss
