"""The learning coefficient along training, and over a grid of localisations and temperatures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from grokedu.llc.estimate import PlainLoss, target_of
from grokedu.llc.sampling.batch import estimate_at
from grokedu.llc.sampling.module_loss import Inputs
from grokedu.llc.sampling.potential import Loss, LossAndGradient
from grokedu.llc.sampling.result import LLC
from grokedu.models.parameters import Params

Checkpoint = nn.Module | Params


def llc_along(
    checkpoints: Sequence[Checkpoint] | Mapping[Any, Checkpoint],
    inputs: Inputs | None = None,
    targets: Any = None,
    loss: Loss | None = None,
    *,
    model: nn.Module | PlainLoss | LossAndGradient | None = None,
    parameters: Sequence[str] | None = None,
    n: float | None = None,
    **settings: Any,
) -> list[LLC]:
    """The learning coefficient at many checkpoints of one model, side by side.

    All checkpoints see the same random numbers, so that a difference between two of them is less
    noisy than either.

    Args:
        checkpoints: weights, each a module or a dictionary from names to tensors (a state dict); a
            mapping from steps to them is taken in its order.
        inputs, targets, loss, parameters, n: as for :func:`grokedu.llc.estimate_llc`.
        model: the module whose weights they are, or a loss function; not needed for modules.
        settings: ``nbeta``, ``gamma``, ``weight_decay``, ``chains``, ``gradients``, ``seconds``
            (for all checkpoints together), ``target_error``, ``sampler``, ``heat``, ``seed`` and
            ``progress`` of :func:`grokedu.llc.estimate_llc`; nbeta and gamma may be sequences with
            one number for each checkpoint.

    Raises:
        ValueError: for no checkpoints or weights with other names or shapes, and as
            :func:`grokedu.llc.estimate_llc`.

    >>> loss = lambda params: params["w"].square().sum(dim=1) / 2 + params["w"][:, 0] ** 4
    >>> steps = {0: {"w": torch.zeros(2)}, 10: {"w": torch.tensor([0.0, 0.1])}}
    >>> found = llc_along(steps, model=loss, n=1e4, gamma=0.0, progress=False)
    >>> [warning.name for warning in found[1].warnings][:2]
    ['not a minimum', 'negative']
    """
    listed = [*(checkpoints.values() if isinstance(checkpoints, Mapping) else checkpoints)]
    if not listed:
        raise ValueError("no checkpoints were given; wanted at least one")
    if isinstance(listed[0], torch.Tensor):
        raise ValueError("got tensors for checkpoints; wanted dictionaries of tensors, or modules")
    if model is None:
        if not isinstance(listed[0], nn.Module):
            raise ValueError("checkpoints that are dictionaries need the model they belong to")
        model = listed[0]
    first = listed[0]
    weights = None if isinstance(model, nn.Module) or isinstance(first, nn.Module) else first
    both, center, n = target_of(model, inputs, targets, loss, weights, parameters, n)
    rows = [_weights(one, center, at) for at, one in enumerate(listed)]
    centers = {name: torch.stack([row[name] for row in rows]) for name in center}
    return estimate_at(both, centers, n=n, **settings)


def llc_grid(
    model: nn.Module | PlainLoss | LossAndGradient,
    inputs: Inputs | None = None,
    targets: Any = None,
    loss: Loss | None = None,
    *,
    gammas: Sequence[float],
    nbetas: Sequence[float],
    params: Params | None = None,
    parameters: Sequence[str] | None = None,
    n: float | None = None,
    **settings: Any,
) -> list[list[LLC]]:
    """The estimate for every localisation and temperature: how far does the value depend on them?

    ``grokedu.figures.llc_sensitivity`` draws it.

    Args:
        model, inputs, targets, loss, params, parameters, n: as for
            :func:`grokedu.llc.estimate_llc`.
        gammas, nbetas: the localisations and the temperatures.
        settings: as for :func:`llc_along`.

    Returns:
        A row for each of ``gammas`` with an estimate for each of ``nbetas``.

    Raises:
        ValueError: for no gammas or nbetas, and as :func:`grokedu.llc.estimate_llc`.

    >>> loss = lambda params: params["w"].square().sum(dim=1) / 2
    >>> grid = llc_grid(loss, params={"w": torch.zeros(4)}, n=1e4, gammas=[0.0, 100.0],
    ...                 nbetas=[100.0], progress=False)
    >>> [round(row[0].value) for row in grid]  # 4 / 2, and half of it where gamma is nbeta * h
    [2, 1]
    """
    both, center, n = target_of(model, inputs, targets, loss, params, parameters, n)
    pairs = [(gamma, nbeta) for gamma in gammas for nbeta in nbetas]
    if not pairs:
        raise ValueError("gammas or nbetas are empty; wanted at least one of each")
    found = estimate_at(
        both,
        {name: x.detach().expand(len(pairs), *x.shape).clone() for name, x in center.items()},
        n=n,
        gamma=[gamma for gamma, _ in pairs],
        nbeta=[nbeta for _, nbeta in pairs],
        **settings,
    )
    width = len(nbetas)
    return [found[at : at + width] for at in range(0, len(found), width)]


def _weights(checkpoint: Checkpoint, like: Params, at: int) -> Params:
    named = dict(checkpoint.named_parameters()) if isinstance(checkpoint, nn.Module) else checkpoint
    for name, tensor in like.items():
        if name not in named or named[name].shape != tensor.shape:
            given = tuple(named[name].shape) if name in named else f"not among {[*named]}"
            raise ValueError(
                f"in checkpoint {at} {name!r} is {given}; wanted shape {tuple(tensor.shape)}"
            )
    return {name: named[name].detach().to(tensor) for name, tensor in like.items()}
