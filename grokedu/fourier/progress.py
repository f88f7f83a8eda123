"""Progress measures: the loss of the sum's frequencies alone, and the loss without them.

Nanda et al. 2023 (arXiv 2301.05217). A network that adds modulo p by rotations has logits that
are combinations of cos and sin of w_k (a+b) for a few key frequencies k. The restricted loss keeps
these and drops the rest; the excluded loss drops these and keeps the rest.

Which frequencies are key is a choice. With those of the *final* network both measures use
hindsight: at an early step they know what the network will come to. With the frequencies of the
checkpoint itself (``key_frequencies(sum_power(logits))``) they do not. Both use labels; the
restricted loss uses those of test pairs.

The published restricted loss has a second way to know too much. Its projection averages the logits
of all pairs with the same sum, train pairs among them, and gives the average back to the test
pairs: a network that has only memorised, with one-hot logits on train pairs and zeros elsewhere,
can have a restricted loss near 0. With ``rows=task.test`` averages are over test pairs alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grokedu.fourier.basis import fourier_basis, modulus_of, sum_means, sums
from grokedu.measures import cross_entropy


def sum_component(logits: Tensor, keys: Tensor, rows: Tensor | None = None) -> Tensor:
    """The part of the logits that is made of cos and sin of w_k (a+b), k a key frequency.

    The projection over inputs, for each output on its own; over all pairs it is orthogonal.

    Args:
        logits: (..., p*p, n) over all pairs.
        keys: bool ((p+1)/2,), or (..., (p+1)/2) with a row for each leading index. Entry 0 must be
            False.
        rows: int64 (m,), the pairs to project; all by default.

    Returns:
        (..., m, n), with m = p*p by default.

    Raises:
        ValueError: for rows that are not all pairs modulo an odd prime, or keys of another shape
            or for other runs.

    >>> from grokedu.fourier import clock_logits, frequency_mask
    >>> one, both = clock_logits(5, [1]), clock_logits(5, [1, 2])
    >>> bool(torch.allclose(sum_component(both, frequency_mask(5, [1])), one))
    True
    """
    p = modulus_of(logits)
    runs, count = logits.shape[:-2], (p + 1) // 2
    fits = keys.dtype == torch.bool and keys.shape == (*runs, count)[-keys.ndim :]
    if not fits or keys[..., 0].any():
        raise ValueError(
            f"keys has dtype {keys.dtype} and shape {tuple(keys.shape)}; wanted bool, (..., "
            f"{count}) for p = {p} and runs {tuple(runs)}, without entry 0: see key_frequencies"
        )
    basis = fourier_basis(p, logits.dtype, logits.device)
    pairs_of_rows = keys[..., 1:].repeat_interleave(2, dim=-1)
    chosen = torch.cat([keys[..., :1], pairs_of_rows], dim=-1).to(logits)
    of_sum = basis.T @ (chosen.unsqueeze(-1) * (basis @ sum_means(logits, rows)))  # (..., p, n)
    of_row = sums(p, logits.device)
    return of_sum[..., of_row if rows is None else of_row[rows], :]


def restricted_logits(logits: Tensor, keys: Tensor, rows: Tensor | None = None) -> Tensor:
    """The key frequencies' part of the logits, and the mean over inputs of what is left.

    Arguments, shape and errors as in :func:`sum_component`. Over all pairs the part has mean 0, so
    that the mean of the logits themselves is added.

    Source: Nanda et al. 2023, arXiv 2301.05217.

    >>> from grokedu.fourier import clock_logits, frequency_mask
    >>> one, both = clock_logits(5, [1]), clock_logits(5, [1, 2])
    >>> bool(torch.allclose(restricted_logits(both + 7, frequency_mask(5, [1])), one + 7))
    True
    """
    part = sum_component(logits, keys, rows)
    whole = logits if rows is None else logits[..., rows, :]
    return part + (whole - part).mean(dim=-2, keepdim=True)


def restricted_loss(
    logits: Tensor, labels: Tensor, keys: Tensor, rows: Tensor | None = None
) -> Tensor:
    """The cross-entropy of :func:`restricted_logits`, in nats.

    It uses the labels of test pairs, and hindsight where ``keys`` are those of a later step.

    Args:
        logits: (..., p*p, classes) over all pairs; taken in float64.
        labels: int64 (p*p,).
        keys: as in :func:`sum_component`.
        rows: int64 (m,), the pairs to project and to take the loss over: all as published, or
            ``task.test`` for a measure that train pairs do not enter.

    Returns:
        (...).

    Raises:
        ValueError: as :func:`sum_component`, and for labels that are not one a pair.

    Source: Nanda et al. 2023, arXiv 2301.05217.

    >>> from grokedu.fourier import clock_logits, frequency_mask
    >>> from grokedu.tasks import modular_addition
    >>> logits, labels = clock_logits(5, [2]), modular_addition(5)[1]
    >>> kept = restricted_loss(logits, labels, frequency_mask(5, [2]))
    >>> bool(torch.allclose(kept, cross_entropy(logits, labels)))
    True
    >>> round(restricted_loss(logits, labels, frequency_mask(5, [1])).item(), 6)  # log 5
    1.609438
    """
    _require_label_of_each(logits, labels)
    wanted = labels if rows is None else labels[rows]
    return _each_loss(restricted_logits(logits.double(), keys, rows), wanted)


def excluded_logits(logits: Tensor, keys: Tensor) -> Tensor:
    """The logits without the key frequencies' part. Arguments as in :func:`sum_component`.

    Source: Nanda et al. 2023, arXiv 2301.05217.

    >>> from grokedu.fourier import clock_logits, frequency_mask
    >>> one, both = clock_logits(5, [1]), clock_logits(5, [1, 2])
    >>> bool(torch.allclose(excluded_logits(both, frequency_mask(5, [2])), one))
    True
    """
    return logits - sum_component(logits, keys)


def excluded_loss(logits: Tensor, labels: Tensor, train: Tensor, keys: Tensor) -> Tensor:
    """The cross-entropy of :func:`excluded_logits` on the train pairs, in nats.

    A network that has only memorised does not need the key frequencies; as the circuit forms, the
    loss without them rises. It uses hindsight where ``keys`` are those of a later step.

    Args:
        logits: (..., p*p, classes) over *all* pairs, which the projection needs; taken in float64.
        labels: int64 (p*p,).
        train: int64 (n,), the rows that were trained on.
        keys: as in :func:`sum_component`.

    Returns:
        (...).

    Raises:
        ValueError: as :func:`sum_component`, for labels that are not one a pair, and if train is
            empty.

    Source: Nanda et al. 2023, arXiv 2301.05217.

    >>> from grokedu.fourier import clock_logits, frequency_mask
    >>> from grokedu.tasks import modular_addition
    >>> logits, labels = clock_logits(5, [2]), modular_addition(5)[1]
    >>> train = torch.tensor([0, 7, 12])
    >>> round(excluded_loss(logits, labels, train, frequency_mask(5, [2])).item(), 6)  # log 5
    1.609438
    """
    if not len(train):
        raise ValueError("train is empty; wanted the rows that were trained on, such as task.train")
    _require_label_of_each(logits, labels)
    return _each_loss(excluded_logits(logits.double(), keys)[..., train, :], labels[train])


def _each_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy, (...), of logits (..., n, classes) that share labels (n,)."""
    networks = logits.reshape(-1, *logits.shape[-2:])
    each = torch.vmap(cross_entropy, in_dims=(0, None))(networks, labels)
    return each.reshape(logits.shape[:-2])


def _require_label_of_each(logits: Tensor, labels: Tensor) -> None:
    if labels.shape != logits.shape[-2:-1] or labels.device != logits.device:
        raise ValueError(
            f"labels have shape {tuple(labels.shape)} on {labels.device} for logits of shape "
            f"{tuple(logits.shape)} on {logits.device}; wanted one for each pair, on one device"
        )
