"""The gradient of the transformer's training loss, for many runs at once.

What grows with the number of examples is differentiated by hand in buffers that are kept between
steps; the tables (:class:`Tables`) depend on weights alone, are small
and are left to autograd. The derivative of the loss by the logits is that of
:mod:`grokedu.models.gradients`: its entry at the label is minus the sum of the others, so that in
float32 the gradient does not vanish as soon as the loss is below 1e-7. Probabilities below 1e-31
(in float64 1e-292) count as 0.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from grokedu.models.gradients import LOSSES
from grokedu.models.parameters import Params


class Tables(NamedTuple):
    """What the logits depend on, with R = 2p+1 rows: a at its place, b at its place, "=".

    Attributes:
        scores: (..., R, heads) the attention score of each row as a key of the last position.
        values: (..., R, heads * d_head).
        first: (..., heads * d_head, d_mlp + classes), ``W_O [W_in | W_U]``.
        shift: (..., d_mlp + classes), what does not depend on the input.
        second: (..., d_mlp, classes), ``W_out W_U``.
    """

    scores: Tensor
    values: Tensor
    first: Tensor
    shift: Tensor
    second: Tensor


class HasTables(Protocol):
    """What the gradient asks of a transformer: its sizes, and its tables from its weights."""

    @property
    def p(self) -> int:
        """The modulus."""
        ...

    @property
    def heads(self) -> int:
        """How many attention heads there are."""
        ...

    @property
    def d_mlp(self) -> int:
        """How many neurons the MLP has."""
        ...

    @property
    def classes(self) -> int:
        """How many logits there are."""
        ...

    def tables(self, params: Params) -> Tables:
        """All that the logits depend on."""
        ...


class TransformerGradient:
    """The gradient of a weighted training loss, S runs at a time.

    With z (S, n, heads * d_head) the values mixed by the attention::

        [before | direct] = z first + shift,      logits = relu(before) second + direct

    Args:
        model: the architecture, the same for every run.
        pairs: int64 (S, n, 2), each run's examples.
        labels: int64 (S, n).
        weights: (S, n), the weight of each example in its run's loss: 1/n for a plain mean, 0 for
            a row that only pads.
        loss: "cross_entropy" or "mse" (one-hot targets, mean over classes).

    Raises:
        ValueError: for an unknown loss, or shapes that do not fit together.

    >>> from grokedu.models.transformer import Transformer
    >>> model = Transformer(3, 4, 2, 8)
    >>> params = model.init([torch.Generator().manual_seed(0)])
    >>> gradient = TransformerGradient(
    ...     model, torch.tensor([[[1, 2]]]), torch.tensor([[0]]), torch.ones(1, 1))
    >>> gradient(params)["W_in"].shape
    torch.Size([1, 4, 8])
    """

    def __init__(
        self,
        model: HasTables,
        pairs: Tensor,
        labels: Tensor,
        weights: Tensor,
        loss: str = "cross_entropy",
    ) -> None:
        if loss not in LOSSES:
            raise ValueError(f"loss is {loss!r}; wanted one of {', '.join(LOSSES)}")
        if pairs.ndim != 3 or not pairs.shape[:2] == labels.shape == weights.shape:
            raise ValueError(
                f"got pairs {tuple(pairs.shape)}, labels {tuple(labels.shape)} and weights "
                f"{tuple(weights.shape)}; wanted (S, n, 2), (S, n) and (S, n)"
            )
        self.model, self.loss = model, loss
        self.labels, self.weights = labels.unsqueeze(-1), weights.unsqueeze(-1)
        runs, n = labels.shape
        starts = torch.arange(runs, device=pairs.device).unsqueeze(-1) * (2 * model.p + 1)
        # Rows of all runs' tables under each other: one index for gathering and for adding back.
        self.of_a = (pairs[..., 0] + starts).flatten()
        self.of_b = (pairs[..., 1] + model.p + starts).flatten()
        width = model.d_mlp + model.classes
        self.least = torch.finfo(weights.dtype).tiny / torch.finfo(weights.dtype).eps
        self.streams, self.back = weights.new_empty(2, runs, n, width)

    def __call__(self, params: Params) -> dict[str, Tensor]:
        """The gradients of params with a leading axis of S runs, by name."""
        with torch.enable_grad():
            leaves = {name: tensor.detach().requires_grad_() for name, tensor in params.items()}
            tables = self.model.tables(leaves)
        with torch.no_grad():
            by_table = self._by_table(Tables(*(table.detach() for table in tables)))
        found = torch.autograd.grad([*tables], [*leaves.values()], [*by_table])
        return dict(zip(leaves, found, strict=True))

    def _by_table(self, tables: Tables) -> Tables:
        model, (runs, n, _) = self.model, self.labels.shape
        rows = (runs, n, model.heads, -1)
        values = tables.values.flatten(0, 1)
        value_a, value_b = (values.index_select(0, at).view(rows) for at in (self.of_a, self.of_b))
        value_end = tables.values[:, -1:].unflatten(-1, (model.heads, -1))  # (S, 1, heads, d_head)
        scores = tables.scores.flatten(0, 1)
        three = [scores.index_select(0, at).view(runs, n, -1) for at in (self.of_a, self.of_b)]
        three.append(tables.scores[:, -1:].expand_as(three[0]))
        share = torch.stack(three, dim=-1).softmax(dim=-1)  # (S, n, heads, 3)
        to_a, to_b, to_end = share.unsqueeze(-2).unbind(-1)  # each (S, n, heads, 1)
        mixed = (value_a * to_a).addcmul_(value_b, to_b).addcmul_(value_end, to_end).flatten(-2)

        streams = torch.baddbmm(tables.shift.unsqueeze(1), mixed, tables.first, out=self.streams)
        before, direct = streams.split([model.d_mlp, model.classes], dim=-1)
        hidden = before.relu_()
        error = self._error(torch.baddbmm(direct, hidden, tables.second))

        by_second = hidden.mT @ error
        back = self.back
        back[..., model.d_mlp :] = error
        by_hidden = torch.matmul(error, tables.second.mT)
        torch.mul(by_hidden, hidden.sign_(), out=back[..., : model.d_mlp])
        by_first, by_shift = mixed.mT @ back, back.sum(dim=1)
        by_mixed = (back @ tables.first.mT).view(rows)

        by_values, by_scores = torch.zeros_like(values), torch.zeros_like(scores)
        by_values.index_add_(0, self.of_a, (by_mixed * to_a).view(runs * n, -1))
        by_values.index_add_(0, self.of_b, (by_mixed * to_b).view(runs * n, -1))
        by_share = torch.stack(
            [(by_mixed * value).sum(dim=-1) for value in (value_a, value_b, value_end)], dim=-1
        )
        by_three = share * (by_share - (share * by_share).sum(dim=-1, keepdim=True))
        for at, column in ((self.of_a, 0), (self.of_b, 1)):
            by_scores.index_add_(0, at, by_three[..., column].reshape(runs * n, -1))
        by_values, by_scores = by_values.view_as(tables.values), by_scores.view_as(tables.scores)
        by_values[:, -1] += (by_mixed * to_end).sum(dim=1).flatten(-2)
        by_scores[:, -1] += by_three[..., 2].sum(dim=1)
        return Tables(by_scores, by_values, by_first, by_shift, by_second)

    def _error(self, logits: Tensor) -> Tensor:
        if self.loss == "cross_entropy":
            error = torch.softmax(logits, dim=-1).scatter_(-1, self.labels, 0.0)
            # Late in training many probabilities are subnormal numbers, or would make some: a CPU
            # takes four times as long over a step with them.
            F.threshold(error, self.least, 0.0, inplace=True)
            error.scatter_(-1, self.labels, -error.sum(dim=-1, keepdim=True))
            return error.mul_(self.weights)
        minus_one = logits.new_full(self.labels.shape, -1.0)
        error = logits.scatter_add_(-1, self.labels, minus_one)
        return error.mul_(self.weights * (2 / self.model.classes))
