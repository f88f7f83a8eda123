"""Which rescaling a pair of layers allows.

A neuron with incoming weights u (its bias among them) and outgoing weights v adds
``v * act(u . x)`` to what comes next. Where ``act(beta z) = beta^k act(z)`` for every beta > 0,
the neuron (beta u, v / beta^k) adds the same: the function does not change and the norm does.
"""

from __future__ import annotations

import copy
import math
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Params = Mapping[str, Tensor]
Activation = str | Callable[[Tensor], Tensor]

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda z: z,
    "relu": torch.relu,
    "square": torch.square,
    "gelu": F.gelu,
    "tanh": torch.tanh,
}
NORMALISING = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)


def symmetry_of(activation: Activation) -> float | None:
    """The degree k with ``act(beta z) = beta^k act(z)`` for every beta > 0, or None without one.

    So a neuron's incoming weights and bias may be multiplied by beta when its outgoing weights are
    divided by beta^k. It is found by trying: on a grid of z of both signs and beta from 1e-4 to
    1e4, in float64. GELU and tanh have none.

    Args:
        activation: "linear", "relu", "square", "gelu", "tanh", or any function of a tensor; a
            module is tried as it is in evaluation, without dropout.

    Raises:
        ValueError: for an unknown name, or a function that is zero everywhere it was tried.

    Source: Dinh et al. 2017 (arXiv 1703.04933) for ReLU; Euler's theorem.

    >>> [symmetry_of(name) for name in ("relu", "linear", "square", "gelu")]
    [1.0, 1.0, 2.0, None]
    >>> symmetry_of(lambda z: torch.relu(z) ** 3)
    3.0
    """
    if isinstance(activation, str) and activation not in ACTIVATIONS:
        raise ValueError(
            f"no activation is called {activation!r}; there are {', '.join(ACTIVATIONS)}, "
            "and any function of a tensor serves"
        )
    act = ACTIVATIONS[activation] if isinstance(activation, str) else activation
    if isinstance(act, nn.Module):
        act = copy.deepcopy(act).double().eval()
    return _degree(act)


@torch.no_grad()
def _degree(act: Callable[[Tensor], Tensor]) -> float | None:
    z = torch.tensor([-3.0, -1.7, -0.6, -0.05, 0.04, 0.5, 1.3, 2.9], dtype=torch.float64)
    value, doubled = act(z), act(2 * z)
    if not value.any():
        raise ValueError("the activation is zero at every point tried; it has no rescaling to find")
    largest = int(value.abs().argmax())
    ratio = float(doubled[largest] / value[largest])
    if not ratio > 0:
        return None
    degree = round(math.log2(ratio), 9)
    for beta in (2.0, 0.3, 7.0, 1e-4, 1e4):
        if not torch.allclose(act(beta * z) / beta**degree, value, rtol=1e-9, atol=1e-12):
            return None
    return degree


