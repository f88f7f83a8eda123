"""What lesson 03 is called, what it claims and what it asks in words."""

from __future__ import annotations

from grokedu.classroom.lesson import Lesson

lesson = Lesson("03_sphere", "Training on a sphere")

lesson.claim(
    "right-of-best",
    "kept at a norm above the best one, a network fits few data and does not generalise.",
    "at every larger norm",
    "in a window of norms",
    "at no larger norm",
)
lesson.claim(
    "delay-gone",
    "at a fixed weight norm a network generalises as soon as it fits.",
    "whatever the network and the loss",
    "it depends on network and loss",
    "in none of those tried",
)
lesson.claim(
    "memorising",
    "holding the norm keeps a network from memorising first.",
    "yes: nothing is memorised",
    "it memorises less",
    "no: as much as before",
)
lesson.claim(
    "radius-dial",
    "a larger radius delays generalising through the scale of the logits, not the angle of a step.",
    "through the scale of the logits",
    "through the angle of a step",
    "through both",
    "through neither",
)
lesson.claim(
    "step-size",
    "what a large norm costs is the small angle of Adam's steps.",
    "all of it",
    "the train error, but not the test error",
    "neither",
)
lesson.claim(
    "density",
    "of the networks that fit, fewer generalise the larger the norm.",
    "with and without biases",
    "with biases alone",
    "in neither",
)

lesson.reflection(
    "radius",
    (1, "derives that the radius of a homogeneous network multiplies all logits by one number"),
    (
        1,
        "says what follows for the accuracy, and what can still change with the radius in training",
    ),
    (1, "names a part of a real network for which the derivation fails, and why"),
)
lesson.reflection(
    "critique",
    (1, "says, with numbers, how much of the train error the step size explains"),
    (1, "says the same of the test error, and what that leaves open"),
    (1, "names an experiment that could tell more, what it holds fixed, and what would show"),
)
