"""Any torch optimizer on a sphere: its own step, then one rescaling of all weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from grokedu.sphere.constraint import Sphere
from grokedu.sphere.rotation import scaled_lr


class SphereOptimizer:
    """A torch optimizer whose weights keep their norm.

    Each step is the wrapped optimizer's, whose moments stay untouched, followed by the rescaling of
    :func:`grokedu.sphere.project_to_sphere`. Weight decay would only be undone; give it 0. A
    scheduler is given the wrapped optimizer, ``.optimizer``.

    Args:
        optimizer: any ``torch.optim`` optimizer; all its parameters lie on the sphere.
        radius: the norm to keep; by default the present one.
        per_tensor: each tensor keeps its own norm, instead of all together one.
        gradient: also take the radial part out of the gradient before the wrapped optimizer, and
            its moments, see it.
        reference: where given, the learning rates are multiplied by radius / reference, so that a
            network on a large sphere turns by the same angle a step under Adam.

    Raises:
        ValueError: for parameters with a norm of 0, or a radius or reference that is not positive.

    Source: Liu et al. 2022 (arXiv 2210.01117).

    >>> weight = torch.nn.Parameter(torch.tensor([3.0, 4.0]))
    >>> optimizer = SphereOptimizer(torch.optim.SGD([weight], lr=1.0))
    >>> weight.grad = torch.tensor([3.0, -6.0])
    >>> optimizer.step()  # to (0, 10), and back to norm 5
    >>> weight.data
    tensor([0., 5.])
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        radius: float | None = None,
        per_tensor: bool = False,
        gradient: bool = False,
        reference: float | None = None,
    ) -> None:
        self.optimizer = optimizer
        self.sphere = Sphere(radius, per_tensor, gradient)
        weights = self._weights()
        self.radii = self.sphere.init(weights)
        if reference is not None:
            if per_tensor:
                raise ValueError("reference goes with one sphere for all weights, not per_tensor")
            factor = scaled_lr(1.0, float(self.radii["radius"]), reference)
            for group in optimizer.param_groups:
                group["lr"] *= factor
        self._write(self.sphere.step(weights, self.radii))

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The wrapped optimizer's groups."""
        return self.optimizer.param_groups

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients."""
        self.optimizer.zero_grad(set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """The wrapped optimizer's step, then back to the sphere.

        Args:
            closure: as torch has it: computes the loss with its gradients, and returns it.
        """
        if closure is None:
            self._project_gradients()
            loss = self.optimizer.step()
        else:
            loss = self.optimizer.step(self._with_projection(closure))
        self._write(self.sphere.step(self._weights(), self.radii))
        return loss

    def state_dict(self) -> dict[str, Any]:
        """The wrapped optimizer's state and the radii."""
        return {"optimizer": self.optimizer.state_dict(), "radii": dict(self.radii)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.radii = {name: state["radii"][name].to(radius) for name, radius in self.radii.items()}

    def _parameters(self) -> dict[str, Tensor]:
        every = [p for group in self.optimizer.param_groups for p in group["params"]]
        return {str(at): p for at, p in enumerate(every)}

    def _weights(self) -> dict[str, Tensor]:
        """The weights as :class:`Sphere` takes them: a leading axis of one run."""
        return {name: p.detach().unsqueeze(0) for name, p in self._parameters().items()}

    def _write(self, weights: dict[str, Tensor]) -> None:
        with torch.no_grad():
            for name, parameter in self._parameters().items():
                parameter.copy_(weights[name].squeeze(0))

    def _project_gradients(self) -> None:
        if not self.sphere.gradient:
            return
        parameters = self._parameters()
        # Where there is no gradient the projection of the others still has a part.
        grads = {
            name: (torch.zeros_like(p) if p.grad is None else p.grad).unsqueeze(0)
            for name, p in parameters.items()
        }
        projected = self.sphere.project_gradient(self._weights(), grads, self.radii)
        for name, parameter in parameters.items():
            if parameter.grad is not None:
                parameter.grad.copy_(projected[name].squeeze(0))

    def _with_projection(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        def projected() -> Any:
            with torch.enable_grad():
                loss = closure()
            self._project_gradients()
            return loss

        return projected
