"""Losses and accuracy of logits.

The cross-entropy and the average log-probability take the logits of one network, (n, classes), and
``torch.vmap`` lifts them to many. The accuracy and the squared error also take (..., n, classes)
and keep the leading axes, with labels of shape (n,), shared by all networks, or (..., n).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy of the labels, in nats.

    The formula, with the mean over the n examples::

        mean_i [ log(sum_c exp(logits[i, c])) - logits[i, labels[i]] ]

    The logarithm of the sum is taken by ``logsumexp``, so that logits of size 1000 are no problem.
    It sees labels.

    Args:
        logits: float of shape (n, classes).
        labels: int64 of shape (n,).

    Returns:
        The loss, a scalar tensor.

    Source: the definition; PyTorch's ``torch.nn.functional.cross_entropy`` computes the same.

    >>> logits = torch.tensor([[0.0, 0.0], [0.0, 0.0]])
    >>> round(cross_entropy(logits, torch.tensor([0, 1])).item(), 4)  # log 2: no better than a coin
    0.6931
    >>> cross_entropy(torch.tensor([[1000.0, 0.0]]), torch.tensor([0])).item()
    0.0
    """
    chosen = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
    return (logits.logsumexp(dim=1) - chosen).mean()


def average_log_prob(logits: Tensor) -> Tensor:
    """The mean log-probability over all inputs *and all classes*, in nats.

    The formula::

        mean_i mean_c [ logits[i, c] - log(sum_k exp(logits[i, k])) ]

    No label enters: its negative is the loss one would have if labels were uniform and had nothing
    to do with the predictions. A network that is sure of itself scores very low.

    Args:
        logits: float of shape (n, classes).

    Returns:
        The average, a scalar tensor; never above ``-log(classes)``, which flat logits reach.

    Source: the null model of a uniform label, from the definition of the log-softmax.

    >>> round(average_log_prob(torch.zeros(5, 2)).item(), 4)  # -log 2, for flat logits
    -0.6931
    >>> round(average_log_prob(torch.tensor([[10.0, 0.0]])).item(), 3)
    -5.0
    """
    log_probs = logits - logits.logsumexp(dim=1, keepdim=True)
    return log_probs.mean()


def mean_squared_error(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean squared distance of the logits from the one-hot labels.

    The mean is over the n examples and over the classes, as in Liu et al. 2022 (arXiv 2210.01117).
    It sees labels.

    Args:
        logits: float of shape (..., n, classes).
        labels: int64 of shape (n,) or (..., n).

    Returns:
        The error, of shape (...).

    Raises:
        ValueError: for no examples, or labels that do not belong to these logits.

    >>> mean_squared_error(torch.zeros(3, 4), torch.tensor([0, 1, 2])).item()  # one wrong of four
    0.25
    """
    require_labels(logits, labels)
    one_hot = nn.functional.one_hot(labels, logits.shape[-1]).to(logits.dtype)
    return (logits - one_hot).square().mean(dim=(-2, -1))


def accuracy(logits: Tensor, labels: Tensor) -> Tensor:
    """The share of examples whose largest logit is the label's. It sees labels.

    Shapes as in :func:`mean_squared_error`. An example with a logit that is nan is wrong: a network
    that has diverged has an accuracy of 0. Of equal logits the first one counts.

    Raises:
        ValueError: as :func:`mean_squared_error`.

    >>> accuracy(torch.tensor([[2.0, 1.0], [2.0, 1.0]]), torch.tensor([0, 1])).item()
    0.5
    """
    require_labels(logits, labels)
    largest, chosen = logits.max(dim=-1)  # nan where any logit is
    return ((chosen == labels) & ~largest.isnan()).to(logits.dtype).mean(dim=-1)


def require_labels(logits: Tensor, labels: Tensor) -> None:
    """Raise ValueError unless these are labels of these logits, and some.

    Without it labels (n, 1) would be compared with every example of (n,).
    """
    wanted = logits.shape[:-1]
    fits = labels.shape in (wanted, wanted[-1:]) and not torch.is_floating_point(labels)
    if not fits or not wanted or not wanted[-1] or labels.device != logits.device:
        raise ValueError(
            f"labels are {labels.dtype} of shape {tuple(labels.shape)} on {labels.device}, logits "
            f"of shape {tuple(logits.shape)} on {logits.device}; wanted int64 labels (n,) or "
            f"(..., n) for logits (..., n, classes), with n at least 1, on one device"
        )
