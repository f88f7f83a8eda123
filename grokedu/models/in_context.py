"""A transformer that learns linear regression in its context.

The task is that of Garg et al. 2022 (arXiv 2208.01066) and Raventós et al. 2023 (arXiv 2306.15063).
An input is a sequence of K examples (x_k, y_k), of shape (K, D+1) with y last. Each becomes two
tokens, ``(0, x_k)`` and ``(y_k, 0, ..., 0)``; the prediction of y_k is read at the token of x_k,
which attends to nothing after it. The architecture is that of Hoogland et al. 2024 (arXiv
2402.02364): pre-layer-norm blocks of attention without biases and of a ReLU layer with them,
learned positions, a layer norm before the unembedding.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from grokedu.models.module import View


@dataclass(frozen=True)
class InContextTransformer:
    """The architecture; the defaults are the network of Hoogland et al.

    Attributes:
        dimension: D, of the inputs x.
        examples: K, how many pairs a sequence holds at most.
        width: of the residual stream.
        heads: of each layer; they must divide the width.
        layers: how many blocks.
        hidden: neurons of a block's ReLU layer.
        init_scale: every initial weight is multiplied by it, but those of the layer norms.

    Raises:
        ValueError: for a number below 1, heads that do not divide the width, or a scale that is not
            positive.

    >>> model = InContextTransformer(dimension=4, examples=8)
    >>> params = model.init([torch.Generator().manual_seed(0)])
    >>> sum(tensor.numel() for tensor in params.values())
    51717
    >>> model.apply(params, torch.zeros(3, 8, 5)).shape  # the prediction of each y
    torch.Size([1, 3, 8])
    """

    dimension: int = 4
    examples: int = 8
    width: int = 64
    heads: int = 4
    layers: int = 2
    hidden: int = 64
    init_scale: float = 1.0

    def __post_init__(self) -> None:
        sizes = {name: value for name, value in vars(self).items() if name != "init_scale"}
        if min(sizes.values()) < 1:
            raise ValueError(f"the sizes are {sizes}; each must be at least 1")
        if self.width % self.heads:
            raise ValueError(
                f"{self.heads} heads do not divide a width of {self.width}; 4 and 64 would do"
            )
        if not self.init_scale > 0:
            raise ValueError(f"init_scale is {self.init_scale}; it must be positive, such as 1.0")

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor of one run, in the order in which they are drawn.

        A matrix is (in, out). ``gain`` and ``shift`` are a layer norm's, "b" marks a bias.
        """
        width, token = self.width, self.dimension + 1
        norm = {"gain": (width,), "shift": (width,)}
        block: dict[str, tuple[int, ...]] = {
            **{f"attention_{name}": shape for name, shape in norm.items()},
            "query": (width, width),
            "key": (width, width),
            "value": (width, width),
            "output": (width, width),
            **{f"mlp_{name}": shape for name, shape in norm.items()},
            "mlp_in": (width, self.hidden),
            "mlp_in_b": (self.hidden,),
            "mlp_out": (self.hidden, width),
            "mlp_out_b": (width,),
        }
        blocks = {f"{layer}.{k}": v for layer in range(self.layers) for k, v in block.items()}
        return {
            "embed": (token, width),
            "position": (2 * self.examples, width),
            **blocks,
            **{f"final_{name}": shape for name, shape in norm.items()},
            "unembed": (width, token),
            "unembed_b": (token,),
        }

    def init(
        self,
        generator: torch.Generator | Sequence[torch.Generator],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        """Uniform in ±1/sqrt(fan in), torch's default for a linear layer, times ``init_scale``.

        Positions count as a linear layer of one-hot positions. Layer norms start at gain 1, shift
        0. Drawn in float64 and rounded; S generators give a leading axis of S runs.
        """
        if isinstance(generator, torch.Generator):
            shapes, drawn = self.shapes(), {}
            for name, shape in shapes.items():
                if name.endswith(("gain", "shift")):
                    tensor = torch.full(shape, float(name.endswith("gain")), dtype=torch.float64)
                else:
                    fan_in = shapes[name.removesuffix("_b")][0]
                    uniform = torch.rand(shape, generator=generator, dtype=torch.float64)
                    tensor = (2 * uniform - 1) * (self.init_scale * fan_in**-0.5)
                drawn[name] = tensor.to(device=device, dtype=dtype)
            return drawn
        runs = [self.init(one, dtype, device) for one in generator]
        return {name: torch.stack([run[name] for run in runs]) for name in runs[0]}

    def apply(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Predictions (..., n, K) of every y, for inputs (n, K, D+1), the same for all runs."""
        return self.apply_each(params, inputs)

    def apply_each(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Predictions (S, n, K) for inputs (S, n, K, D+1), each run its own.

        Raises:
            ValueError: if a sequence is longer than ``examples``, or x has another dimension.
        """
        if inputs.shape[-1] != self.dimension + 1 or inputs.shape[-2] > self.examples:
            raise ValueError(
                f"inputs have shape {tuple(inputs.shape)}; wanted (..., n, K, {self.dimension + 1})"
                f" with K at most {self.examples}: x and y of each example"
            )
        tokens = interleave(inputs.to(params["embed"].dtype))  # (..., n, 2K, D+1)
        positions = params["position"][..., : tokens.shape[-2], :].unsqueeze(-3)
        stream = _linear(tokens, params["embed"]) + positions  # (..., n, 2K, width)
        for layer in range(self.layers):
            block = {
                name.removeprefix(f"{layer}."): tensor
                for name, tensor in params.items()
                if name.startswith(f"{layer}.")
            }
            stream = stream + self._attention(block, _normed(stream, block, "attention"))
            stream = stream + _mlp(block, _normed(stream, block, "mlp"))
        read = _normed(stream[..., 0::2, :], params, "final")
        first = params["unembed"][..., :1]  # only the y of the next token is wanted
        return _linear(read, first).squeeze(-1) + params["unembed_b"][..., :1].unsqueeze(-2)

    def module(self, params: Mapping[str, Tensor]) -> View:
        """A ``torch.nn.Module`` whose parameters share the memory of ``params``.

        A dot in a name becomes an underscore, which torch asks for.
        """
        return View(_Renamed(self), {k.replace(".", "_"): v for k, v in params.items()})

    def _attention(self, block: Mapping[str, Tensor], stream: Tensor) -> Tensor:
        def heads(name: str) -> Tensor:  # (..., n, heads, 2K, width / heads)
            projected = _linear(stream, block[name])
            return projected.unflatten(-1, (self.heads, -1)).transpose(-2, -3)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.mT * query.shape[-1] ** -0.5  # (..., n, heads, 2K, 2K)
        after = scores.new_ones(scores.shape[-2:], dtype=torch.bool).triu(1)
        # Plain matrix products: torch's fused attention has no second derivative on CPUs.
        mixed = scores.masked_fill(after, -torch.inf).softmax(dim=-1) @ value
        return _linear(mixed.transpose(-2, -3).flatten(-2), block["output"])


@dataclass(frozen=True)
class _Renamed:
    model: InContextTransformer

    def apply(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        names = self.model.shapes()
        return self.model.apply({k: params[k.replace(".", "_")] for k in names}, inputs)


def interleave(inputs: Tensor) -> Tensor:
    """The tokens (..., 2K, D+1) of K examples (..., K, D+1): (0, x), (y, 0, ..., 0), (0, x), ...

    >>> interleave(torch.tensor([[1.0, 2.0, 9.0]])).tolist()  # x = (1, 2), y = 9
    [[0.0, 1.0, 2.0], [9.0, 0.0, 0.0]]
    """
    x, y = inputs[..., :-1], inputs[..., -1:]
    both = torch.stack(
        [torch.cat([torch.zeros_like(y), x], -1), torch.cat([y, torch.zeros_like(x)], -1)], dim=-2
    )
    return both.flatten(-3, -2)


def _linear(stream: Tensor, weight: Tensor) -> Tensor:
    """(..., n, T, in) times each run's own (..., in, out), in one product a run: n are slow."""
    flat = stream.flatten(-3, -2) @ weight
    return flat.unflatten(-2, stream.shape[-3:-1])


def _normed(stream: Tensor, params: Mapping[str, Tensor], name: str) -> Tensor:
    """A layer norm with each run's own gain and shift."""
    gain, shift = (params[f"{name}_{part}"][..., None, None, :] for part in ("gain", "shift"))
    return F.layer_norm(stream, stream.shape[-1:]) * gain + shift


def _mlp(block: Mapping[str, Tensor], stream: Tensor) -> Tensor:
    hidden = F.relu(_linear(stream, block["mlp_in"]) + block["mlp_in_b"][..., None, None, :])
    return _linear(hidden, block["mlp_out"]) + block["mlp_out_b"][..., None, None, :]
