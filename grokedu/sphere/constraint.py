"""A fixed weight norm: projecting weights to a sphere and gradients to its tangent plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from grokedu.measures import l2_norm, named
from grokedu.models.parameters import Params, State


def project_to_sphere(params: Mapping[str, Tensor], radius: float) -> dict[str, Tensor]:
    """All weights times one factor, so that their norm together is the radius.

    Args:
        params: name to tensor, of any shapes.
        radius: the norm wanted.

    Returns:
        New tensors by the same names and of the same shapes: the nearest point of the sphere.

    Raises:
        ValueError: if the radius is not positive, or the weights are all zero.

    Source: Liu et al. 2022, arXiv 2210.01117.

    >>> project_to_sphere({"A": torch.tensor([3.0]), "W": torch.tensor([4.0])}, 10.0)
    {'A': tensor([6.]), 'W': tensor([8.])}
    """
    if radius <= 0:
        raise ValueError(f"radius is {radius}; it must be positive, for example 10.0")
    norm = torch.stack([t.square().sum() for t in params.values()]).sum().sqrt()
    if norm == 0:
        raise ValueError(f"the weights {', '.join(params)} are all zero: they have no direction")
    return {name: t * (radius / norm) for name, t in params.items()}


def tangent(params: Mapping[str, Tensor], grads: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The part of the gradient along the sphere: its part along the weights taken out.

    All tensors together are one long vector: one inner product, one norm.

    Args:
        params: the weights, name to tensor; not all zero, of any norm.
        grads: the gradient, by the same names, of the same shapes.

    Returns:
        New tensors by the same names, together at right angles to the weights.

    >>> tangent({"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([5.0, 2.0])})
    {'w': tensor([0., 2.])}
    """
    along = torch.stack([(params[name] * grads[name]).sum() for name in params]).sum()
    square = torch.stack([t.square().sum() for t in params.values()]).sum()
    return {name: grads[name] - along / square * params[name] for name in params}


@dataclass(frozen=True)
class Sphere:
    """The constraint of a fixed norm for S runs at once, see :func:`grokedu.training.train`.

    Every tensor has a leading axis of S runs. Weights that are nan stay so: a run that has diverged
    does not end the others.

    Attributes:
        radius: a number, or (S,) one a run; None keeps each run's norm at the first step.
        per_tensor: each tensor keeps a norm of its own, instead of all together one; then the
            radius must be None.
        gradient: also take the radial part out of the gradient before the optimizer sees it. With
            Adam this matters: a radial part that the projection would undo enters its moments.

    Raises:
        ValueError: for a radius with per_tensor; ``init`` for a radius that is not positive or not
            one a run, or weights that are all zero.

    >>> sphere, weights = Sphere(), {"w": torch.tensor([[3.0, 4.0], [1.0, 0.0]])}  # two runs
    >>> state = sphere.init(weights)
    >>> sphere.step({"w": torch.tensor([[6.0, 8.0], [0.0, 3.0]])}, state)["w"]
    tensor([[3., 4.],
            [0., 1.]])
    """

    radius: float | Tensor | None = None
    per_tensor: bool = False
    gradient: bool = False

    def __post_init__(self) -> None:
        if self.per_tensor and self.radius is not None:
            raise ValueError("a radius is given and per_tensor set; a tensor keeps its own norm")

    def init(self, params: Params) -> State:
        """The radii, (S,) each: "radius", or "radius/NAME" for each tensor."""
        named(params)
        state = {}
        for key, group in self._groups(params).items():
            norm = torch.vmap(l2_norm)(group)
            if bool((norm == 0).any()):
                raise ValueError(
                    f"{', '.join(group)} has norm 0, and so no direction on a sphere; wanted "
                    "weights that are not all zero, or one sphere for all tensors together"
                )
            state[key] = norm if self.radius is None else _radius_a_run(self.radius, norm)
        return state

    def project_gradient(self, params: Params, grads: Params, state: State) -> dict[str, Tensor]:
        """The gradients without their radial part where ``gradient`` is set, else as they are."""
        if not self.gradient:
            return dict(grads)
        projected: dict[str, Tensor] = {}
        for group in self._groups(params).values():
            projected |= torch.vmap(tangent)(group, {name: grads[name] for name in group})
        return projected

    def step(self, params: Params, state: State) -> dict[str, Tensor]:
        """The weights rescaled to their radii."""
        projected: dict[str, Tensor] = {}
        for key, group in self._groups(params).items():
            projected |= torch.vmap(_rescaled)(group, state[key])
        return projected

    def _groups(self, params: Params) -> dict[str, dict[str, Tensor]]:
        if not self.per_tensor:
            return {"radius": dict(params)}
        return {f"radius/{name}": {name: tensor} for name, tensor in params.items()}


def _rescaled(params: Params, radius: Tensor) -> dict[str, Tensor]:
    """What :func:`project_to_sphere` does where ``Sphere.init`` has checked radius and weights."""
    factor = radius / l2_norm(params)
    return {name: t * factor for name, t in params.items()}


def _radius_a_run(radius: float | Tensor, norm: Tensor) -> Tensor:
    size = torch.as_tensor(radius, dtype=norm.dtype, device=norm.device)
    if size.shape not in ((), norm.shape) or not bool((size > 0).all()):
        raise ValueError(
            f"radius is {radius}; it must be positive, a number or one for each of {len(norm)} "
            "runs, for example 10.0"
        )
    return size.expand_as(norm).clone()
