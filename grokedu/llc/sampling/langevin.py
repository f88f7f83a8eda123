"""Stochastic gradient Langevin dynamics, plain and preconditioned: no correction, so a bias.

On a quadratic loss with eigenvalues h the draws of SGLD have, with kappa = nbeta * h + gamma and
the whole gradient, the variance 1 / (kappa * (1 - step_size * kappa / 4)) in place of 1 / kappa,
and diverge for step_size * kappa >= 4. The noise of a minibatch adds to it. A chain that diverged
has losses and weights of nan, for good.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grokedu.llc.sampling.chains import alive, at_start
from grokedu.llc.sampling.potential import Potential
from grokedu.llc.sampling.streams import draw, open_streams
from grokedu.models.parameters import Params, State


@dataclass(frozen=True)
class SGLD:
    """Stochastic gradient Langevin dynamics (Welling and Teh 2011), in the convention::

        w <- w - step_size / 2 * grad U(w) + sqrt(step_size) * N(0, I)

    Args:
        potential: what to draw from.
        step_size: a number, or a tensor of shape (C,).
        batch_size: how many examples each chain takes its gradient over, drawn with replacement at
            each step; None for all of them.
        examples: how many examples there are; needed for minibatches only.

    The state's ``loss`` is that of the examples its ``gradient`` is of.

    Raises:
        ValueError: if only one of batch_size and examples is given, or one is below 1.

    >>> from grokedu.llc.sampling.potential import differentiated
    >>> quadratic = differentiated(lambda params, rows: params["w"].square().sum(dim=1) / 2)
    >>> center = {"w": torch.zeros(1, 2)}
    >>> sampler = SGLD(Potential(quadratic, center, nbeta=10.0), step_size=0.1)
    >>> state = sampler.init({"w": torch.ones(3, 2)}, seeds=range(3))
    >>> state["loss"].tolist(), sampler.step(state)["loss"].shape
    ([1.0, 1.0, 1.0], torch.Size([3]))
    """

    potential: Potential
    step_size: float | Tensor
    batch_size: int | None = None
    examples: int | None = None

    def __post_init__(self) -> None:
        both = (self.batch_size, self.examples)
        if both != (None, None) and not all(value and value >= 1 for value in both):
            raise ValueError(
                f"batch_size is {self.batch_size} and examples is {self.examples}; wanted both, "
                "each at least 1, or neither"
            )

    @torch.no_grad()
    def init(self, params: Params, seeds: Sequence[int]) -> State:
        """The chains at ``params``, (C, ...)."""
        position = self.potential.flat(params)
        state, rows = open_streams(seeds, position, self.batch_size), None
        if self.batch_size is not None:
            drawn, state = draw(state, self.examples)
            rows = drawn.rows
        loss, gradient = self.potential.evaluate(position, rows)
        return state | at_start(position, loss, gradient, self.step_size)

    @torch.no_grad()
    def step(self, state: State) -> State:
        """One step of every chain."""
        drawn, state = draw(state, self.examples)
        scale, state = self._preconditioner(state)
        step = state["step_size"].unsqueeze(1) * scale
        force = self.potential.gradient(state["position"], state["gradient"])
        position = state["position"] - step / 2 * force + step.sqrt() * drawn.normals
        loss, gradient = self.potential.evaluate(position, drawn.rows)
        kept = alive(position, loss, gradient)
        # Some losses, clipped ones for example, are numbers again where the weights are not.
        position = torch.where(kept.unsqueeze(1), position, torch.nan)
        loss = torch.where(kept, loss, torch.nan)
        return state | {"position": position, "loss": loss, "gradient": gradient}

    def _preconditioner(self, state: State) -> tuple[float | Tensor, State]:
        return 1.0, state


@dataclass(frozen=True)
class RMSPropSGLD(SGLD):
    """SGLD in which every weight has a step size of its own, by RMSProp (Li et al. 2016)::

        v <- smoothing * v + (1 - smoothing) * g^2,    G = 1 / (sqrt(v) + stabiliser)
        w <- w - step_size / 2 * G * grad U(w) + sqrt(step_size * G) * N(0, I)

    g is the gradient of the mean loss alone; v starts at 0 and is divided by the sum of its
    weights, 1 - smoothing^t. The term with the derivative of G is left out, as is usual: a bias
    beside that of the step size, which vanishes as smoothing tends to 1.

    Args:
        potential, step_size, batch_size, examples: as for :class:`SGLD`.
        smoothing: in [0, 1).
        stabiliser: above 0.

    Sources: Li et al. 2016 (arXiv 1512.07666); Hitchcock and Hoogland 2025 (arXiv 2507.21449).

    Raises:
        ValueError: as SGLD, and for a smoothing or a stabiliser out of range.

    >>> from grokedu.llc.sampling.potential import differentiated
    >>> quadratic = differentiated(lambda params, rows: params["w"].square().sum(dim=1) / 2)
    >>> center = {"w": torch.zeros(1, 2)}
    >>> sampler = RMSPropSGLD(Potential(quadratic, center, nbeta=10.0), step_size=0.1)
    >>> sampler.step(sampler.init({"w": torch.ones(3, 2)}, seeds=range(3)))["square"].shape
    torch.Size([3, 2])
    """

    smoothing: float = 0.99
    stabiliser: float = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.smoothing < 1 or not self.stabiliser > 0:
            raise ValueError(
                f"smoothing is {self.smoothing} and stabiliser is {self.stabiliser}; wanted "
                "0 <= smoothing < 1 and a stabiliser above 0"
            )

    def init(self, params: Params, seeds: Sequence[int]) -> State:
        """The chains at ``params``, (C, ...), and a mean square of nothing yet."""
        state = super().init(params, seeds)
        square = torch.zeros_like(state["position"])
        return state | {"square": square, "count": torch.tensor(0)}

    def _preconditioner(self, state: State) -> tuple[float | Tensor, State]:
        square = torch.lerp(state["gradient"].square(), state["square"], self.smoothing)
        count = state["count"] + 1
        mean = square / (1 - self.smoothing ** int(count))
        return 1 / (mean.sqrt() + self.stabiliser), state | {"square": square, "count": count}
