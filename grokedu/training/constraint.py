"""What the training loop asks of a constraint on the weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, cast

from grokedu.models.parameters import Params

Mapper = Callable[[Params], Params]


class Constraint(Protocol):
    """What the loop asks of a constraint on the weights, such as a sphere of fixed norm.

    Pure, with the run axis first. ``init`` sees the initial weights and its state never changes,
    so that nothing of it need be saved. A constraint may also have ``project_gradient(params,
    grads, state)``, which is called before the optimizer and returns the gradients to give it. A
    plain function from params to params, called after each step, is a constraint too.
    """

    def init(self, params: Params) -> Any:
        """The state, from the weights at the start."""
        ...

    def step(self, params: Params, state: Any) -> Params:
        """The constrained weights, after an optimizer step."""
        ...


def parts_of(
    constraint: Constraint | Mapper | None, params: Params
) -> tuple[Callable[..., Params] | None, Mapper | None]:
    """What to do to the gradients before, and to the weights after an optimizer step."""
    if constraint is None:
        return None, None
    if not hasattr(constraint, "init"):
        return None, constraint
    whole = cast(Constraint, constraint)
    state, project = whole.init(params), getattr(whole, "project_gradient", None)
    return (
        None if project is None else lambda weights, grads: project(weights, grads, state),
        lambda weights: whole.step(weights, state),
    )
