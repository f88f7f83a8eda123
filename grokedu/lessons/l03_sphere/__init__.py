"""Lesson 03: what is left of grokking when the weight norm is held."""

from __future__ import annotations

from grokedu.lessons.l03_sphere.about import lesson
from grokedu.lessons.l03_sphere.angle import angular_step, effective_learning_rate
from grokedu.lessons.l03_sphere.constraint import project_to_sphere, tangent
from grokedu.lessons.l03_sphere.critique import generalising_share, share_explained
from grokedu.lessons.l03_sphere.polar import polar_loss
from grokedu.lessons.l03_sphere.step import sphere_step

hint, reference, ready = lesson.hint, lesson.reference, lesson.ready
reset, predict, settle = lesson.reset, lesson.predict, lesson.settle

__all__ = [
    "angular_step",
    "effective_learning_rate",
    "generalising_share",
    "hint",
    "lesson",
    "polar_loss",
    "predict",
    "project_to_sphere",
    "ready",
    "reference",
    "reset",
    "settle",
    "share_explained",
    "sphere_step",
    "tangent",
]
