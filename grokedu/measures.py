"""What one can measure on a network while it trains: losses, accuracy, norms and the delay.

Logits have shape (..., n, classes); leading axes (runs, checkpoints) are kept. Labels have shape
(n,), shared by all of them, or (..., n). Whether a measure may look at labels, at test inputs or
at the future is part of its definition and is said with each.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

Params = Mapping[str, Tensor]


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy of the labels, in nats.

    The formula, with the mean over the n examples::

        mean_i [ log(sum_c exp(logits[i, c])) - logits[i, labels[i]] ]

    The logarithm of the sum is taken by ``logsumexp``, so that logits of size 1000 are no problem.
    It sees labels.

    Args:
        logits: float of shape (..., n, classes); axes before the last two are kept.
        labels: int64 of shape (n,), or (..., n) with a row for each leading index.

    Returns:
        The loss, of shape (...): a scalar tensor for logits of shape (n, classes).

    Source: the definition; see PyTorch's ``torch.nn.functional.cross_entropy`` for the scalar case.

    >>> logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    >>> round(cross_entropy(logits, torch.tensor([0, 1])).item(), 4)  # log 2: no better than a coin
    0.6931
    >>> cross_entropy(torch.tensor([[1000.0, 0.0]]), torch.tensor([0])).item()
    0.0
    """
    labels = labels.expand(logits.shape[:-1])
    chosen = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return (logits.logsumexp(dim=-1) - chosen).mean(dim=-1)


def average_log_prob(logits: Tensor) -> Tensor:
    """The mean log-probability over all inputs *and all classes*, in nats.

    The formula, with both means taken for each run on its own::

        mean_i mean_c [ logits[i, c] - log(sum_k exp(logits[i, k])) ]

    No label enters: its negative is the loss one would have if labels were uniform and had nothing
    to do with the predictions. A network that is sure of itself scores very low.

    Args:
        logits: float of shape (..., n, classes); axes before the last two are kept.

    Returns:
        The average, of shape (...); never above ``-log(classes)``, which flat logits reach.

    Source: the null model of a uniform label, from the definition of the log-softmax.

    >>> round(average_log_prob(torch.zeros(5, 2)).item(), 4)  # -log 2, for flat logits
    -0.6931
    >>> round(average_log_prob(torch.tensor([[10.0, 0.0]])).item(), 3)
    -5.0
    """
    log_probs = logits - logits.logsumexp(dim=-1, keepdim=True)
    return log_probs.mean(dim=(-2, -1))


def mean_squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean squared distance of the logits from the one-hot labels.

    The mean is over the n examples and over the classes, as in Liu et al. 2022 (arXiv 2210.01117).
    It sees labels. Shapes as in :func:`cross_entropy`.

    >>> mean_squared_error(torch.zeros(3, 4), torch.tensor([0, 1, 2])).item()  # one wrong of four
    0.25
    """
    one_hot = nn.functional.one_hot(labels, logits.shape[-1]).to(logits.dtype)
    return (logits - one_hot).square().mean(dim=(-2, -1))


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """The share of examples whose largest logit is the label's. It sees labels.

    Shapes as in :func:`cross_entropy`; the result is float, of shape (...).

    >>> accuracy(torch.tensor([[2.0, 1.0], [2.0, 1.0]]), torch.tensor([0, 1])).item()
    0.5
    """
    return (logits.argmax(dim=-1) == labels).to(logits.dtype).mean(dim=-1)


def tensor_norms(params: Params | nn.Module, *, run_axis: bool = False) -> dict[str, Tensor]:
    """The L2 norm of each parameter tensor, by name.

    Args:
        params: a dictionary of tensors, or a module, whose named parameters are taken.
        run_axis: whether the first axis of every tensor counts runs; then each norm has shape (S,).

    >>> {k: v.item() for k, v in tensor_norms({"A": torch.ones(2, 2), "W": torch.ones(1)}).items()}
    {'A': 2.0, 'W': 1.0}
    """
    start = 1 if run_axis else 0
    return {
        name: tensor.detach().reshape(*tensor.shape[:start], -1).norm(dim=-1)
        for name, tensor in _named(params).items()
    }


def l2_norm(params: Params | nn.Module, *, run_axis: bool = False) -> Tensor:
    """The L2 norm of all weights together: the square root of the sum of all squares.

    Arguments as in :func:`tensor_norms`; the result is a scalar, or of shape (S,) with a run axis.

    >>> l2_norm({"A": torch.tensor([3.0]), "W": torch.tensor([[4.0]])}).item()
    5.0
    >>> l2_norm({"A": torch.ones(3, 4)}, run_axis=True).tolist()  # three runs of four weights
    [2.0, 2.0, 2.0]
    """
    norms = tensor_norms(params, run_axis=run_axis)
    return torch.stack(list(norms.values())).norm(dim=0)


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
    steps: npt.ArrayLike, values: npt.ArrayLike, threshold: float = 0.99
) -> npt.NDArray[np.float64]:
    """For each run, the first recorded step at which its value is at or above the threshold.

    Args:
        steps: (T,) rising steps.
        values: (T, ...) one column a run, for example ``history["test_accuracy"]``.

    Returns:
        float64 of shape (...): the step, or nan where the run never got there.

    Raises:
        ValueError: if values does not have one row a step.

    >>> first_reach([0, 10, 100], [[0.0, 0.0], [1.0, 0.2], [1.0, 0.4]])
    array([10., nan])
    """
    at, table = np.asarray(steps, dtype=np.float64), np.asarray(values)
    if table.shape[:1] != at.shape:
        raise ValueError(
            f"values has shape {table.shape} for {at.shape} steps; it needs one row a step"
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


def _named(params: Params | nn.Module) -> Params:
    named = dict(params.named_parameters()) if isinstance(params, nn.Module) else params
    if not named:
        raise ValueError("no parameters were given; wanted a dictionary such as {'W': tensor}")
    return named
