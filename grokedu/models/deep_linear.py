"""A deep linear network: ``x -> x W1 W2 ... WL``, without biases.

Its function is that of one matrix of low rank; its loss landscape is singular, with learning
coefficients in closed form (Aoyagi and Watanabe 2005; Aoyagi 2024). Parameters are {"W1": (..., H1,
H2), "W2": (..., H2, H3), ...}; leading axes count runs or chains.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from grokedu.models.module import View


@dataclass(frozen=True)
class DeepLinear:
    """The architecture: widths H1 .. H(L+1), from the inputs to the outputs.

    Attributes:
        widths: at least two, each at least 1.
        init_scale: every initial weight is multiplied by it.

    Raises:
        ValueError: for fewer than two widths or one below 1, or a scale that is not positive.

    >>> model = DeepLinear((2, 1, 2))
    >>> params = {"W1": torch.tensor([[2.0], [0.0]]), "W2": torch.tensor([[3.0, 5.0]])}
    >>> model.product(params).tolist()
    [[6.0, 10.0], [0.0, 0.0]]
    """

    widths: tuple[int, ...]
    init_scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(
                f"widths is {self.widths}; wanted at least an input's and an output's, each at "
                "least 1, for example (5, 3, 5)"
            )
        if not self.init_scale > 0:
            raise ValueError(f"init_scale is {self.init_scale}; it must be positive, such as 1.0")

    def init(
        self,
        generator: torch.Generator | Sequence[torch.Generator],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        """Weights ~ N(0, 1/fan in), so that a layer keeps the expected norm of its input.

        Times ``init_scale``; drawn in float64 and rounded. S generators give a leading axis of S.
        """
        if isinstance(generator, torch.Generator):
            return {
                f"W{layer}": (
                    torch.randn(shape, generator=generator, dtype=torch.float64)
                    * (self.init_scale * shape[0] ** -0.5)
                ).to(device=device, dtype=dtype)
                for layer, shape in enumerate(self._shapes(), start=1)
            }
        runs = [self.init(one, dtype, device) for one in generator]
        return {name: torch.stack([run[name] for run in runs]) for name in runs[0]}

    def truth(self, rank: int, dtype: torch.dtype = torch.float64) -> dict[str, Tensor]:
        """A minimum of known rank: every layer is diag(1, ..., 1, 0, ...) with ``rank`` ones.

        The product is then of that rank too, and the learning coefficient at this point is that of
        the closed form.

        Raises:
            ValueError: if the rank is negative or larger than the smallest width.

        >>> model = DeepLinear((3, 2, 3))
        >>> model.product(model.truth(1)).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]
        """
        if not 0 <= rank <= min(self.widths):
            raise ValueError(
                f"rank is {rank}; wanted 0 to {min(self.widths)}, the smallest of {self.widths}"
            )
        layers = {}
        for layer, shape in enumerate(self._shapes(), start=1):
            layers[f"W{layer}"] = torch.zeros(shape, dtype=dtype)
            layers[f"W{layer}"].diagonal()[:rank] = 1.0
        return layers

    def product(self, params: Mapping[str, Tensor]) -> Tensor:
        """The one matrix, (..., H1, H(L+1)), that the network multiplies with."""
        layers = [params[f"W{layer}"] for layer in range(1, len(self.widths))]
        return reduce(torch.matmul, layers)

    def apply(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Outputs of shape (..., n, H(L+1)) for inputs of shape (n, H1), the same for all runs."""
        return self.apply_each(params, inputs)

    def apply_each(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Outputs of shape (S, n, H(L+1)) for inputs of shape (S, n, H1), each run its own."""
        return inputs.to(params["W1"].dtype) @ self.product(params)

    def module(self, params: Mapping[str, Tensor]) -> View:
        """A ``torch.nn.Module`` whose parameters share the memory of ``params``."""
        return View(self, params)

    def _shapes(self) -> list[tuple[int, int]]:
        return [*zip(self.widths[:-1], self.widths[1:], strict=True)]
