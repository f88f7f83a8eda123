"""Less noise in a minibatch gradient, by what is known at the centre."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

from grokedu.llc.samplers.potential import LossAndGradient, Params


@dataclass(frozen=True)
class ControlVariates:
    """The loss and gradient of a minibatch, corrected by the error the same minibatch makes at w*.

    With B the minibatch and L the mean over all examples::

        g(w) = grad L_B(w) - grad L_B(w*) + grad L(w*),    and the same for the loss

    Both stay unbiased, and near w* their noise vanishes with the distance. A step costs two
    minibatch gradients. Source: Baker et al. 2019 (arXiv 1706.05439).

    Args:
        loss: the mean loss and its gradient, of all examples or of given rows.
        center: w*, tensors with a leading axis of length 1 or C. The full gradient there is taken
            once, here.

    Hand it to :class:`Potential` in the place of the loss.

    >>> import torch
    >>> from grokedu.llc.samplers import differentiated
    >>> data = torch.tensor([-1.0, 3.0])
    >>> def loss(params, rows):
    ...     chosen = data.expand(len(params["w"]), 2) if rows is None else data[rows]
    ...     return (params["w"] - chosen).square().mean(dim=1) / 2
    >>> center = {"w": torch.tensor([[1.0]])}  # the mean of the data, the minimum
    >>> corrected = ControlVariates(differentiated(loss), center)
    >>> corrected({"w": torch.tensor([[1.5]])}, torch.tensor([[0]]))[1]["w"].item()
    0.5
    """

    loss: LossAndGradient
    center: Params
    _at_center: tuple[Tensor, dict[str, Tensor]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_at_center", self.loss(self.center, None))

    def __call__(self, params: Params, rows: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        """The corrected losses, (C,), and gradients; with rows None there is nothing to correct."""
        losses, gradients = self.loss(params, rows)
        if rows is None:
            return losses, gradients
        center = {name: tensor.expand_as(params[name]) for name, tensor in self.center.items()}
        losses_there, gradients_there = self.loss(center, rows)
        full_loss, full_gradient = self._at_center
        return losses - losses_there + full_loss, {
            name: gradient - gradients_there[name] + full_gradient[name]
            for name, gradient in gradients.items()
        }
