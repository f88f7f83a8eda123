"""Lesson 02: one function, many norms."""

from __future__ import annotations

from grokedu.lessons.l02_scaling_symmetries.about import lesson
from grokedu.lessons.l02_scaling_symmetries.flow import conserved_charge, sharpness_along_orbit
from grokedu.lessons.l02_scaling_symmetries.least import balance, norm_along_orbit
from grokedu.lessons.l02_scaling_symmetries.networks import homogeneity_degree, path_norm
from grokedu.lessons.l02_scaling_symmetries.neurons import rescale_neurons, symmetry_of

hint, reference, ready = lesson.hint, lesson.reference, lesson.ready
reset, predict, settle = lesson.reset, lesson.predict, lesson.settle

__all__ = [
    "balance",
    "conserved_charge",
    "hint",
    "homogeneity_degree",
    "lesson",
    "norm_along_orbit",
    "path_norm",
    "predict",
    "ready",
    "reference",
    "rescale_neurons",
    "reset",
    "settle",
    "sharpness_along_orbit",
    "symmetry_of",
]
