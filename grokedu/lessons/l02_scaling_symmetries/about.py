"""What lesson 02 is called, what it claims and what it asks in words."""

from __future__ import annotations

from grokedu.classroom.lesson import Lesson

lesson = Lesson("02_scaling_symmetries", "Scaling symmetries of the weight norm")

lesson.claim(
    "norm-of-function",
    "networks that compute the same function have about the same weight norm.",
    "the same, within a factor of 2",
    "within a factor of 10",
    "there is no bound",
)
lesson.claim(
    "norm-excess",
    "a trained network's weight norm is much larger than the least norm on its orbit.",
    "more than twice as large",
    "more than a tenth larger",
    "nearly the least there is",
)
lesson.claim(
    "charge-kept",
    "training keeps the charge that gradient flow conserves.",
    "with every optimizer",
    "with plain gradient descent at small steps",
    "with none",
)
lesson.claim(
    "norms-equal",
    "under weight decay the tensors on the path to the logits end with equal norms, "
    "and all others go to zero.",
    "both parts are true",
    "the first, but not the second",
    "neither is true",
)
lesson.claim(
    "orbit-start",
    "where on its orbit a network starts makes no difference to training.",
    "no difference at all",
    "not to where it ends, but to when",
    "a difference to both",
)
lesson.claim(
    "flatness",
    "how flat a minimum is belongs to the function that the network computes.",
    "flatness stays",
    "it changes at most tenfold",
    "it has no upper bound",
)

lesson.reflection(
    "meaningless",
    (1, "says what is right: the same function has weights of any norm from the least one up"),
    (1, "says what survives: the least norm, or another number that is the same on all the orbit"),
    (1, "uses a measured number to say how far norm and least norm were apart after training"),
)
lesson.reflection(
    "equal-norms",
    (
        1,
        "says which equalities symmetry and weight decay explain together, and which not",
    ),
    (1, "says why the argument does not hold for AdamW as it stands, or at a finite time"),
    (1, "names an experiment that could tell a reason for W_E = W_U from a coincidence"),
)
