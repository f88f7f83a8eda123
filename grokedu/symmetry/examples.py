"""Small networks to try symmetries on: squares that add modulo p, and ReLU with biases.

All are dictionaries {"A": (..., I, N), "b": (..., N), "W": (..., N, O)} of ``act(x A + b) W``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from grokedu.models.two_layer import TwoLayer
from grokedu.symmetry.orbit import rescale
from grokedu.symmetry.pairs import Pair, Params


def one_matrix(params: Params) -> dict[str, Tensor]:
    """The two-layer network's tables A and B under each other as "A", (..., 2p, N); "b" is 0.

    Its inputs are two ones in a row of zeros, see :func:`logits`.

    >>> net = one_matrix(TwoLayer(5, 8).init(torch.Generator().manual_seed(0)))
    >>> net["A"].shape, net["b"].shape, net["W"].shape
    (torch.Size([10, 8]), torch.Size([8]), torch.Size([8, 5]))
    """
    both = torch.cat([params["A"], params["B"]], dim=-2)
    return {"A": both, "b": torch.zeros_like(both[..., 0, :]), "W": params["W"]}


def logits(net: Params, pairs: Tensor) -> Tensor:
    """(..., n, p) logits of :func:`one_matrix`'s network of squares.

    >>> params = TwoLayer(5, 8).init(torch.Generator().manual_seed(0))
    >>> pairs = torch.tensor([[1, 2], [4, 0]])
    >>> found = logits(one_matrix(params), pairs)
    >>> bool(torch.allclose(found, TwoLayer(5, 8).apply(params, pairs), atol=1e-6))
    True
    """
    size = net["A"].shape[-2]
    ones = F.one_hot(pairs[:, 0], size) + F.one_hot(size // 2 + pairs[:, 1], size)
    return (ones.to(net["A"]) @ net["A"] + net["b"].unsqueeze(-2)).square() @ net["W"]


@dataclass(frozen=True)
class Elsewhere(TwoLayer):
    """A two-layer network that starts elsewhere on its orbit: the same function, another norm.

    Attributes:
        beta: the scale of every neuron's incoming weights.

    >>> pairs, draw = torch.tensor([[1, 2]]), torch.Generator()
    >>> nets = [Elsewhere(5, 8, beta=beta) for beta in (1.0, 4.0)]
    >>> starts = [net.init(draw.manual_seed(0), torch.float64) for net in nets]
    >>> (starts[1]["A"] / starts[0]["A"])[0, 0].item()
    4.0
    >>> torch.allclose(nets[0].apply(starts[0], pairs), nets[1].apply(starts[1], pairs))
    True
    """

    beta: float = 1.0

    def init(
        self,
        generator: torch.Generator | Sequence[torch.Generator],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        """As :class:`TwoLayer`'s, rescaled."""
        params = super().init(generator, dtype, device)
        incoming = {name: axes for name, axes in _INCOMING.items() if name in params}
        return rescale(params, Pair(incoming, {"W": "jo"}, self.activation), self.beta)


def relu_networks(
    seeds: Sequence[int], spread: float = 0.0
) -> tuple[dict[str, Tensor], Tensor, Tensor]:
    """A ReLU network, 4-16-2 with biases, for each seed, with 64 inputs and targets sin(2x).

    Args:
        seeds: of weights and inputs.
        spread: each neuron is moved along its orbit by exp(spread * normal); whatever it is, the
            same seed has the same function and the same data.

    Returns:
        Float64 weights with a leading run axis, inputs (S, 64, 4) and targets (S, 64, 2).

    >>> params, inputs, targets = relu_networks(range(3))
    >>> params["A"].shape, inputs.shape, targets.shape
    (torch.Size([3, 4, 16]), torch.Size([3, 64, 4]), torch.Size([3, 64, 2]))
    """
    runs = []
    for seed in seeds:
        draw = torch.Generator().manual_seed(seed)
        shapes = ((64, 4), (4, 16), (16,), (16, 2), (16,))
        x, A, b, W, moved = (
            torch.randn(shape, generator=draw, dtype=torch.float64) for shape in shapes
        )
        runs.append((A / 2, b / 3, W / 4, x, torch.sin(2 * x[:, :2]), (spread * moved).exp()))
    A, b, W, x, y, scale = (torch.stack(each) for each in zip(*runs, strict=True))
    pair = Pair({"A": "ij", "b": "j"}, {"W": "jo"}, "relu")
    return rescale({"A": A, "b": b, "W": W}, pair, scale), x, y


def squared_error(net: Params, x: Tensor, y: Tensor) -> Tensor:
    """The mean squared error of ReLU networks, (...).

    >>> net = {"A": torch.ones(1, 1), "b": torch.zeros(1), "W": torch.ones(1, 1)}
    >>> squared_error(net, torch.tensor([[2.0], [-1.0]]), torch.tensor([[0.0], [1.0]]))
    tensor(2.5000)
    """
    out = torch.relu(x @ net["A"] + net["b"].unsqueeze(-2)) @ net["W"]
    return (out - y).square().mean(dim=(-2, -1))


def squared_error_gradient(net: Params, x: Tensor, y: Tensor) -> dict[str, Tensor]:
    """The gradient of :func:`squared_error`, for each network its own.

    >>> net = {"A": torch.ones(1, 1), "b": torch.zeros(1), "W": torch.ones(1, 1)}
    >>> squared_error_gradient(net, torch.tensor([[2.0]]), torch.tensor([[0.0]]))["W"].item()
    8.0
    """
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in net.items()}
    total = squared_error(leaves, x, y).sum()
    return dict(zip(leaves, torch.autograd.grad(total, [*leaves.values()]), strict=True))


_INCOMING: Mapping[str, str] = {"A": "ij", "B": "ij", "b": "j"}
