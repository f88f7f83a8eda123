"""What all samplers have in common: their interface, and their first state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from grokedu.llc.sampling.potential import Potential
from grokedu.models.parameters import Params, State


class Sampler(Protocol):
    """Chains of draws from a potential, all at once: pure functions on an explicit state.

    A state is a flat dictionary of tensors with a leading chain axis, apart from counts, and can be
    saved as it is. Every state has ``position`` (C, d), and there ``loss`` (C,), the mean loss, and
    ``gradient`` (C, d), the mean loss's; ``step_size`` (C,), which may be replaced between steps.
    """

    @property
    def potential(self) -> Potential:
        """What is drawn from."""
        ...

    def init(self, params: Params, seeds: Sequence[int]) -> State:
        """The state of chains at ``params``, tensors (C, ...), with one seed a chain."""
        ...

    def step(self, state: State) -> State:
        """The state after one more draw; the given one is left as it was."""
        ...


def at_start(position: Tensor, loss: Tensor, gradient: Tensor, step_size: float | Tensor) -> State:
    """The first state's position, loss, gradient and step sizes.

    Raises:
        ValueError: if a step size is not positive and finite or is neither one number nor one a
            chain, or if a chain starts where its loss or gradient is not finite.

    >>> at_start(torch.ones(2, 1), torch.ones(2), torch.ones(2, 1), 0.1)["step_size"].shape
    torch.Size([2])
    """
    sizes = torch.as_tensor(step_size, dtype=position.dtype, device=position.device)
    chains = len(position)
    if sizes.shape not in ((), (chains,)) or not bool(((sizes > 0) & sizes.isfinite()).all()):
        raise ValueError(
            f"step_size is {step_size}; wanted a positive number, or one for each of the "
            f"{chains} chains"
        )
    lost = (~alive(position, loss, gradient)).nonzero().flatten().tolist()
    if lost:
        raise ValueError(
            f"chains {lost} start where the loss or its gradient is not finite; wanted a start "
            "where both are numbers, for example at w*"
        )
    return {
        "position": position,
        "loss": loss,
        "gradient": gradient,
        "step_size": sizes.expand(chains).clone(),
    }


def alive(position: Tensor, loss: Tensor, gradient: Tensor) -> Tensor:
    """Which chains hold finite numbers only, (C,); a sum is finite only if all its terms are.

    >>> alive(torch.tensor([[1.0], [torch.nan]]), torch.ones(2), torch.ones(2, 1)).tolist()
    [True, False]
    """
    return (loss + position.sum(dim=1) + gradient.sum(dim=1)).isfinite()
