"""The gradient of the two-layer network's training loss in closed form, for many runs at once.

Every pair is written as a row x of a matrix X with a one at a and a one at p + b, so that the
hidden layer before its activation is ``h = X @ [A; B]``. With G the derivative of the loss by the
logits (for the cross-entropy ``(softmax - one_hot) / n``, for the squared error
``2 * (logits - one_hot) / (n * p)``)::

    dW = act(h).T @ G,      d[A; B] = X.T @ (act'(h) * (G @ W.T))

The entry of G at the label is minus the sum of the others, and is computed so. As ``softmax - 1``
it would round to 0 in float32 as soon as the loss is below 1e-7, long before the others do: the
logits then only grow, which has been called softmax collapse (Prieto et al. 2025, arXiv
2501.04697), and runs with little weight decay never generalise. Computed as the sum, float32
follows float64.

Batched matrix products with X beat gathering and scattering rows on CPUs, and the buffers are kept
between steps because page faults of fresh large tensors would halve the throughput.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from grokedu.models.two_layer import ACTIVATIONS, TwoLayer

LOSSES = ("cross_entropy", "mse")


class ExactGradient:
    """The gradient of a weighted training loss, S runs at a time.

    Args:
        model: the architecture, the same for every run.
        pairs: int64 (S, n, 2), each run's examples.
        labels: int64 (S, n).
        weights: (S, n), the weight of each example in its run's loss: 1/n for a plain mean, 0 for
            a row that only pads.
        loss: "cross_entropy" or "mse" (one-hot targets, mean over classes).

    >>> model = TwoLayer(3, 4)
    >>> params = model.init([torch.Generator().manual_seed(0)], torch.float64)
    >>> gradient = ExactGradient(model, torch.tensor([[[1, 2]]]), torch.tensor([[0]]),
    ...                          torch.ones(1, 1, dtype=torch.float64))
    >>> {name: tuple(grad.shape) for name, grad in gradient(params).items()}
    {'A': (1, 3, 4), 'B': (1, 3, 4), 'W': (1, 4, 3)}
    """

    def __init__(
        self,
        model: TwoLayer,
        pairs: Tensor,
        labels: Tensor,
        weights: Tensor,
        loss: str = "cross_entropy",
    ) -> None:
        if loss not in LOSSES:
            raise ValueError(f"loss is {loss!r}; wanted one of {', '.join(LOSSES)}")
        self.model, self.loss, self.weights = model, loss, weights.unsqueeze(-1)
        columns = pairs + torch.tensor([0, model.p], device=pairs.device)
        design = weights.new_zeros(*labels.shape, 2 * model.p)
        self.design = design.scatter_(-1, columns, 1.0)
        self.labels = labels.unsqueeze(-1)
        self.minus_one = weights.new_full(self.labels.shape, -1.0)
        self.hidden = weights.new_empty(*labels.shape, model.width)
        self.active, self.back = torch.empty_like(self.hidden), torch.empty_like(self.hidden)
        self.logits = weights.new_empty(*labels.shape, model.p)

    def __call__(self, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The gradients of params with a leading axis of S runs, by name."""
        tables, readout = torch.cat([params["A"], params["B"]], dim=1), params["W"]
        hidden = torch.bmm(self.design, tables, out=self.hidden)
        if self.model.activation == "square":
            active = torch.mul(hidden, hidden, out=self.active)
        else:
            active = ACTIVATIONS[self.model.activation](hidden)
        logits = torch.bmm(active, readout, out=self.logits)
        if self.loss == "cross_entropy":
            error = torch.softmax(logits, dim=-1).scatter_(-1, self.labels, 0.0)
            error.scatter_(-1, self.labels, -error.sum(dim=-1, keepdim=True)).mul_(self.weights)
        else:
            error = logits.scatter_add_(-1, self.labels, self.minus_one)
            error.mul_(self.weights * (2 / self.model.p))
        back = torch.bmm(error, readout.mT, out=self.back).mul_(self._slope(hidden))
        first, second = (self.design.mT @ back).split(self.model.p, dim=1)
        return {"A": first, "B": second, "W": active.mT @ error}

    def _slope(self, hidden: Tensor) -> Tensor:
        if self.model.activation == "square":
            return hidden.mul_(2)
        if self.model.activation == "relu":
            return (hidden > 0).to(hidden.dtype)
        bell = torch.exp(-0.5 * hidden.square()) / math.sqrt(2 * math.pi)
        return 0.5 * (1 + torch.erf(hidden / math.sqrt(2))) + hidden * bell
