"""The gradient of the two-layer network's training loss in closed form, for many runs at once.

The embeddings of a run (and the bias before the activation) are the rows of one table T; an example
adds up two (or three) of them, ``h = X @ T`` with a matrix X of zeros and ones. With G the
derivative of the loss by the logits (for the cross-entropy ``(softmax - one_hot) / n``, for the
squared error ``2 * (logits - one_hot) / (n * p)``)::

    dW = act(h).T @ G,    dc = G.sum(0),    dT = X.T @ (act'(h) * (G @ W.T))

The entry of G at the label is minus the sum of the others, and is computed so. As ``softmax - 1``
it would round to 0 in float32 as soon as the loss is below 1e-7, long before the others do: the
logits then only grow, which has been called softmax collapse (Prieto et al. 2025, arXiv
2501.04697), and runs with little weight decay never generalise. Computed as the sum, float32
follows float64.

What makes it fast on CPUs: X and its transpose are never formed, both products are sums of rows
(``embedding_bag``); classes come before examples, so that sums over classes run along contiguous
memory; and large buffers are kept between steps, because page faults of fresh ones would halve the
throughput.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from grokedu.models.activations import ACTIVATIONS, slope

LOSSES = ("cross_entropy", "mse")


class Architecture(Protocol):
    """What the gradient asks of a two-layer network: its sizes and its kind."""

    @property
    def p(self) -> int:
        """The modulus."""
        ...

    @property
    def width(self) -> int:
        """How many hidden neurons there are."""
        ...

    @property
    def activation(self) -> str:
        """One of :data:`grokedu.models.activations.ACTIVATIONS`."""
        ...

    @property
    def biases(self) -> bool:
        """Whether there are biases "b" and "c"."""
        ...

    @property
    def tied(self) -> bool:
        """Whether the table "A" serves both residues."""
        ...


class ExactGradient:
    """The gradient of a weighted training loss, S runs at a time.

    Args:
        model: the architecture, the same for every run.
        pairs: int64 (S, n, 2), each run's examples.
        labels: int64 (S, n).
        weights: (S, n), the weight of each example in its run's loss: 1/n for a plain mean, 0 for
            a row that only pads.
        loss: "cross_entropy" or "mse" (one-hot targets, mean over classes).

    Raises:
        ValueError: for an unknown loss.

    >>> from grokedu.models.two_layer import TwoLayer
    >>> model = TwoLayer(3, 4)
    >>> params = model.init([torch.Generator().manual_seed(0)], torch.float64)
    >>> gradient = ExactGradient(model, torch.tensor([[[1, 2]]]), torch.tensor([[0]]),
    ...                          torch.ones(1, 1, dtype=torch.float64))
    >>> {name: tuple(grad.shape) for name, grad in gradient(params).items()}
    {'A': (1, 3, 4), 'B': (1, 3, 4), 'W': (1, 4, 3)}
    """

    def __init__(
        self,
        model: Architecture,
        pairs: Tensor,
        labels: Tensor,
        weights: Tensor,
        loss: str = "cross_entropy",
    ) -> None:
        if loss not in LOSSES:
            raise ValueError(f"loss is {loss!r}; wanted one of {', '.join(LOSSES)}")
        self.model, self.loss, self.weights = model, loss, weights
        self.losses = weights.new_zeros(len(labels))  # of the last call, where they are asked for
        (runs, n), p, width = labels.shape, model.p, model.width
        self._rows_of_the_table(pairs)
        self.label = labels.unsqueeze(1)
        self.logits = weights.new_zeros(runs, p, n)
        self.one_hot = self.logits.scatter(1, self.label, 1.0) if loss == "mse" else None
        self.scale = weights.unsqueeze(1) * (1 if loss == "cross_entropy" else 2 / p)
        self.least = math.ceil(math.log(torch.finfo(weights.dtype).tiny))
        self.active = weights.new_empty(runs, n, width)
        self.back = torch.empty_like(self.active)

    def __call__(self, params: Mapping[str, Tensor], *, losses: bool = False) -> dict[str, Tensor]:
        """The gradients of params with a leading axis of S runs, by name.

        With ``losses`` the attribute of that name holds the loss of each run afterwards, (S,).
        """
        hidden = self._hidden(params)
        active = self._activate(hidden)  # (S, n, N)
        readout = params["W"].mT.clone(memory_format=torch.contiguous_format)  # (S, p, N)
        logits = torch.bmm(readout, active.mT, out=self.logits)
        error = self._error(logits, params, losses)  # (S, p, n)
        grads = {"W": torch.bmm(error, active).mT}
        if self.model.biases:
            grads["c"] = error.sum(dim=2)
        if self.model.activation == "square":  # its slope is 2h; the 2 is cheapest here
            readout.mul_(2)
        back = torch.bmm(error.mT, readout, out=self.back).mul_(self._slope(hidden))
        flat = F.embedding_bag(self.examples, back.flatten(0, 1), self.starts, mode="sum")
        table = flat.view(len(back), -1, self.model.width)
        p = self.model.p
        grads["A"] = table[:, :p]
        if not self.model.tied:
            grads["B"] = table[:, p : 2 * p]
        if self.model.biases:
            grads["b"] = table[:, -1]
        return {name: grads[name] for name in params}

    def _rows_of_the_table(self, pairs: Tensor) -> None:
        """Which rows each example adds up, and which examples each row is in, over all runs."""
        runs = len(pairs)
        p, tied, biases = self.model.p, self.model.tied, self.model.biases
        rows = pairs if tied else pairs + torch.tensor([0, p], device=pairs.device)
        size = (p if tied else 2 * p) + int(biases)
        if biases:
            rows = torch.cat([rows, torch.full_like(rows[..., :1], size - 1)], dim=-1)
        rows = rows + size * torch.arange(runs, device=pairs.device).view(-1, 1, 1)
        self.rows = in_order = rows.flatten()  # (S n 2), or 3
        self.bags = torch.arange(0, len(in_order), rows.shape[-1], device=pairs.device)
        self.examples = torch.argsort(in_order, stable=True) // rows.shape[-1]
        counts = torch.bincount(in_order, minlength=runs * size)
        self.starts = counts.cumsum(0) - counts

    def _hidden(self, params: Mapping[str, Tensor]) -> Tensor:
        names = ("A",) if self.model.tied else ("A", "B")
        parts = [params[name] for name in names]
        if self.model.biases:
            parts.append(params["b"].unsqueeze(1))
        table = torch.cat(parts, dim=1).flatten(0, 1)
        return F.embedding_bag(self.rows, table, self.bags, mode="sum").view(self.active.shape)

    def _activate(self, hidden: Tensor) -> Tensor:
        if self.model.activation == "square":
            return torch.mul(hidden, hidden, out=self.active)
        return ACTIVATIONS[self.model.activation](hidden)

    def _slope(self, hidden: Tensor) -> Tensor:
        # Of the square, half of it: the factor of 2 was taken to the readout.
        square = self.model.activation == "square"
        return hidden if square else slope(self.model.activation, hidden)

    def _error(self, logits: Tensor, params: Mapping[str, Tensor], losses: bool) -> Tensor:
        """The derivative of the loss by the logits, in their place."""
        if self.model.biases:
            logits.add_(params["c"].unsqueeze(-1))
        if self.one_hot is not None:
            difference = logits.sub_(self.one_hot)
            if losses:
                each = difference.square().mean(dim=1)
                self.losses = (each * self.weights).sum(dim=1)
            return difference.mul_(self.scale)
        logits.sub_(logits.amax(dim=1, keepdim=True))
        right = logits.gather(1, self.label) if losses else None
        # Below the least normal number exp is a hundred times slower, and G as good as 0.
        odds = logits.clamp_(min=self.least).exp_()
        total = odds.sum(dim=1, keepdim=True)
        if right is not None:
            self.losses = ((total.log() - right).squeeze(1) * self.weights).sum(dim=1)
        error = odds.scatter_(1, self.label, 0.0).div_(total).mul_(self.scale)
        return error.scatter_(1, self.label, error.sum(dim=1, keepdim=True).neg_())


class ExactLoss:
    """The mean loss of copies of a two-layer network and its gradient, for the samplers of the LLC.

    A :class:`grokedu.llc.sampling.potential.LossAndGradient` without minibatches.

    Args:
        model: the architecture.
        pairs: int64 (n, 2), the examples that all copies are judged on.
        labels: int64 (n,).
        loss: "cross_entropy" or "mse", as for :class:`ExactGradient`.

    >>> from grokedu.models.two_layer import TwoLayer
    >>> model = TwoLayer(3, 4)
    >>> params = model.init([torch.Generator().manual_seed(seed) for seed in range(5)])
    >>> exact = ExactLoss(model, torch.tensor([[1, 2]]), torch.tensor([0]))
    >>> losses, gradients = exact(params, None)
    >>> losses.shape, tuple(gradients["W"].shape)
    (torch.Size([5]), (5, 4, 3))
    """

    def __init__(
        self, model: Architecture, pairs: Tensor, labels: Tensor, loss: str = "cross_entropy"
    ) -> None:
        self.model, self.pairs, self.labels, self.loss = model, pairs, labels, loss
        self.of_copies: dict[tuple[int, torch.dtype], ExactGradient] = {}

    def __call__(
        self, params: Mapping[str, Tensor], rows: Tensor | None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses, (C,), and gradients, (C, ...), of all examples.

        Raises:
            ValueError: for rows: it has no minibatches.
        """
        if rows is not None:
            raise ValueError("there are no minibatches here; leave batch_size out")
        first = next(iter(params.values()))
        copies, examples = len(first), len(self.labels)
        key = (copies, first.dtype)
        if key not in self.of_copies:
            weights = torch.full((copies, examples), 1 / examples).to(first)
            self.of_copies[key] = ExactGradient(
                self.model,
                self.pairs.expand(copies, -1, -1),
                self.labels.expand(copies, -1),
                weights,
                self.loss,
            )
        gradient = self.of_copies[key]
        found = gradient(params, losses=True)
        return gradient.losses, found
