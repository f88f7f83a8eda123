"""Training at a fixed weight norm, and what the norm does to the size of a step."""

from grokedu.sphere.constraint import (
    Constraint,
    Sphere,
    polar,
    polar_loss,
    project_to_sphere,
    tangent,
)
from grokedu.sphere.density import (
    Density,
    guess_and_check,
    random_on_sphere,
    walk_among_fitting,
)
from grokedu.sphere.descent import Descent, Split, descend, scaled_copies
from grokedu.sphere.landscape import Landscape, alpha_landscape
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
    "Density",
    "Descent",
    "Landscape",
    "Sphere",
    "SphereOptimizer",
    "Split",
    "adam_step_bound",
    "alpha_landscape",
    "angular_step",
    "descend",
    "effective_learning_rate",
    "equilibrium_angle",
    "guess_and_check",
    "polar",
    "polar_loss",
    "project_to_sphere",
    "random_on_sphere",
    "scaled_copies",
    "scaled_lr",
    "tangent",
    "update_measures",
    "walk_among_fitting",
]
