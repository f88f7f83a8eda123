"""What lesson 01 is called, what it claims and what it asks in words."""

from __future__ import annotations

from grokedu.classroom.lesson import Lesson

lesson = Lesson("01_grokking", "Grokking")

lesson.claim(
    "norm-falls",
    "when a network groks, its weight norm has fallen from a peak.",
    "in every run",
    "in some runs",
    "in none",
)
lesson.claim(
    "metrics-tell",
    "a plain number that needs no test labels tells whether a network has grokked.",
    "the weight norm",
    "the train loss",
    "the average log-probability",
    "a comparison of train and test inputs",
    "nothing",
)
lesson.claim(
    "delay-law",
    "the delay is inversely proportional to the weight decay.",
    "at every weight decay",
    "in a window",
    "nowhere",
)

lesson.reflection(
    "norm",
    (1, "says what the norm did in at least two settings, with numbers from the experiments"),
    (1, "separates what was seen (they move together, or do not) from what was not shown (cause)"),
    (1, "names an experiment that would separate norm from weight decay, and what it would show"),
)
lesson.reflection(
    "censored",
    (1, "says what goes wrong when runs that never grokked are dropped, with the direction"),
    (1, "says what can and what cannot be known about such a run"),
)
