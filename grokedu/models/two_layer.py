"""A two-layer network on pairs of residues: ``logits = act(A[a] + B[b]) @ W``, without biases.

Gromov 2023 (arXiv 2301.02679) showed that with ``act(z) = z**2`` it can add modulo p exactly.
Parameters are a dictionary {"A": (..., p, N), "B": (..., p, N), "W": (..., N, p)}; a leading axis,
where there is one, counts independent runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "square": torch.square,
    "relu": F.relu,
    "gelu": F.gelu,
}


def forward(params: Mapping[str, Tensor], pairs: Tensor) -> Tensor:
    """The logits of the two-layer network with the square as its activation.

    For each pair (a, b) the rows ``A[a]`` and ``B[b]`` are added, squared entry by entry, and
    multiplied with ``W``::

        logits = (A[a] + B[b])**2 @ W

    Args:
        params: "A" and "B" of shape (..., p, N) and "W" of shape (..., N, p). Leading axes, the
            same for all three, count independent networks and are kept.
        pairs: int64 of shape (n, 2), the residues a and b of each example.

    Returns:
        Logits of shape (..., n, p).

    Source: Gromov 2023, arXiv 2301.02679.

    >>> params = {"A": torch.tensor([[1.0], [2.0]]), "B": torch.tensor([[0.0], [1.0]]),
    ...           "W": torch.tensor([[1.0, -1.0]])}
    >>> forward(params, torch.tensor([[0, 0], [1, 1]])).tolist()  # 1**2 and (2 + 1)**2, times W
    [[1.0, -1.0], [9.0, -9.0]]
    """
    hidden = params["A"][..., pairs[:, 0], :] + params["B"][..., pairs[:, 1], :]
    return hidden.square() @ params["W"]


@dataclass(frozen=True)
class TwoLayer:
    """The architecture: modulus, width, activation and initial scale.

    Attributes:
        p: the modulus: residues in, classes out.
        width: the number N of hidden neurons.
        activation: "square", "relu" or "gelu".
        init_scale: every initial weight is multiplied by it.

    Raises:
        ValueError: for p < 2, a width < 1, an unknown activation or a scale that is not positive.

    >>> model = TwoLayer(p=5, width=8)
    >>> params = model.init([torch.Generator().manual_seed(seed) for seed in range(3)])
    >>> params["A"].shape, model.apply(params, torch.tensor([[1, 2]])).shape
    (torch.Size([3, 5, 8]), torch.Size([3, 1, 5]))
    """

    p: int
    width: int
    activation: str = "square"
    init_scale: float = 1.0

    def __post_init__(self) -> None:
        if self.p < 2 or self.width < 1:
            raise ValueError(
                f"p={self.p}, width={self.width}; wanted p >= 2 and width >= 1, for example 31, 128"
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; wanted one of {[*ACTIVATIONS]}")
        if not self.init_scale > 0:
            raise ValueError(f"init_scale is {self.init_scale}; it must be positive, such as 1.0")

    def init(
        self,
        generator: torch.Generator | Sequence[torch.Generator],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        """Initial weights: A, B ~ N(0, 1/(2p)) and W ~ N(0, 1/N), times ``init_scale``.

        They are drawn in float64 and rounded, so that a seed starts at the same point in every
        dtype. A sequence of S generators gives tensors with a leading axis of S runs, each drawn
        bit for bit as its generator alone would.
        """
        if isinstance(generator, torch.Generator):
            shapes = {"A": (self.p, self.width), "B": (self.p, self.width)}
            std = (2 * self.p) ** -0.5
            drawn = {
                name: torch.randn(shape, generator=generator, dtype=torch.float64) * std
                for name, shape in shapes.items()
            }
            readout = torch.randn((self.width, self.p), generator=generator, dtype=torch.float64)
            drawn["W"] = readout * self.width**-0.5
            return {
                name: (tensor * self.init_scale).to(device=device, dtype=dtype)
                for name, tensor in drawn.items()
            }
        runs = [self.init(one, dtype, device) for one in generator]
        return {name: torch.stack([run[name] for run in runs]) for name in ("A", "B", "W")}

    def apply(self, params: Mapping[str, Tensor], pairs: Tensor) -> Tensor:
        """Logits of shape (..., n, p) for pairs of shape (n, 2), as :func:`forward` gives them."""
        hidden = params["A"][..., pairs[:, 0], :] + params["B"][..., pairs[:, 1], :]
        return ACTIVATIONS[self.activation](hidden) @ params["W"]

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
        self.A = nn.Parameter(params["A"])
        self.B = nn.Parameter(params["B"])
        self.W = nn.Parameter(params["W"])

    def forward(self, pairs: Tensor) -> Tensor:
        """Logits of shape (..., n, p) for pairs of shape (n, 2)."""
        return self.model.apply({"A": self.A, "B": self.B, "W": self.W}, pairs)
