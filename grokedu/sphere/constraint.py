"""A fixed weight norm: projecting weights to a sphere and gradients to its tangent plane.

A constraint is an object with three pure functions, called by a training loop::

    state = constraint.init(params)                          # before the first step
    grads = constraint.project_gradient(params, grads, state)  # before the optimizer's step
    params = constraint.step(params, state)                  # after the optimizer's step

:class:`Sphere` is one. Tensors have a leading run axis, and every run has its own radius.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from grokedu.measures import named, vectors

Params = Mapping[str, Tensor]
State = dict[str, Tensor]


class Constraint(Protocol):
    """What a training loop asks of a constraint."""

    def init(self, params: Params) -> State:
        """The state, from the weights before the first step."""
        ...

    def project_gradient(self, params: Params, grads: Params, state: State) -> dict[str, Tensor]:
        """The gradients that the optimizer gets."""
        ...

    def step(self, params: Params, state: State) -> dict[str, Tensor]:
        """The weights brought back to where they must be."""
        ...


def project_to_sphere(
    params: Params, radius: float | Tensor, *, run_axis: bool = False
) -> dict[str, Tensor]:
    """All weights multiplied by one factor, so that their norm together is the radius.

    The formula: ``w * radius / |w|``, with the norm of all tensors together; it is the nearest
    point of the sphere. A factor for each tensor of its own would be another constraint, and
    another function.

    Args:
        params: name to tensor.
        radius: a positive number, or (S,) one a run.
        run_axis: whether the first axis of every tensor counts runs.

    Raises:
        ValueError: for a radius that is not positive or not one a run, or weights that are all zero
            or lie on different devices. Weights that are nan stay so: a run that has diverged does
            not end the others.

    Source: Liu et al. 2022, arXiv 2210.01117.

    >>> project_to_sphere({"A": torch.tensor([3.0]), "W": torch.tensor([4.0])}, 10.0)
    {'A': tensor([6.]), 'W': tensor([8.])}
    """
    norm = _norm(params, run_axis)
    size = _radius(radius, norm)
    if bool((norm == 0).any()):
        raise ValueError(f"the weights {', '.join(params)} are all zero: they have no direction")
    factor = size / norm
    return {name: tensor * _across(factor, tensor) for name, tensor in params.items()}


def tangent(params: Params, grads: Params, *, run_axis: bool = False) -> dict[str, Tensor]:
    """The part of a gradient, or of an update, along the sphere: its radial part taken out.

    The formula, with inner product and norm over all tensors together: ``g - (<w, g> / |w|^2) w``.

    Args:
        params: the weights.
        grads: for the same names, of the same shapes.
        run_axis: whether the first axis of every tensor counts runs.

    Raises:
        ValueError: where names or shapes differ, or the weights are all zero.

    >>> tangent({"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([5.0, 2.0])})
    {'w': tensor([0., 2.])}
    """
    if params.keys() != grads.keys() or any(params[k].shape != grads[k].shape for k in params):
        shapes = [{k: tuple(t.shape) for k, t in one.items()} for one in (params, grads)]
        raise ValueError(f"the weights are {shapes[0]} and the gradients {shapes[1]}; wanted alike")
    norm = _norm(params, run_axis)
    if bool((norm == 0).any()):
        raise ValueError(f"the weights {', '.join(params)} are all zero: they have no tangent")
    products = {k: vectors(params[k] * grads[k], run_axis=run_axis) for k in params}
    along = torch.stack([one.sum(dim=-1) for one in products.values()]).sum(dim=0) / norm.square()
    return {k: grads[k] - _across(along, params[k]) * params[k] for k in params}


def polar(params: Params, *, run_axis: bool = False) -> tuple[Tensor, dict[str, Tensor]]:
    """Weights as a radius and a direction: ``w = r u`` with ``|u| = 1``.

    >>> radius, direction = polar({"A": torch.tensor([3.0]), "W": torch.tensor([4.0])})
    >>> radius.item(), round(direction["W"].item(), 6)
    (5.0, 0.8)
    """
    return _norm(params, run_axis), project_to_sphere(params, 1.0, run_axis=run_axis)


def polar_loss(
    loss: Callable[[dict[str, Tensor]], Tensor], radius: Tensor | float, direction: Params
) -> Tensor:
    """The loss as a function of radius and direction, differentiable in both.

    For a homogeneous network of degree L, ``f(r u) = r^L f(u)``: the radius is a temperature. Along
    it the loss changes, and which class has the largest logit does not, so that it alone cannot
    change the accuracy; it can change where the direction goes from here.

    Args:
        loss: from a dictionary of weights to a scalar.
        radius: a number, or a scalar tensor that may require a gradient.
        direction: weights of norm 1.

    >>> polar_loss(lambda w: w["w"].square().sum(), 3.0, {"w": torch.tensor([0.6, 0.8])}).item()
    9.0
    """
    return loss({name: radius * tensor for name, tensor in direction.items()})


@dataclass(frozen=True)
class Sphere:
    """The constraint of a fixed norm, run by run.

    Attributes:
        radius: a number, or (S,) one a run; None keeps each run's norm at the first step.
        per_tensor: each tensor keeps a norm of its own, instead of all together one; then the
            radius must be None.
        gradient: also take the radial part out of the gradient before the optimizer sees it. With
            Adam this matters: a radial part that the projection would undo enters its moments.
        run_axis: whether the first axis of every tensor counts runs.

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
    run_axis: bool = True

    def __post_init__(self) -> None:
        if self.per_tensor and self.radius is not None:
            raise ValueError("a radius is given and per_tensor set; a tensor keeps its own norm")

    def init(self, params: Params) -> State:
        """The radii: "radius", or "radius/NAME" for each tensor."""
        state = {}
        for key, group in self._groups(params).items():
            norm = _norm(group, self.run_axis).detach()
            if bool((norm == 0).any()):
                raise ValueError(
                    f"{', '.join(group)} has norm 0, and so no direction on a sphere; wanted "
                    "weights that are not all zero, or one sphere for all tensors together"
                )
            if self.radius is not None:
                norm = _radius(self.radius, norm).expand_as(norm).clone()
            state[key] = norm
        return state

    def project_gradient(self, params: Params, grads: Params, state: State) -> dict[str, Tensor]:
        """The gradients without their radial part where ``gradient`` is set, else as they are."""
        if not self.gradient:
            return dict(grads)
        projected: dict[str, Tensor] = {}
        for group in self._groups(params).values():
            some = {name: grads[name] for name in group}
            projected |= tangent(group, some, run_axis=self.run_axis)
        return projected

    def step(self, params: Params, state: State) -> dict[str, Tensor]:
        """The weights rescaled to their radii."""
        projected: dict[str, Tensor] = {}
        for key, group in self._groups(params).items():
            projected |= project_to_sphere(group, state[key], run_axis=self.run_axis)
        return projected

    def _groups(self, params: Params) -> dict[str, Params]:
        if not self.per_tensor:
            return {"radius": params}
        return {f"radius/{name}": {name: tensor} for name, tensor in params.items()}


def _norm(params: Params, run_axis: bool) -> Tensor:
    """As :func:`grokedu.measures.l2_norm`, and differentiable."""
    tensors = named(params, run_axis=run_axis).values()
    return torch.stack([vectors(t, run_axis=run_axis).norm(dim=-1) for t in tensors]).norm(dim=0)


def _radius(radius: float | Tensor, norm: Tensor) -> Tensor:
    size = torch.as_tensor(radius, dtype=norm.dtype, device=norm.device)
    if size.shape not in ((), norm.shape) or not bool((size > 0).all()):
        runs = f", a number or one for each of {len(norm)} runs" if norm.ndim else ""
        raise ValueError(f"radius is {radius}; it must be positive{runs}, for example 10.0")
    return size


def _across(value: Tensor, like: Tensor) -> Tensor:
    """A number, or one a run, shaped to multiply the leading axis."""
    return value.reshape(-1, *[1] * (like.ndim - 1)) if value.ndim else value
