"""A two-layer network on pairs of residues: ``logits = act(A[a] + B[b] + b) @ W + c``.

Gromov 2023 (arXiv 2301.02679) showed that with ``act(z) = z**2`` it can add modulo p exactly.
Parameters are a dictionary {"A": (p, N), "B": (p, N), "W": (N, p)}, with biases also {"b": (N,),
"c": (p,)}; with tied embeddings there is no "B" and A serves both residues. :func:`forward` is the
plain network, one at a time; :class:`TwoLayer` also takes many networks at once, with a leading
axis that counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from grokedu.models.activations import ACTIVATIONS
from grokedu.models.gradients import ExactGradient


def forward(params: Mapping[str, Tensor], pairs: Tensor) -> Tensor:
    """The logits of the two-layer network with the square as its activation.

    For each pair (a, b) the rows ``A[a]`` and ``B[b]`` are added, squared entry by entry, and
    multiplied with ``W``::

        logits = (A[a] + B[b])**2 @ W

    Args:
        params: "A" and "B" of shape (p, N) and "W" of shape (N, p).
        pairs: int64 of shape (n, 2), the residues a and b of each example.

    Returns:
        Logits of shape (n, p).

    Source: Gromov 2023, arXiv 2301.02679.

    >>> params = {"A": torch.tensor([[1.0], [2.0]]), "B": torch.tensor([[0.0], [1.0]]),
    ...           "W": torch.tensor([[1.0, -1.0]])}
    >>> forward(params, torch.tensor([[0, 0], [1, 1]])).tolist()  # 1**2 and (2 + 1)**2, times W
    [[1.0, -1.0], [9.0, -9.0]]
    """
    hidden = params["A"][pairs[:, 0]] + params["B"][pairs[:, 1]]
    return hidden.square() @ params["W"]


@dataclass(frozen=True)
class TwoLayer:
    """The architecture: modulus, width, activation, initial scale, biases and embeddings.

    Attributes:
        p: the modulus: residues in, classes out.
        width: the number N of hidden neurons.
        activation: "square", "relu" or "gelu".
        init_scale: every initial weight is multiplied by it.
        biases: whether there is a bias "b" before the activation and "c" on the logits.
        tied: whether both residues are looked up in the same table "A".

    Raises:
        ValueError: for p < 2, a width < 1, an unknown activation or a scale that is not positive.

    >>> model = TwoLayer(p=5, width=8)
    >>> params = model.init([torch.Generator().manual_seed(seed) for seed in range(3)])
    >>> params["A"].shape, model.apply(params, torch.tensor([[1, 2]])).shape
    (torch.Size([3, 5, 8]), torch.Size([3, 1, 5]))
    >>> TwoLayer(5, 8, biases=True, tied=True).shapes()
    {'A': (5, 8), 'W': (8, 5), 'b': (8,), 'c': (5,)}
    """

    p: int
    width: int
    activation: str = "square"
    init_scale: float = 1.0
    biases: bool = False
    tied: bool = False

    def __post_init__(self) -> None:
        if self.p < 2 or self.p % 1 or self.width < 1:
            raise ValueError(
                f"p={self.p}, width={self.width}; wanted whole p >= 2 and width >= 1, as 31, 128"
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; wanted one of {[*ACTIVATIONS]}")
        if not self.init_scale > 0:
            raise ValueError(f"init_scale is {self.init_scale}; it must be positive, such as 1.0")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor of one run, in the order in which they are drawn."""
        table = (self.p, self.width)
        embeddings = {"A": table} if self.tied else {"A": table, "B": table}
        biases = {"b": (self.width,), "c": (self.p,)} if self.biases else {}
        return {**embeddings, "W": (self.width, self.p), **biases}

    def init(
        self,
        generator: torch.Generator | Sequence[torch.Generator],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        """Initial weights: A, B, b ~ N(0, 1/(2p)) and W, c ~ N(0, 1/N), times ``init_scale``.

        They are drawn in float64 and rounded, so that a seed starts at the same point in every
        dtype. A sequence of S generators gives tensors with a leading axis of S runs, each drawn
        bit for bit as its generator alone would.
        """
        if isinstance(generator, torch.Generator):
            first, second = (2 * self.p) ** -0.5, self.width**-0.5
            std = {"A": first, "B": first, "W": second, "b": first, "c": second}
            return {
                name: (
                    torch.randn(shape, generator=generator, dtype=torch.float64)
                    * std[name]
                    * self.init_scale
                ).to(device=device, dtype=dtype)
                for name, shape in self.shapes().items()
            }
        runs = [self.init(one, dtype, device) for one in generator]
        return {name: torch.stack([run[name] for run in runs]) for name in runs[0]}

    def apply(self, params: Mapping[str, Tensor], pairs: Tensor) -> Tensor:
        """Logits of shape (..., n, p) for pairs of shape (n, 2), as :func:`forward` gives them.

        Leading axes of the weights count networks. (Indexing as in ``forward`` is six times slower
        under ``torch.vmap`` than this form.)
        """
        second = params["A" if self.tied else "B"]
        hidden = params["A"].index_select(-2, pairs[:, 0])
        hidden = hidden + second.index_select(-2, pairs[:, 1])
        if self.biases:
            hidden = hidden + params["b"].unsqueeze(-2)
        logits = ACTIVATIONS[self.activation](hidden) @ params["W"]
        return logits + params["c"].unsqueeze(-2) if self.biases else logits

    def gradient(
        self, pairs: Tensor, labels: Tensor, weights: Tensor, loss: str
    ) -> Callable[[Mapping[str, Tensor]], dict[str, Tensor]]:
        """The gradient in closed form, :class:`grokedu.models.gradients.ExactGradient`."""
        return ExactGradient(self, pairs, labels, weights, loss)

    def module(self, params: Mapping[str, Tensor]) -> TwoLayerModule:
        """A ``torch.nn.Module`` whose parameters share the memory of ``params``."""
        return TwoLayerModule(self, params)


class TwoLayerModule(nn.Module):
    """A torch module over given parameters; calling it on pairs gives logits.

    >>> model = TwoLayer(p=5, width=8)
    >>> net = model.module(model.init(torch.Generator().manual_seed(0)))
    >>> net(torch.tensor([[1, 2], [3, 4]])).shape
    torch.Size([2, 5])
    """

    def __init__(self, model: TwoLayer, params: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.model = model
        for name in model.shapes():
            self.register_parameter(name, nn.Parameter(params[name]))

    def forward(self, pairs: Tensor) -> Tensor:
        """Logits of shape (..., n, p) for pairs of shape (n, 2)."""
        return self.model.apply(dict(self.named_parameters()), pairs)
