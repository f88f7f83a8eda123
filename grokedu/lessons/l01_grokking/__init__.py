"""Lesson 01: a network that memorises, and understands long after."""

from __future__ import annotations

from grokedu.lessons.l01_grokking.about import lesson
from grokedu.lessons.l01_grokking.data import modular_addition, train_test_split
from grokedu.lessons.l01_grokking.network import (
    average_log_prob,
    cross_entropy,
    forward,
    train_step,
)
from grokedu.lessons.l01_grokking.timing import censored_median, grokking_delay

hint, reference, ready = lesson.hint, lesson.reference, lesson.ready
reset, predict, settle = lesson.reset, lesson.predict, lesson.settle

__all__ = [
    "average_log_prob",
    "censored_median",
    "cross_entropy",
    "forward",
    "grokking_delay",
    "hint",
    "lesson",
    "modular_addition",
    "predict",
    "ready",
    "reference",
    "reset",
    "settle",
    "train_step",
    "train_test_split",
]
