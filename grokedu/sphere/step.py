"""One step of training on a sphere with any optimizer of torch, and its use for many runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor

from grokedu.measures import l2_norm
from grokedu.models.parameters import Params, State
from grokedu.sphere.constraint import Sphere
from grokedu.training.machine import FUSED
from grokedu.training.optimizers import Adam, EachRun


def sphere_step(
    optimizer: torch.optim.Optimizer, compute_loss: Callable[[], Tensor], radius: float
) -> float:
    """One step of training on the sphere.

    The optimizer's own step, and then all its weights times one factor, so that their norm together
    is the radius. The optimizer's memory (Adam's running means) stays as its own step left it.

    Args:
        optimizer: any of ``torch.optim`` whose step needs no closure. Its weights are the tensors
            under "params" in each of its ``param_groups``; they are changed in place.
        compute_loss: returns the loss of the weights as they are now, a scalar tensor.
        radius: the norm of all weights together after the step.

    Returns:
        The loss before the step, as a float.

    Source: Liu et al. 2022, arXiv 2210.01117.

    >>> weight = torch.tensor([3.0, 4.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([weight], lr=1.0)
    >>> sphere_step(optimizer, lambda: weight @ torch.tensor([3.0, -6.0]), radius=5.0)
    -15.0
    >>> weight.tolist()  # a step to (0, 10), and back to norm 5
    [0.0, 5.0]
    """
    optimizer.zero_grad()
    loss = compute_loss()
    loss.backward()
    optimizer.step()
    weights = [w for group in optimizer.param_groups for w in group["params"]]
    with torch.no_grad():
        norm = torch.stack([w.square().sum() for w in weights]).sum().sqrt()
        for w in weights:
            w *= radius / norm
    return loss.item()


SphereStep = Callable[[torch.optim.Optimizer, Callable[[], Tensor], float], object]


@dataclass(frozen=True)
class SphereSteps(EachRun):
    """A step such as :func:`sphere_step` as an optimizer of :func:`grokedu.training.train`.

    Each run has a torch optimizer of its own and keeps the norm that it starts with. The step gets
    a loss whose gradient is the one that the loop has computed, and whose value tells nothing.

    Args:
        make, lr, weight_decay: as for :class:`grokedu.training.optimizers.EachRun`.
        move: called as ``move(optimizer, compute_loss, radius)``.

    >>> w, optimizer = {"w": torch.tensor([[3.0, 4.0]])}, SphereSteps(torch.optim.SGD, lr=1.0)
    >>> grads, state = {"w": torch.tensor([[3.0, -6.0]])}, optimizer.init(w)
    >>> optimizer.step(w, grads, state)[0]["w"]  # to (0, 10), and back to norm 5
    tensor([[0., 5.]])
    """

    move: SphereStep = sphere_step

    def init(self, params: Mapping[str, Tensor]) -> State:
        """The radii, (S,)."""
        return {"radius": torch.vmap(l2_norm)(dict(params))}

    def advance(
        self, optimizer: torch.optim.Optimizer, leaves: Sequence[Tensor], run: int, state: State
    ) -> None:
        """One step of one run, back to its radius."""
        slopes = [leaf.grad.clone() for leaf in leaves if leaf.grad is not None]
        for leaf in leaves:
            leaf.requires_grad_()
        with torch.enable_grad():
            self.move(
                optimizer,
                lambda: torch.stack(
                    [(w * g).sum() for w, g in zip(leaves, slopes, strict=True)]
                ).sum(),
                float(state["radius"][run]),
            )


@dataclass(frozen=True)
class TangentGradient:
    """A constraint of :func:`grokedu.training.train` that only takes out the radial part.

    The optimizer gets the gradients, and remembers them, without their part along the weights.

    Args:
        tangent: from one network's weights and gradients to its gradients, such as
            :func:`grokedu.sphere.tangent`; called for one run after the other.

    >>> from grokedu.sphere import tangent
    >>> w, g = {"w": torch.tensor([[1.0, 0.0]])}, {"w": torch.tensor([[5.0, 2.0]])}
    >>> TangentGradient(tangent).project_gradient(w, g, None)
    {'w': tensor([[0., 2.]])}
    """

    tangent: Callable[[dict[str, Tensor], dict[str, Tensor]], Mapping[str, Tensor]]

    def init(self, params: Params) -> None:
        """There is no state."""

    def step(self, params: Params, state: None) -> Params:
        """The weights as they are."""
        return params

    def project_gradient(self, params: Params, grads: Params, state: None) -> dict[str, Tensor]:
        """The gradients of each run along its sphere."""
        runs = len(next(iter(params.values())))
        each = [
            self.tangent(*({k: t[run] for k, t in both.items()} for both in (params, grads)))
            for run in range(runs)
        ]
        return {name: torch.stack([one[name] for one in each]) for name in grads}


def adam_on_sphere(
    move: SphereStep | None = None,
    *,
    betas: tuple[float, float] = (0.9, 0.999),
    gradient: Callable[[dict[str, Tensor], dict[str, Tensor]], Mapping[str, Tensor]] | None = None,
) -> dict[str, Any]:
    """What to give to :func:`grokedu.training.train` for Adam at a fixed norm.

    Args:
        move: a step of one's own, such as :func:`sphere_step`, for one run after the other; by
            default the constraint :class:`grokedu.sphere.Sphere`, for all runs at once.
        betas: Adam's.
        gradient: takes the radial part out of the gradient before Adam sees it, such as
            :func:`grokedu.sphere.tangent`; None leaves it in.

    >>> sorted(adam_on_sphere())
    ['constraint', 'optimizer']
    """
    if move is None:
        sphere = Sphere(gradient=gradient is not None)
        return {"optimizer": partial(Adam, betas=betas), "constraint": sphere}
    make = partial(torch.optim.Adam, betas=betas, fused=FUSED)
    return {
        "optimizer": partial(SphereSteps, make, move=move),
        "constraint": None if gradient is None else TangentGradient(gradient),
    }
