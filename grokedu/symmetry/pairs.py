"""A pair of layers of any network, seen as the two-layer network that the other functions take.

In a transformer what leads into a neuron, or a dimension of the residual stream, lies in several
tensors, and so does what leads out. :class:`Pair` says which tensors and axes these are, gathers
them into one network {"A", "b", "W"}, and puts them back.

In a deep network a tensor leads out of one pair and into the next. In the logarithms of the scales
the squared norm is a sum of exponentials of linear functions, hence convex, so that balancing one
pair after another falls to the one minimum (equi-normalization: Stock et al. 2019, arXiv
1902.10416).
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grokedu.models.parameters import Params
from grokedu.symmetry.activations import ACTIVATIONS, symmetry_of
from grokedu.symmetry.charges import conserved_charge
from grokedu.symmetry.orbit import balance, rescale_neurons


@dataclass(frozen=True)
class Pair:
    """Neurons with the tensors that lead into them and out of them.

    Attributes:
        incoming: tensor name to its axes, one letter each, biases among them: ``{"A": "ij"}`` says
            that A has an axis i and an axis j.
        outgoing: the same for the weights that the neurons' activations are multiplied by.
        activation: the name of one of :data:`grokedu.symmetry.activations.ACTIVATIONS`, or any
            function of a tensor.
        neurons: the axes that count neurons; every tensor of the pair has them.

    Raises:
        ValueError: where a tensor lacks a neuron axis, is named twice, or has no axes.

    >>> two_layer = Pair({"A": "ij", "B": "ij"}, {"W": "jo"}, activation="square")
    >>> two_layer.degree
    2.0
    >>> heads = Pair({"W_V": "hmd"}, {"W_O": "hdm"}, activation="linear", neurons="hd")
    """

    incoming: Mapping[str, str]
    outgoing: Mapping[str, str]
    activation: str | Callable[[Tensor], Tensor] = "relu"
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
            ValueError: for an unknown name, or an activation that allows no rescaling.
        """
        activation = self.activation
        if isinstance(activation, str):
            if activation not in ACTIVATIONS:
                raise ValueError(
                    f"no activation is called {activation!r}; there are {', '.join(ACTIVATIONS)}, "
                    "and any function of a tensor serves"
                )
            activation = ACTIVATIONS[activation]
        degree = symmetry_of(activation)
        if degree is None:
            raise ValueError(
                f"the activation {self.activation!r} allows no rescaling: wanted one with "
                "act(beta z) = beta^k act(z), such as relu, linear or square"
            )
        return degree

    def network(self, params: Params) -> dict[str, Tensor]:
        """The pair as a two-layer network: what leads in as the rows of A, what leads out as W.

        Returns:
            "A" (I, N), "b" (N,), zeros, since biases are rows of A, and "W" (N, O).

        Raises:
            ValueError: if a tensor is missing, has other axes, another number of neurons, or lies
                on another device.

        >>> pair = Pair({"A": "ij", "b": "j"}, {"W": "jo"})
        >>> net = {"A": torch.ones(3, 2), "b": torch.zeros(2), "W": torch.ones(2, 5)}
        >>> {name: tuple(tensor.shape) for name, tensor in pair.network(net).items()}
        {'A': (4, 2), 'b': (2,), 'W': (2, 5)}
        """
        self.require(params)
        into, out = (
            torch.cat([self._columns(params[name], axes) for name, axes in side.items()])
            for side in (self.incoming, self.outgoing)
        )
        return {"A": into, "b": torch.zeros_like(into[0]), "W": out.mT}

    def put(self, params: Params, network: Params) -> dict[str, Tensor]:
        """The tensors with those of the pair replaced by what :meth:`network` would give.

        >>> pair, net = Pair({"A": "ij"}, {"W": "oj"}), {"A": torch.ones(3, 2)}
        >>> net["W"] = torch.ones(5, 2)
        >>> pair.put(net, pair.network(net))["W"].shape
        torch.Size([5, 2])
        """
        found = dict(params)
        for side, matrix in ((self.incoming, network["A"]), (self.outgoing, network["W"].mT)):
            rows = [params[name].numel() // max(1, matrix.shape[1]) for name in side]
            for (name, axes), part in zip(side.items(), matrix.split(rows), strict=True):
                order = self._order(axes)
                shape = [params[name].shape[at] for at in order]
                back = [order.index(at) for at in range(len(order))]
                found[name] = part.reshape(shape).permute(back)
        return found

    def require(self, params: Params) -> None:
        """Check that the tensors of the pair are there.

        Raises:
            ValueError: if one is missing, has other axes, another number of neurons, or lies on
                another device.
        """
        every = {**self.incoming, **self.outgoing}
        for name, axes in every.items():
            if name not in params:
                raise ValueError(f"there is no tensor {name!r}; there are {', '.join(params)}")
            if params[name].ndim != len(axes):
                raise ValueError(
                    f"{name} has shape {tuple(params[name].shape)}; wanted the axes {axes!r} of "
                    "one network"
                )
        if len({self._neurons(axes, params[name]) for name, axes in every.items()}) > 1:
            shapes = {name: tuple(params[name].shape) for name in every}
            raise ValueError(
                f"the tensors have shapes {shapes}; wanted as many neurons {self.neurons!r} in "
                f"each of {dict(self.incoming)} and {dict(self.outgoing)}"
            )
        places = {name: str(params[name].device) for name in every}
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
        return tuple(tensor.shape[axes.index(letter)] for letter in self.neurons)

    def _order(self, axes: str) -> list[int]:
        """The axes with those of the neurons last."""
        rest = [letter for letter in axes if letter not in self.neurons]
        return [axes.index(letter) for letter in (*rest, *self.neurons)]

    def _columns(self, tensor: Tensor, axes: str) -> Tensor:
        return tensor.permute(self._order(axes)).reshape(-1, math.prod(self._neurons(axes, tensor)))


def rescale(params: Params, pair: Pair, scale: Tensor | float) -> dict[str, Tensor]:
    """Another point of the orbit: a pair's incoming weights times scale, outgoing over scale^k.

    The function stays the same; other tensors are handed on as they are.

    Args:
        params: one network, name to tensor.
        pair: whose neurons to rescale.
        scale: a positive number, or one for each neuron, with as many axes as count neurons.

    Raises:
        ValueError: for a scale that is not positive or not one a neuron, or an activation that
            allows none.

    >>> net = {"A": torch.ones(3, 2), "W": torch.ones(2, 1)}
    >>> other = rescale(net, Pair({"A": "ij"}, {"W": "jo"}, "square"), torch.tensor([1.0, 2.0]))
    >>> other["A"][0].tolist(), other["W"][:, 0].tolist()
    ([1.0, 2.0], [1.0, 0.25])
    """
    neurons, network = pair.shape(params), pair.network(params)
    beta = torch.as_tensor(scale).to(network["A"])
    if beta.ndim and beta.shape != neurons:
        raise ValueError(
            f"scale has shape {tuple(beta.shape)}; wanted a number or "
            f"({', '.join(map(str, neurons))}), one for each neuron"
        )
    betas = beta.expand(neurons).flatten()
    return pair.put(params, rescale_neurons(network, betas, pair.degree))


def balance_pairs(
    params: Params, pairs: Sequence[Pair], *, tolerance: float = 1e-6, sweeps: int = 1000
) -> dict[str, Tensor]:
    """The deep network of least norm with the same function, among the rescaled ones.

    Neurons that have no incoming or no outgoing weights add nothing and are set to zero, which is
    the limit of their orbit.

    Args:
        params: one network, name to tensor.
        pairs: all whose neurons may be rescaled; balanced one after another, again and again.
        tolerance: sweeps end when no neuron's charge is larger, as a share of the squared norm of
            what leads in. Less than a hundred roundings of the dtype is not asked for.
        sweeps: at most so many.

    Raises:
        ValueError: if there is no pair, or one of no or no positive degree.
        RuntimeError: if the sweeps did not end.

    >>> net = {"A": torch.tensor([[4.0]]), "W": torch.tensor([[1.0]])}
    >>> least = balance_pairs(net, [Pair({"A": "ij"}, {"W": "jo"})])
    >>> least["A"].item(), least["W"].item()
    (2.0, 2.0)
    """
    if not pairs:
        raise ValueError("no pair was given; wanted at least one, such as Pair({'A': 'ij'}, ...)")
    degrees = [pair.degree for pair in pairs]
    if min(degrees) <= 0:
        raise ValueError(f"the pairs have the degrees {degrees}; only positive ones have a least")
    found = {name: tensor.detach() for name, tensor in params.items()}
    dtype = found[next(iter(pairs[0].incoming))].dtype
    enough = max(tolerance, 100 * torch.finfo(dtype).eps)
    for _ in range(sweeps):
        for pair, degree in zip(pairs, degrees, strict=True):
            found = pair.put(found, balance(pair.network(found), degree))
        unbalanced = max(
            _unbalanced(pair.network(found), degree)
            for pair, degree in zip(pairs, degrees, strict=True)
        )
        if unbalanced <= enough:
            return found
    raise RuntimeError(
        f"not balanced after {sweeps} sweeps: the charge of a neuron is still {unbalanced:.2g} of "
        f"the squared norm of what leads in; wanted at most {enough:.2g}"
    )


def _unbalanced(network: Params, degree: float) -> float:
    """The largest charge of a neuron over the squared norm of what leads into it."""
    into = network["A"].square().sum(dim=0)
    shares = conserved_charge(network, degree).abs() / torch.where(into > 0, into, 1.0)
    return float(shares.max()) if shares.numel() else 0.0
