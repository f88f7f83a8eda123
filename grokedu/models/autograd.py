"""The gradient of a weighted training loss by autograd, for any model, many runs at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor


class Model(Protocol):
    """What the training loop asks of an architecture: a frozen dataclass with these two methods.

    A model may also have ``apply_each(params, inputs)``, which takes inputs of shape (S, n, ...),
    each run its own. Where runs train on different examples the loop then computes those only;
    without it, every run computes what any of them trains on. And it may have
    ``gradient(inputs, targets, weights, loss)``, which takes each run's own as
    :class:`AutogradGradient` does and returns a function from params to gradients: a closed form.
    """

    def init(
        self,
        generator: Sequence[torch.Generator],
        dtype: torch.dtype = ...,
        device: torch.device | str = ...,
    ) -> dict[str, Tensor]:
        """Weights with a leading axis, one run a generator."""
        ...

    def apply(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Outputs of shape (S, n, classes) for inputs of shape (n, ...), shared by all runs."""
        ...


class AutogradGradient:
    """The gradient of a weighted training loss by differentiating the model, S runs at a time.

    Args:
        model: the architecture, the same for every run.
        inputs: (n, ...), shared by all runs, or (S, n, ...) for a model with ``apply_each``.
        targets: int64 (S, n), or float (S, n, outputs) for regression.
        weights: (S, n), the weight of each example in its run's loss, 0 for one it does not use.
        loss: "cross_entropy" or "mse".
        own_inputs: whether the inputs have the run axis.

    >>> from grokedu.models.deep_linear import DeepLinear
    >>> gradient = AutogradGradient(DeepLinear((1, 1)), torch.tensor([[2.0]]),
    ...                             torch.tensor([[[1.0]]]), torch.ones(1, 1), "mse")
    >>> gradient({"W1": torch.tensor([[[3.0]]])})["W1"].item()  # 2 (2w - 1) 2 at w = 3
    20.0
    """

    def __init__(
        self,
        model: Model,
        inputs: Tensor,
        targets: Tensor,
        weights: Tensor,
        loss: str,
        *,
        own_inputs: bool = False,
    ) -> None:
        self.apply = getattr(model, "apply_each") if own_inputs else model.apply  # noqa: B009
        self.inputs, self.targets = inputs, targets
        self.weights, self.loss = weights, loss

    def __call__(self, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The gradients of params with a leading axis of S runs, by name."""
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in params.items()}
        each = loss_of_each(self.loss, self.apply(leaves, self.inputs), self.targets)
        total = (each * self.weights).sum()
        return dict(zip(leaves, torch.autograd.grad(total, [*leaves.values()]), strict=True))


def loss_of_each(loss: str, outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss of every example.

    The cross-entropy is computed as ``log(1 + sum of exp(logit - the label's logit))`` over the
    other classes. In float32 its gradient then does not round to 0 with the loss, see
    :mod:`grokedu.models.gradients`.

    Args:
        loss: "cross_entropy" or "mse", the mean over classes or outputs.
        outputs: (..., n, classes).
        targets: int64 (..., n), or float (..., n, outputs) with "mse".

    Returns:
        (..., n), in nats for the cross-entropy.

    Raises:
        ValueError: for another loss, or a cross-entropy of float targets.

    >>> logits = torch.tensor([[0.0, 0.0], [200.0, 0.0]])
    >>> loss_of_each("cross_entropy", logits, torch.tensor([0, 1])).tolist()
    [0.6931471824645996, 200.0]
    >>> loss_of_each("mse", logits, torch.tensor([0, 0])).tolist()
    [0.5, 19800.5]
    """
    regression = targets.is_floating_point()
    if loss not in ("cross_entropy", "mse") or (regression and loss != "mse"):
        wanted = "mse, as the targets are real numbers" if regression else "cross_entropy, mse"
        raise ValueError(f"loss is {loss!r}; wanted one of {wanted}")
    if loss == "mse":
        aims = targets if regression else F.one_hot(targets, outputs.shape[-1])
        return (outputs - aims.to(outputs.dtype)).square().mean(dim=-1)
    label = targets.expand(outputs.shape[:-1]).unsqueeze(-1)
    others = outputs.scatter(-1, label, -torch.inf).logsumexp(dim=-1)
    return F.softplus(others - outputs.gather(-1, label).squeeze(-1))
