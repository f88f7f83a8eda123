"""Training at a fixed weight norm, and what the norm does to the size of a step."""

from grokedu.sphere.constraint import (
    Constraint,
    Sphere,
    polar,
    polar_loss,
    project_to_sphere,
    tangent,
)
from grokedu.sphere.optimizer import SphereOptimizer
from grokedu.sphere.rotation import (
    adam_step_bound,
    angular_step,
    effective_learning_rate,
    equilibrium_angle,
    scaled_lr,
    update_measures,
)

__all__ = [
    "Constraint",
    "Sphere",
    "SphereOptimizer",
    "adam_step_bound",
    "angular_step",
    "effective_learning_rate",
    "equilibrium_angle",
    "polar",
    "polar_loss",
    "project_to_sphere",
    "scaled_lr",
    "tangent",
    "update_measures",
]
