"""Small networks to try symmetries on: squares that add modulo p, and ReLU with biases.

Both are dictionaries {"A": (I, N), "b": (N,), "W": (N, O)} of ``act(x A + b) W``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from grokedu.symmetry.orbit import rescale_neurons
from grokedu.symmetry.pairs import Pair
from grokedu.tasks import Task, random_stream

# What leads into the neurons of grokedu.models.two_layer's network of squares, and out of them.
TWO_LAYER = Pair({"A": "ij", "B": "ij"}, {"W": "jo"}, "square")


def one_matrix(params: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The two-layer network's tables A and B under each other as "A", (2p, N); "b" is 0.

    Its inputs are two ones in a row of zeros, see :func:`logits`.

    Args:
        params: "A" and "B" of shape (p, N) and "W" of shape (N, p).

    >>> from grokedu.models import TwoLayer
    >>> net = one_matrix(TwoLayer(5, 8).init(torch.Generator().manual_seed(0)))
    >>> net["A"].shape, net["b"].shape, net["W"].shape
    (torch.Size([10, 8]), torch.Size([8]), torch.Size([8, 5]))
    """
    return TWO_LAYER.network(params)


def logits(net: Mapping[str, Tensor], pairs: Tensor) -> Tensor:
    """(n, p) logits of :func:`one_matrix`'s network of squares.

    Args:
        net: "A" of shape (2p, N), "b" of shape (N,) and "W" of shape (N, p).
        pairs: int64 (n, 2).

    >>> from grokedu.models import TwoLayer
    >>> params = TwoLayer(5, 8).init(torch.Generator().manual_seed(0))
    >>> pairs = torch.tensor([[1, 2], [4, 0]])
    >>> found = logits(one_matrix(params), pairs)
    >>> bool(torch.allclose(found, TwoLayer(5, 8).apply(params, pairs), atol=1e-6))
    True
    """
    size = len(net["A"])
    ones = F.one_hot(pairs[:, 0], size) + F.one_hot(size // 2 + pairs[:, 1], size)
    return (ones.to(net["A"]) @ net["A"] + net["b"]).square() @ net["W"]


@dataclass(frozen=True)
class ReluNetwork:
    """``relu(x A + b) W``, a model for :func:`grokedu.training.train`; leading axes count runs.

    Attributes:
        inputs, width, outputs: how many inputs, neurons and outputs there are.

    >>> net = ReluNetwork().init(torch.Generator().manual_seed(0))
    >>> {name: tuple(tensor.shape) for name, tensor in net.items()}
    {'A': (4, 16), 'b': (16,), 'W': (16, 2)}
    >>> ReluNetwork().apply(net, torch.zeros(5, 4)).shape
    torch.Size([5, 2])
    """

    inputs: int = 4
    width: int = 16
    outputs: int = 2

    def init(
        self,
        generator: torch.Generator | Sequence[torch.Generator],
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        """Normal weights: A over 2, b over 3, W over 4; a leading axis for several generators.

        >>> draws = [torch.Generator().manual_seed(seed) for seed in (0, 1)]
        >>> many = ReluNetwork().init(draws)
        >>> alone = ReluNetwork().init(torch.Generator().manual_seed(1))
        >>> many["A"].shape, torch.equal(many["A"][1], alone["A"])
        (torch.Size([2, 4, 16]), True)
        """
        if isinstance(generator, torch.Generator):
            return {k: v.to(device=device, dtype=dtype) for k, v in self._drawn(generator).items()}
        runs = [self._drawn(one) for one in generator]
        return {
            name: torch.stack([run[name] for run in runs]).to(device=device, dtype=dtype)
            for name in runs[0]
        }

    def _drawn(self, generator: torch.Generator) -> dict[str, Tensor]:
        shapes = {
            "A": (self.inputs, self.width), "b": (self.width,), "W": (self.width, self.outputs)
        }  # fmt: skip
        return {
            name: torch.randn(shape, generator=generator, dtype=torch.float64) / over
            for (name, shape), over in zip(shapes.items(), (2, 3, 4), strict=True)
        }

    def apply(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Outputs (..., n, O) for inputs (n, I), the same for all runs."""
        return self.apply_each(params, inputs)

    def apply_each(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Outputs (S, n, O) for inputs (S, n, I), each run its own."""
        hidden = inputs.to(params["A"]) @ params["A"] + params["b"].unsqueeze(-2)
        return torch.relu(hidden) @ params["W"]


def sine_task(seed: int) -> Task:
    """64 normal inputs of four numbers to train on and 16 to test on; targets sin(2 x1), sin(2 x2).

    >>> sine_task(0).inputs.shape, sine_task(0).targets.shape
    (torch.Size([80, 4]), torch.Size([80, 2]))
    """
    draw = random_stream(seed, "inputs")
    x = torch.randn(80, 4, generator=draw, dtype=torch.float64)
    parts = torch.arange(64), torch.arange(64, 80)
    return Task(x, torch.sin(2 * x[:, :2]), *parts, classes=2, name="sine")


def squared_error(net: Mapping[str, Tensor], task: Task) -> Tensor:
    """The mean squared error of a ReLU network over the examples that a task trains on, a scalar.

    Args:
        net: "A" of shape (I, N), "b" of shape (N,) and "W" of shape (N, O).
        task: of inputs (n, I) and targets (n, O).

    >>> net = {"A": torch.zeros(4, 16), "b": torch.zeros(16), "W": torch.zeros(16, 2)}
    >>> task = sine_task(0)
    >>> bool(squared_error(net, task) == task.targets[task.train].square().mean())
    True
    """
    outputs = ReluNetwork().apply(net, task.inputs[task.train])
    return (outputs - task.targets[task.train]).square().mean()


def moved(net: Mapping[str, Tensor], seed: int, spread: float = 0.7) -> dict[str, Tensor]:
    """A ReLU network with each neuron moved along its orbit by exp(spread * normal).

    Args:
        net: "A" of shape (I, N), "b" of shape (N,) and "W" of shape (N, O).
        seed: of the scales.
        spread: the standard deviation of their logarithms.

    >>> net = ReluNetwork().init(torch.Generator().manual_seed(0))
    >>> bool(squared_error(moved(net, 3), sine_task(0)).isclose(squared_error(net, sine_task(0))))
    True
    """
    draw = random_stream(seed, "orbit")
    normal = torch.randn(len(net["b"]), generator=draw, dtype=torch.float64)
    return rescale_neurons(net, (spread * normal).exp().to(net["b"]))
