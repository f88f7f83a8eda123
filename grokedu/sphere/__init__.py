"""Training at a fixed weight norm, and what the norm does to the size of a step."""

from grokedu.sphere.constraint import Sphere, project_to_sphere, tangent
from grokedu.sphere.cost import share_explained
from grokedu.sphere.density import generalising_share, random_on_sphere
from grokedu.sphere.landscape import Landscape, alpha_landscape
from grokedu.sphere.optimizer import SphereOptimizer
from grokedu.sphere.polar import polar_loss
from grokedu.sphere.rotation import angular_step, effective_learning_rate, scaled_lr
from grokedu.sphere.step import (
    SphereStep,
    SphereSteps,
    TangentGradient,
    adam_on_sphere,
    sphere_step,
)

__all__ = [
    "Landscape",
    "Sphere",
    "SphereOptimizer",
    "SphereStep",
    "SphereSteps",
    "TangentGradient",
    "adam_on_sphere",
    "alpha_landscape",
    "angular_step",
    "effective_learning_rate",
    "generalising_share",
    "polar_loss",
    "project_to_sphere",
    "random_on_sphere",
    "scaled_lr",
    "share_explained",
    "sphere_step",
    "tangent",
]