@dataclass(frozen=True)
class Pair:
    """Neurons with the tensors that lead into them and out of them.

    Attributes:
        incoming: tensor name to its axes, one letter each, biases among them: ``{"A": "ij"}`` says
            that A has an axis i and an axis j. A leading run axis is not named.
        outgoing: the same for the weights that the neurons' activations are multiplied by.
        activation: as :func:`symmetry_of` takes it.
        neurons: the axes that count neurons; every tensor of the pair has them.

    Raises:
        ValueError: where a tensor lacks a neuron axis, is named twice, or has no axes.

    >>> two_layer = Pair({"A": "ij", "B": "ij"}, {"W": "jo"}, activation="square")
    >>> two_layer.degree
    2.0
    >>> torch_linear = Pair({"0.weight": "ji", "0.bias": "j"}, {"2.weight": "oj"})
    >>> heads = Pair({"W_V": "hdm"}, {"W_O": "hmd"}, activation="linear", neurons="hd")
    """

    incoming: Mapping[str, str]
    outgoing: Mapping[str, str]
    activation: Activation = "relu"
    neurons: str = "j"

    def __post_init__(self) -> None:
        if not self.incoming or not self.outgoing or self.incoming.keys() & self.outgoing.keys():
            raise ValueError(
                f"incoming={dict(self.incoming)}, outgoing={dict(self.outgoing)}; wanted at least "
                "one tensor of each, and none that is both"
            )
        for name, axes in {**self.incoming, **self.outgoing}.items():
            distinct = len({*axes}) == len(axes) and {*axes} <= {*string.ascii_letters}
            if not distinct or not {*self.neurons} <= {*axes}:
                raise ValueError(
                    f"the axes of {name} are {axes!r}; wanted distinct letters, with those of the "
                    f"neurons, {self.neurons!r}, among them"
                )

    @property
    def degree(self) -> float:
        """The degree of the activation.

        Raises:
            ValueError: if it allows no rescaling.
        """
        degree = symmetry_of(self.activation)
        if degree is None:
            raise ValueError(
                f"the activation {self.activation!r} allows no rescaling: wanted one with "
                "act(beta z) = beta^k act(z), such as relu, linear or square"
            )
        return degree

    def squares(self, params: Params) -> tuple[Tensor, Tensor]:
        """Each neuron's squared norm of incoming and of outgoing weights, (..., N) both.

        >>> pair = Pair({"A": "ij"}, {"W": "jo"})
        >>> pair.squares({"A": torch.tensor([[3.0, 1.0], [4.0, 0.0]]), "W": torch.ones(2, 5)})
        (tensor([25.,  1.]), tensor([5., 5.]))
        """
        return self.products(params, params)

    def products(self, first: Params, second: Params) -> tuple[Tensor, Tensor]:
        """Each neuron's inner product of two sets of tensors, over incoming and over outgoing."""

        def total(side: Mapping[str, str]) -> Tensor:
            each = [
                torch.einsum(f"...{axes},...{axes}->...{self.neurons}", first[name], second[name])
                for name, axes in side.items()
            ]
            return torch.stack(each).sum(dim=0)

        self.require(first)
        self.require(second)
        return total(self.incoming), total(self.outgoing)

    def require(self, params: Params) -> None:
        """Check that the tensors of the pair are there.

        Raises:
            ValueError: if one is missing, has too few axes, another number of neurons, or lies on
                another device.
        """
        for name, axes in {**self.incoming, **self.outgoing}.items():
            if name not in params:
                raise ValueError(f"there is no tensor {name!r}; there are {', '.join(params)}")
            if params[name].ndim < len(axes):
                raise ValueError(
                    f"{name} has shape {tuple(params[name].shape)}; wanted the axes {axes!r}, "
                    "after run axes if any"
                )
        every = {**self.incoming, **self.outgoing}
        if len({self._neurons(axes, params[name]) for name, axes in every.items()}) > 1:
            shapes = {name: tuple(params[name].shape) for name in every}
            raise ValueError(
                f"the tensors have shapes {shapes}; wanted as many neurons {self.neurons!r} in "
                f"each of {dict(self.incoming)} and {dict(self.outgoing)}"
            )
        places = {name: str(params[name].device) for name in (*self.incoming, *self.outgoing)}
        if len({*places.values()}) > 1:
            raise ValueError(f"the pair's tensors lie on different devices, {places}; wanted one")

    def shape(self, params: Params) -> tuple[int, ...]:
        """How many neurons there are, a number for each of their axes.

        >>> Pair({"A": "ij"}, {"W": "jo"}).shape({"A": torch.ones(3, 2), "W": torch.ones(2, 5)})
        (2,)
        """
        self.require(params)
        name, axes = next(iter(self.incoming.items()))
        return self._neurons(axes, params[name])

    def _neurons(self, axes: str, tensor: Tensor) -> tuple[int, ...]:
        return tuple(tensor.shape[axes.index(letter) - len(axes)] for letter in self.neurons)


def sequential_pairs(net: nn.Sequential) -> list[Pair]:
    """The pairs of a ``torch.nn.Sequential`` of Linear layers with activations between them.

    Two Linear layers in a row are a linear pair; between two there may be activations and dropout.
    An activation that allows no rescaling ends one, and so does a layer that is normalised.

    Raises:
        ValueError: if there is no pair.

    >>> net = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 3), nn.GELU(),
    ...                     nn.Linear(3, 1))
    >>> [(dict(pair.incoming), dict(pair.outgoing)) for pair in sequential_pairs(net)]
    [({'0.weight': 'ji', '0.bias': 'j'}, {'2.weight': 'oj'})]
    """
    pairs: list[Pair] = []
    linear = [(at, layer) for at, layer in enumerate(net) if isinstance(layer, nn.Linear)]
    for (first, layer), (second, _) in pairwise(linear):
        between = net[first + 1 : second]
        if (
            any(isinstance(one, NORMALISING) for one in between.children())
            or symmetry_of(between) is None
        ):
            continue
        incoming = {f"{first}.weight": "ji"} | (
            {f"{first}.bias": "j"} if layer.bias is not None else {}
        )
        pairs.append(Pair(incoming, {f"{second}.weight": "oj"}, between))
    if not pairs:
        raise ValueError(
            "the network has no two Linear layers with an activation between them that allows a "
            "rescaling, such as Sequential(Linear(2, 3), ReLU(), Linear(3, 1))"
        )
    return pairs
