"""The one-layer transformer of Nanda et al. 2023 (arXiv 2301.05217), plainly and by tables.

It reads [a, b, =] and answers at the last position: no layer norm, biases only in the MLP, ReLU,
causal attention. Vectors are rows. Parameters, with a leading run axis where there is one::

    W_E (p+1, d)   W_pos (3, d)   W_Q, W_K, W_V (heads, d, d_head)   W_O (heads, d_head, d)
    W_in (d, d_mlp)   b_in (d_mlp)   W_out (d_mlp, d)   b_out (d)   W_U (d, classes)

:func:`forward` computes all three positions, as a textbook does. But the residual streams before
the attention take only 2p+1 values (p residues at two places, and "="), the query at the last
position is the same for every input, and nothing else of the other positions is read. So
:meth:`Transformer.tables` applies queries, keys and values to the 2p+1 rows, and multiplies the
matrices that stand side by side; what is left for each input is a softmax over three numbers a head
and two matrix products. It is the same function with the same gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grokedu.models.parameters import Params
from grokedu.models.transformer_gradient import Tables, TransformerGradient

NAMES = ("W_E", "W_pos", "W_Q", "W_K", "W_V", "W_O", "W_in", "b_in", "W_out", "b_out", "W_U")


def forward(params: Params, pairs: Tensor) -> Tensor:
    """The logits at the last position, computed the plain way: every position, every query.

    With x the residual stream, (3, d) for each input::

        x = W_E[tokens] + W_pos
        x = x + sum_h softmax(mask(x W_Q[h] (x W_K[h])^T / sqrt(d_head))) x W_V[h] W_O[h]
        x = x + relu(x W_in + b_in) W_out + b_out
        logits = x[-1] W_U

    Args:
        params: as the module says; leading axes, the same for all, count independent networks.
        pairs: int64 of shape (n, 2), the residues a and b of each example.

    Returns:
        Logits of shape (..., n, classes).

    Source: Nanda et al. 2023, arXiv 2301.05217.

    >>> model = Transformer(5, d_model=8, heads=2, d_mlp=6)
    >>> params, pairs = model.init(torch.Generator().manual_seed(0)), torch.tensor([[1, 2]])
    >>> bool(torch.allclose(forward(params, pairs), model.apply(params, pairs), atol=1e-5))
    True
    """
    p = params["W_E"].shape[-2] - 1
    tokens = F.pad(pairs, (0, 1), value=p)  # [a, b, =]
    x = params["W_E"][..., tokens, :] + params["W_pos"].unsqueeze(-3)  # (..., n, 3, d)
    query, key, value = (
        torch.einsum("...nid,...hdk->...nhik", x, params[name]) for name in ("W_Q", "W_K", "W_V")
    )
    scores = query @ key.mT / math.sqrt(key.shape[-1])  # (..., n, heads, 3, 3)
    later = torch.ones(3, 3, dtype=torch.bool, device=x.device).triu(1)
    mixed = scores.masked_fill(later, -math.inf).softmax(dim=-1) @ value
    x = x + torch.einsum("...nhik,...hkd->...nid", mixed, params["W_O"])
    hidden = torch.relu(x @ params["W_in"].unsqueeze(-3) + params["b_in"][..., None, None, :])
    x = x + hidden @ params["W_out"].unsqueeze(-3) + params["b_out"][..., None, None, :]
    return (x @ params["W_U"].unsqueeze(-3))[..., -1, :]


@dataclass(frozen=True)
class Transformer:
    """The architecture; the defaults are the published ones.

    Attributes:
        p: the modulus.
        d_model: the width d of the residual stream; d_head is ``d_model / heads``.
        heads, d_mlp: attention heads and hidden neurons.
        init_scale: every initial weight is multiplied by it.
        equals_logit: whether "=" has a logit too, as published: p+1 classes instead of p.

    Raises:
        ValueError: for p < 2, a size < 1, heads that do not divide d_model, or a scale that is not
            positive.

    >>> model = Transformer(p=5, d_model=8, heads=2, d_mlp=16)
    >>> params = model.init([torch.Generator().manual_seed(seed) for seed in range(3)])
    >>> params["W_Q"].shape, model.apply(params, torch.tensor([[1, 2]])).shape
    (torch.Size([3, 2, 8, 4]), torch.Size([3, 1, 5]))
    >>> full = Transformer(113, equals_logit=True).init(torch.Generator().manual_seed(0))
    >>> sum(tensor.numel() for tensor in full.values())
    226816
    """

    p: int
    d_model: int = 128
    heads: int = 4
    d_mlp: int = 512
    init_scale: float = 1.0
    equals_logit: bool = False

    def __post_init__(self) -> None:
        if self.p < 2 or min(self.d_model, self.heads, self.d_mlp) < 1 or self.d_model % self.heads:
            raise ValueError(
                f"p={self.p}, d_model={self.d_model}, heads={self.heads}, d_mlp={self.d_mlp}; "
                "wanted p >= 2, sizes >= 1 and heads that divide d_model, for example 113, 128, 4, "
                "512"
            )
        if not self.init_scale > 0:
            raise ValueError(f"init_scale is {self.init_scale}; it must be positive, such as 1.0")

    @property
    def classes(self) -> int:
        """How many logits there are."""
        return self.p + self.equals_logit

    def init(
        self,
        generator: torch.Generator | Sequence[torch.Generator],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        """Initial weights: W_U ~ N(0, 1/(p+1)), the others N(0, 1/d_model), biases 0.

        All are multiplied by ``init_scale``. They are drawn in float64 and rounded, so that a seed
        starts at the same point in every dtype; "=" has a column in W_U that is left out where it
        has no logit. A sequence of S generators gives tensors with a leading axis of S runs, each
        drawn bit for bit as its generator alone would.
        """
        if not isinstance(generator, torch.Generator):
            runs = [self.init(one, dtype, device) for one in generator]
            return {name: torch.stack([run[name] for run in runs]) for name in NAMES}
        d, head = self.d_model, self.d_model // self.heads
        shapes: dict[str, tuple[int, ...]] = {
            "W_E": (self.p + 1, d),
            "W_pos": (3, d),
            **dict.fromkeys(("W_Q", "W_K", "W_V"), (self.heads, d, head)),
            "W_O": (self.heads, head, d),
            "W_in": (d, self.d_mlp),
            "W_out": (self.d_mlp, d),
            "W_U": (d, self.p + 1),
        }
        drawn = {
            name: torch.randn(shape, generator=generator, dtype=torch.float64)
            / math.sqrt(self.p + 1 if name == "W_U" else d)
            for name, shape in shapes.items()
        }
        drawn["W_U"] = drawn["W_U"][:, : self.classes]
        drawn["b_in"], drawn["b_out"] = torch.zeros(self.d_mlp), torch.zeros(d)
        return {
            name: (drawn[name] * self.init_scale).to(device=device, dtype=dtype) for name in NAMES
        }

    def tables(self, params: Params) -> Tables:
        """All that the logits depend on, from the weights; see :class:`Tables`."""
        places = params["W_pos"].unsqueeze(-2).unbind(-3)  # three of (..., 1, d)
        residues = params["W_E"][..., : self.p, :]
        last = params["W_E"][..., self.p :, :] + places[2]  # (..., 1, d), the same for every input
        rows = torch.cat([residues + places[0], residues + places[1], last], dim=-2)
        query = last.unsqueeze(-3) @ params["W_Q"]  # (..., heads, 1, d_head)
        toward = (params["W_K"] @ query.mT).squeeze(-1).mT  # (..., d, heads)
        value = params["W_V"].movedim(-3, -2).flatten(-2)  # (..., d, heads * d_head)
        output = params["W_O"].flatten(-3, -2)  # (..., heads * d_head, d)
        inner = torch.cat([params["W_in"], params["W_U"]], dim=-1)
        biases = torch.cat(
            [params["b_in"], (params["b_out"].unsqueeze(-2) @ params["W_U"]).squeeze(-2)], dim=-1
        )
        return Tables(
            scores=rows @ toward / math.sqrt(self.d_model // self.heads),
            values=rows @ value,
            first=output @ inner,
            shift=(last @ inner).squeeze(-2) + biases,
            second=params["W_out"] @ params["W_U"],
        )

    def attention(self, params: Params, pairs: Tensor) -> Tensor:
        """How the last position attends to a, b and "=": (..., n, heads, 3), summing to 1."""
        return self._attention(self.tables(params), pairs)

    def hidden(self, params: Params, pairs: Tensor) -> Tensor:
        """The MLP's neurons after the ReLU at the last position, (..., n, d_mlp)."""
        return self._streams(self.tables(params), pairs)[0]

    def apply(self, params: Params, pairs: Tensor) -> Tensor:
        """Logits of shape (..., n, classes) for pairs of shape (n, 2), as :func:`forward` gives."""
        tables = self.tables(params)
        hidden, direct = self._streams(tables, pairs)
        return hidden @ tables.second + direct

    def gradient(
        self, pairs: Tensor, labels: Tensor, weights: Tensor, loss: str
    ) -> Callable[[Params], dict[str, Tensor]]:
        """The gradient of a weighted loss, see :mod:`grokedu.models.transformer_gradient`."""
        return TransformerGradient(self, pairs, labels, weights, loss)

    def module(self, params: Params) -> TransformerModule:
        """A ``torch.nn.Module`` whose parameters share the memory of ``params``."""
        return TransformerModule(self, params)

    def _attention(self, tables: Tables, pairs: Tensor) -> Tensor:
        of_a, of_b = (tables.scores[..., rows, :] for rows in self._rows(pairs))
        of_equals = tables.scores[..., -1:, :].expand_as(of_a)
        return torch.stack([of_a, of_b, of_equals], dim=-1).softmax(dim=-1)

    def _streams(self, tables: Tables, pairs: Tensor) -> tuple[Tensor, Tensor]:
        weights = self._attention(tables, pairs).unsqueeze(-2)  # (..., n, heads, 1, 3)
        values = tables.values.unflatten(-1, (self.heads, -1))
        of_a, of_b = (values[..., rows, :, :] for rows in self._rows(pairs))
        mixed = of_a * weights[..., 0] + of_b * weights[..., 1]
        mixed = (mixed + values[..., -1:, :, :] * weights[..., 2]).flatten(-2)
        streams = mixed @ tables.first + tables.shift.unsqueeze(-2)
        before, direct = streams.split([self.d_mlp, self.classes], dim=-1)
        return torch.relu(before), direct

    def _rows(self, pairs: Tensor) -> tuple[Tensor, Tensor]:
        return pairs[:, 0], pairs[:, 1] + self.p


class TransformerModule(nn.Module):
    """A torch module over given parameters; calling it on pairs gives logits.

    Args:
        model, params: the architecture and its weights, whose memory is shared.
        plain: compute by :func:`forward` and not by tables.

    >>> model = Transformer(5, 8, 2, 16)
    >>> net = model.module(model.init(torch.Generator().manual_seed(0)))
    >>> net(torch.tensor([[1, 2], [3, 4]])).shape
    torch.Size([2, 5])
    """

    def __init__(self, model: Transformer, params: Params, *, plain: bool = False) -> None:
        super().__init__()
        self.model, self.plain = model, plain
        for name in NAMES:
            self.register_parameter(name, nn.Parameter(params[name]))

    def forward(self, pairs: Tensor) -> Tensor:
        """Logits of shape (..., n, classes) for pairs of shape (n, 2)."""
        params = dict(self.named_parameters())
        return forward(params, pairs) if self.plain else self.model.apply(params, pairs)
