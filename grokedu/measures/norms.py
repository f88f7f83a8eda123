"""Norms of weights, of each tensor and of all together: of a module, a dictionary, many runs."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

Params = Mapping[str, Tensor]


def tensor_norms(params: Params | nn.Module, *, run_axis: bool = False) -> dict[str, Tensor]:
    """The L2 norm of each parameter tensor, by name.

    Args:
        params: a dictionary of tensors, or a module, whose named parameters are taken.
        run_axis: whether the first axis of every tensor counts runs; then each norm has shape (S,).

    Raises:
        ValueError: where there are no weights, or with a run axis not the same number of runs.

    >>> {k: v.item() for k, v in tensor_norms({"A": torch.ones(2, 2), "W": torch.ones(1)}).items()}
    {'A': 2.0, 'W': 1.0}
    """
    return {
        name: vectors(tensor.detach(), run_axis=run_axis).norm(dim=-1)
        for name, tensor in named(params, run_axis=run_axis).items()
    }


def l2_norm(params: Params | nn.Module, *, run_axis: bool = False) -> Tensor:
    """The L2 norm of all weights together: the square root of the sum of all squares.

    Arguments as in :func:`tensor_norms`; the result is a scalar, or of shape (S,) with a run axis.

    >>> l2_norm({"A": torch.tensor([3.0]), "W": torch.tensor([[4.0]])}).item()
    5.0
    >>> l2_norm({"A": torch.ones(3, 4)}, run_axis=True).tolist()  # three runs of four weights
    [2.0, 2.0, 2.0]
    """
    norms = tensor_norms(params, run_axis=run_axis)
    return torch.stack(list(norms.values())).norm(dim=0)


def named(params: Params | nn.Module, *, run_axis: bool = False) -> Params:
    """The tensors of a module or a dictionary by name, checked.

    Raises:
        ValueError: where there is none, they lie on different devices, or with a run axis do not
            begin with the same number of runs.

    >>> [*named(nn.Linear(2, 3))]
    ['weight', 'bias']
    """
    tensors = dict(params.named_parameters()) if isinstance(params, nn.Module) else params
    if not tensors:
        raise ValueError("no parameters were given; wanted a dictionary such as {'W': tensor}")
    places = {name: str(tensor.device) for name, tensor in tensors.items()}
    if len({*places.values()}) > 1:
        raise ValueError(f"the weights lie on different devices, {places}; wanted one")
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if run_axis and (() in shapes.values() or len({shape[:1] for shape in shapes.values()}) > 1):
        raise ValueError(f"the weights are {shapes}; wanted a first axis of as many runs in each")
    return tensors


def vectors(tensor: Tensor, *, run_axis: bool = False) -> Tensor:
    """The entries of a tensor in one axis, (d,), or behind the run axis, (S, d).

    >>> vectors(torch.zeros(5), run_axis=True).shape, vectors(torch.zeros(0, 2, 3)).shape
    (torch.Size([5, 1]), torch.Size([0]))
    """
    runs = tensor.shape[: 1 if run_axis else 0]
    return tensor.reshape(*runs, math.prod(tensor.shape[len(runs) :]))
