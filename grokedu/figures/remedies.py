"""What each remedy leaves of a cost: train loss and errors of the arms of an experiment."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from grokedu.figures.style import BLUE, GREEN, VERMILION, Described, log_scale, panels
from grokedu.measures.arrays import Array


def remedies(found: Mapping[str, Mapping[str, Array]], *, title: str = "") -> Described:
    """A row an arm: left the train loss, right the train and test error, a marker a run.

    Args:
        found: from what to call an arm to its measures at the end, (S,) each: train_loss,
            train_error and test_error.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=9.6, height=1.5 + 0.42 * len(found), left=2.2, gap=0.4)
    said = []
    for at, (name, measures) in enumerate(found.items()):
        for axes, measure, style in (
            (left, "train_loss", {"color": GREEN, "marker": "^"}),
            (right, "train_error", {"color": BLUE, "marker": "s", "mfc": "none"}),
            (right, "test_error", {"color": VERMILION, "marker": "o"}),
        ):
            values = measures[measure]
            label = measure.replace("_", " ") if at == 0 else None
            axes.plot(values, np.full(len(values), -at), ls="", ms=5, label=label, **style)
        middle = {measure: np.median(values) for measure, values in measures.items()}
        said.append(
            f"{name}: train loss {middle['train_loss']:.2g}, train error "
            f"{middle['train_error']:.2f}, test error {middle['test_error']:.2f}"
        )
    log_scale(left, "x")
    left.set(xlabel="train loss at the end")
    right.set(xlabel="error at the end", xlim=(-0.03, 1.0))
    left.set_yticks(-np.arange(len(found)), [*found], fontsize=8)
    right.set_yticks(-np.arange(len(found)), [""] * len(found))
    right.legend(frameon=False, fontsize=8)
    if title:
        figure.suptitle(title, fontsize=10)
    figure.alt = (
        "Train loss, on a log axis, and train and test error at the end of training, a row for "
        f"each arm and a marker for each run; medians: {'; '.join(said)}."
    )
    return figure
