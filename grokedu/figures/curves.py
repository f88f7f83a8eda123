"""Train and test curves against the step, with the delay marked."""

from __future__ import annotations

import numpy as np

from grokedu.figures.style import (
    BLACK,
    ORANGE,
    TEST,
    TRAIN,
    Described,
    count,
    log_scale,
    median_and_band,
    panels,
)
from grokedu.measures.arrays import Array
from grokedu.training.runs import Runs


def curves(
    runs: Runs, *, threshold: float = 0.99, title: str = "", scale: str = "log"
) -> Described:
    """Accuracy and loss of train and test against the step.

    Lines are medians over the runs, bands reach from the lowest to the highest. The shaded stretch
    is the median delay: from the step at which half of the runs have a train accuracy of
    ``threshold`` to the one at which half have that test accuracy; where fewer than half ever do,
    the stretch is open and said to be so.

    Args:
        runs: of one setting, over seeds.
        threshold: what counts as fitted and as generalised.
        title: drawn above, if any.
        scale: of the step's axis, "log" or "linear".
    """
    figure, (left, right) = panels(2, width=9.2)
    after = runs.steps > 0
    steps = runs.steps[after]
    for name, line in (("train", TRAIN), ("test", TEST)):
        median_and_band(left, steps, runs[f"{name}_accuracy"][after], name, **line)
        median_and_band(right, steps, runs[f"{name}_loss"][after], name, **line)
    fitted, grokked = _half(runs.fitted_at(threshold)), _half(runs.grokked_at(threshold))
    for axes in (left, right):
        if scale == "log":
            log_scale(axes, "x")
        axes.set(xlabel="optimizer step", xlim=(1, steps[-1]))
        if np.isfinite(fitted):
            end = grokked if np.isfinite(grokked) else steps[-1]
            axes.axvspan(fitted, end, color=ORANGE, alpha=0.13, lw=0)
    mse = runs.config.get("loss") == "mse"
    left.set(ylabel="accuracy", ylim=(-0.03, 1.05))
    right.set(ylabel="loss (mean squared error)" if mse else "loss (nats)")
    log_scale(right, "y")
    words = _delay_in_words(fitted, grokked, int(runs.steps[-1]))
    left.set_title(words, fontsize=9, color=BLACK)
    left.legend(loc="lower right", frameon=False)
    if title:
        figure.suptitle(title)
    final = np.median(runs["test_accuracy"][-1])
    peak = np.median(runs["test_loss"].max(axis=0))
    named = f"{title}. " if title else ""
    ends = {name: np.median(runs[f"{name}_loss"][-1]) for name in ("train", "test")}
    figure.alt = (
        f"{named}Two panels of train and test curves of {count(len(runs), 'run')} against the "
        f"step, 1 to {steps[-1]}, on a {scale} axis. Left, accuracy: {words}; the median test "
        f"accuracy ends at {final:.2f}. Right, loss: the test loss peaks at {peak:.2g} and ends at "
        f"{ends['test']:.2g}, the train loss at {ends['train']:.2g}."
    )
    return figure


def _half(steps: Array) -> float:
    """The median over runs where censored ones count as never: nan if half of them are."""
    middle = float(np.median(np.where(np.isnan(steps), np.inf, steps)))
    return middle if np.isfinite(middle) else float("nan")


def _delay_in_words(fitted: float, grokked: float, last: int) -> str:
    if not np.isfinite(fitted):
        return "the train data is not fitted"
    if not np.isfinite(grokked):
        return f"fitted at {fitted:.0f}, not generalised by step {last}"
    return (
        f"fitted at {fitted:.0f}, generalised at {grokked:.0f}, {grokked / fitted:.0f} times later"
    )
