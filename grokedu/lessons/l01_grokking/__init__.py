"""Lesson 01: a network that memorises, and understands long after."""

from __future__ import annotations

from grokedu.lessons.l01_grokking.about import lesson
from grokedu.lessons.l01_grokking.delay import censored_median, grokking_delay, grokking_ratio
from grokedu.lessons.l01_grokking.network import (
    average_log_prob,
    cross_entropy,
    forward,
    train_step,
)
from grokedu.lessons.l01_grokking.task import modular_addition, train_test_split

hint, reference, ready = lesson.hint, lesson.reference, lesson.ready
reset, predict, settle = lesson.reset, lesson.predict, lesson.settle

__all__ = [
    "average_log_prob",
    "censored_median",
    "cross_entropy",
    "forward",
    "grokking_delay",
    "grokking_ratio",
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
