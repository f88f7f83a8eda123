"""When runs fit and when they generalise, with those that were cut off before."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


def grokking_delay(
    steps: Tensor, train_accuracy: Tensor, test_accuracy: Tensor, threshold: float = 0.99
) -> float:
    """Steps between the first time the train and the first time the test accuracy is high enough.

    Args:
        steps: (T,) the steps at which the run was recorded, rising.
        train_accuracy, test_accuracy: (T,) accuracies between 0 and 1.
        threshold: "reached" means at or above it.

    Returns:
        ``first test step - first train step``, or nan when either never came: a run that was cut
        off before it generalised has no delay, it is *censored*. Later dips do not matter.

    Raises:
        ValueError: if the three do not have the same length.

    Source: the delay of Power et al. 2022, arXiv 2201.02177, with the threshold made explicit.

    >>> steps, train = torch.tensor([0, 10, 100, 1000]), torch.tensor([0.1, 1.0, 1.0, 1.0])
    >>> grokking_delay(steps, train, torch.tensor([0.0, 0.0, 0.5, 1.0]))
    990.0
    >>> grokking_delay(steps, train, torch.tensor([0.0, 0.0, 0.1, 0.2]))
    nan
    """
    if not len(steps) == len(train_accuracy) == len(test_accuracy):
        raise ValueError("steps, train_accuracy and test_accuracy must have the same length")
    fitted = [step for step, a in zip(steps, train_accuracy, strict=True) if a >= threshold]
    generalised = [step for step, a in zip(steps, test_accuracy, strict=True) if a >= threshold]
    if not fitted or not generalised:
        return float("nan")
    return float(generalised[0] - fitted[0])


def grokking_ratio(
    steps: Tensor, train_accuracy: Tensor, test_accuracy: Tensor, threshold: float = 0.99
) -> float:
    """The first step with a high test accuracy over the first with a high train accuracy.

    Arguments and errors as in :func:`grokking_delay`. Unlike the delay it has no unit, so runs with
    different learning rates can be compared.

    Returns:
        The ratio, or nan when either accuracy never came or the train one was there at step 0.

    Source: the definition of the delay of Power et al. 2022, taken as a ratio.

    >>> steps, train = torch.tensor([0, 10, 100, 1000]), torch.tensor([0.1, 1.0, 1.0, 1.0])
    >>> grokking_ratio(steps, train, torch.tensor([0.0, 0.0, 0.5, 1.0]))
    100.0
    """
    if not len(steps) == len(train_accuracy) == len(test_accuracy):
        raise ValueError("steps, train_accuracy and test_accuracy must have the same length")
    fitted = [step for step, a in zip(steps, train_accuracy, strict=True) if a >= threshold]
    generalised = [step for step, a in zip(steps, test_accuracy, strict=True) if a >= threshold]
    if not fitted or not generalised or fitted[0] == 0:
        return float("nan")
    return float(generalised[0]) / float(fitted[0])


def first_reach(
    steps: npt.ArrayLike, values: npt.ArrayLike | Tensor, threshold: float = 0.99
) -> npt.NDArray[np.float64]:
    """For each run, the first recorded step at which its value is at or above the threshold.

    Args:
        steps: (T,) rising steps.
        values: (T, ...) one column a run, for example ``history["test_accuracy"]``; an array, or a
            tensor on any device.

    Returns:
        float64 of shape (...): the step, or nan where the run never got there.

    Raises:
        ValueError: if values does not have one row a step, or there is no step.

    >>> first_reach([0, 10, 100], [[0.0, 0.0], [1.0, 0.2], [1.0, 0.4]])
    array([10., nan])
    """
    at, table = (
        np.asarray(steps, dtype=np.float64),
        np.asarray(torch.as_tensor(values).detach().cpu()),
    )
    if table.shape[:1] != at.shape or not at.size:
        raise ValueError(
            f"values has shape {table.shape} for {at.shape} steps; it needs one row a step, and at "
            "least one"
        )
    reached = table >= threshold
    return np.where(reached.any(axis=0), at[reached.argmax(axis=0)], np.nan)


def censored_median(values: Tensor) -> float:
    """The median of runs of which some never got there.

    A run that was cut off before it arrived is not a run without a value: it would have needed
    longer than all that was seen. So it counts as larger than every other, and the median is known
    as long as fewer than half of the runs are censored. For an even number of runs the median is
    the mean of the two middle values.

    Args:
        values: float of shape (S,), nan where a run is censored.

    Returns:
        The median, or nan when a censored run is (one of) the middle.

    Raises:
        ValueError: if there are no runs.

    Source: the median of the Kaplan-Meier estimate when all runs are watched equally long (Kaplan
    and Meier 1958).

    >>> censored_median(torch.tensor([300.0, 100.0, float("nan")]))
    300.0
    >>> censored_median(torch.tensor([100.0, float("nan"), float("nan")]))
    nan
    """
    if not len(values):
        raise ValueError("values is empty; wanted one a run, for example tensor([300.0, 100.0])")
    ordered = values.nan_to_num(nan=float("inf")).sort().values
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    return middle.item() if middle.isfinite() else float("nan")
