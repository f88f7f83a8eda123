"""Accuracy and norm of a descent, with the steps at which it fitted and generalised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from grokedu.figures.style import (
    BLACK,
    TEST,
    TRAIN,
    Described,
    count,
    log_scale,
    median_and_band,
    panels,
)
from grokedu.measures.arrays import Array


def accuracy_and_norm(
    steps: Sequence[int], history: Mapping[str, Array], *, title: str = ""
) -> Described:
    """Left train and test accuracy, right the L2 norm, against the step on a log axis.

    Args:
        steps: (T,) recorded steps.
        history: train_accuracy, test_accuracy and l2_norm, (T, S) each.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=9.2)
    at = np.array(steps)
    after = at > 0
    for part, style in (("train", TRAIN), ("test", TEST)):
        values = history[f"{part}_accuracy"][after]
        median_and_band(left, at[after], values, part, **style)
    median_and_band(right, at[after], history["l2_norm"][after], "all weights", color=BLACK)
    left.set(ylim=(-0.03, 1.05), ylabel="accuracy")
    right.set(ylabel="L2 norm")
    right.set_ylim(bottom=0)
    for axes in (left, right):
        log_scale(axes, "x")
        axes.set_xlabel("optimizer step")
    left.legend(frameon=False, fontsize=8)
    if title:
        figure.suptitle(title, fontsize=10)
    ends = {name: np.median(values[-1]) for name, values in history.items()}
    fit = history["train_accuracy"] >= 0.99
    said = "the train accuracy does not reach 0.99"
    if fit.any(axis=0).all():
        first = fit.argmax(axis=0)
        there = history["test_accuracy"][first, np.arange(len(first))]
        said = (
            f"at the median step {np.median(at[first]):.0f} the train accuracy reaches 0.99 with a "
            f"test accuracy of {np.median(there):.2f}"
        )
    figure.alt = (
        f"Accuracy and norm of {count(history['l2_norm'].shape[1], 'run')} against the step on a "
        f"log axis; {said}; at step {at[-1]} the test accuracy is {ends['test_accuracy']:.2f}. The "
        f"norm goes from {np.median(history['l2_norm'][0]):.1f} to {ends['l2_norm']:.1f}."
    )
    return figure
