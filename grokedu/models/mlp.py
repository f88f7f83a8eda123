"""A multilayer perceptron with biases: ``x -> act(x W1 + b1) -> ... -> x WL + bL``.

Parameters are {"W1": (..., in, out), "b1": (..., out), "W2": ...}; leading axes count runs. With
the widths (784, 200, 200, 10), ReLU and α = 8 it is the network in which Liu et al. 2022 (arXiv
2210.01117) made MNIST grok; with tanh and (5, 100, 100, 5) their student.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from grokedu.models.module import View

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": F.relu,
    "tanh": torch.tanh,
    "gelu": F.gelu,
}


@dataclass(frozen=True)
class MLP:
    """The architecture: the widths from the inputs to the outputs, and the activation between.

    Attributes:
        widths: of the input, of each hidden layer and of the output.
        activation: "relu", "tanh" or "gelu".
        init_scale: every initial weight *and bias* is multiplied by it, as Omnigrok does.

    Raises:
        ValueError: for fewer than two widths or one below 1, an unknown activation, or a scale that
            is not positive.

    >>> model = MLP((784, 200, 200, 10))
    >>> params = model.init([torch.Generator().manual_seed(0)])
    >>> sum(tensor.numel() for tensor in params.values())
    199210
    >>> model.apply(params, torch.zeros(3, 784)).shape
    torch.Size([1, 3, 10])
    """

    widths: tuple[int, ...] = (784, 200, 200, 10)
    activation: str = "relu"
    init_scale: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", tuple(self.widths))
        if len(self.widths) < 2 or min(self.widths) < 1:
            raise ValueError(
                f"widths is {self.widths}; wanted at least an input's and an output's, each at "
                "least 1, for example (784, 200, 200, 10)"
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; wanted one of {[*ACTIVATIONS]}")
        if not self.init_scale > 0:
            raise ValueError(f"init_scale is {self.init_scale}; it must be positive, such as 8.0")

    @property
    def layers(self) -> int:
        """How many affine maps there are."""
        return len(self.widths) - 1

    def init(
        self,
        generator: torch.Generator | Sequence[torch.Generator],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        """Weights and biases uniform in ±1/sqrt(fan in), torch's own default, times the scale.

        With α = 1 the expected squared norm is the sum over layers of (in + 1) out / (3 in). Drawn
        in float64 and rounded; a sequence of S generators gives a leading axis of S runs.
        """
        if isinstance(generator, torch.Generator):
            drawn: dict[str, Tensor] = {}
            for layer, (wide, out) in enumerate(pairwise(self.widths), start=1):
                bound = self.init_scale * wide**-0.5
                for name, shape in ((f"W{layer}", (wide, out)), (f"b{layer}", (out,))):
                    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
                    drawn[name] = ((2 * uniform - 1) * bound).to(device=device, dtype=dtype)
            return drawn
        runs = [self.init(one, dtype, device) for one in generator]
        return {name: torch.stack([run[name] for run in runs]) for name in runs[0]}

    def apply(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Outputs of shape (..., n, out) for inputs of shape (n, in), the same for all runs.

        Inputs of more axes are flattened to (n, in) first, and brought to the dtype of the weights.
        """
        flat = inputs.flatten(1).to(params["W1"].dtype)
        return self.apply_each(params, flat)

    def apply_each(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Outputs of shape (S, n, out) for inputs of shape (S, n, in), each run its own."""
        hidden = inputs.to(params["W1"].dtype)
        for layer in range(1, self.layers + 1):
            hidden = hidden @ params[f"W{layer}"] + params[f"b{layer}"].unsqueeze(-2)
            if layer < self.layers:
                hidden = ACTIVATIONS[self.activation](hidden)
        return hidden

    def module(self, params: Mapping[str, Tensor]) -> View:
        """A ``torch.nn.Module`` whose parameters share the memory of ``params``."""
        return View(self, params)
