"""A training run as a path of plain measures of its weights, no data needed.

The fourteen measures of Hu et al. 2023 (arXiv 2308.09543), as their code computes them: of each
weight matrix the L1 and L2 norm and their ratio, the trace (the sum of its diagonal, square or
not), the largest singular value and the ratio of the two, mean and variance of the singular values,
each averaged over matrices; mean, median (of an even number the lower of the middle two) and
variance of all weights and of all biases. They see neither labels nor inputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from grokedu.measures import named, vectors

Array = npt.NDArray[Any]

OF_MATRICES = (
    "l1_norm",
    "l2_norm",
    "l1_over_l2",
    "trace",
    "top_singular_value",
    "trace_over_top",
    "mean_singular_value",
    "variance_singular_value",
)


def training_features(
    params: Mapping[str, Tensor] | nn.Module, *, run_axis: bool = False
) -> dict[str, Tensor]:
    """The measures of one checkpoint, or of one of each of S runs.

    Tensors of two axes are matrices; of those of more, the last two are, and the others count
    matrices, such as heads. Tensors of one axis are biases.

    Args:
        params: a dictionary of tensors, or a module, whose named parameters are taken.
        run_axis: whether the first axis of every tensor counts runs; then each has shape (S,).

    Returns:
        Name to measure: fourteen, or where there are no biases the eleven that are left without
        ``mean_biases``, ``median_biases`` and ``variance_biases``. The variance of a single number
        is 0.

    Raises:
        ValueError: if there is no matrix, or a matrix is zero.

    Source: Hu et al. 2023, arXiv 2308.09543, table 1, and their published code.

    >>> found = training_features({"W": torch.diag(torch.tensor([3.0, 4.0]))})
    >>> {name: round(value.item(), 4) for name, value in found.items()}  # doctest: +ELLIPSIS
    {'l1_norm': 7.0, 'l2_norm': 5.0, 'l1_over_l2': 1.4, 'trace': 7.0, 'top_singular_value': 4.0, ...
    """
    first = 1 if run_axis else 0
    every = named(params, run_axis=run_axis).values()
    tensors = [tensor.detach() if run_axis else tensor.detach()[None] for tensor in every]
    weights = [tensor for tensor in tensors if tensor.ndim >= 3]
    biases = [tensor for tensor in tensors if tensor.ndim < 3]
    if not weights:
        raise ValueError(
            "there is no weight matrix among the parameters; wanted tensors of at least "
            f"{2 + first} axes, for example W of shape {(4, 3) if not run_axis else (5, 4, 3)}"
        )
    rows = torch.cat([_of_matrices(one.unsqueeze(1).flatten(1, -3)) for one in weights], dim=1)
    found = dict(zip(OF_MATRICES, rows.mean(dim=1).unbind(dim=-1), strict=True))
    for kind, group in (("weights", weights), ("biases", biases)):
        if group:
            flat = torch.cat([vectors(one, run_axis=True) for one in group], dim=1)
            found[f"mean_{kind}"] = flat.mean(dim=1)
            found[f"median_{kind}"] = flat.median(dim=1).values
            found[f"variance_{kind}"] = _variance(flat)
    return found if run_axis else {name: value[0] for name, value in found.items()}


def trajectory(checkpoints: Mapping[int, Mapping[str, Tensor]]) -> tuple[Array, list[str]]:
    """The measures of runs along their checkpoints.

    Args:
        checkpoints: step to weights with a leading axis of S runs, as
            :attr:`grokedu.training.runs.Runs.checkpoints` holds them; in the order of their steps.

    Returns:
        float64 of shape (T, S, K), and the names of the K measures: fourteen, or eleven for
        networks without biases, such as :class:`grokedu.models.TwoLayer` by default.

    Raises:
        ValueError: if there are no checkpoints, and as :func:`training_features` does.

    >>> one = {"W": torch.ones(3, 4, 2)}  # three runs
    >>> table, names = trajectory({0: one, 10: one})
    >>> table.shape, len(names)
    ((2, 3, 11), 11)
    """
    if not checkpoints:
        raise ValueError("there are no checkpoints; train with checkpoints=[0, 10, 100], say")
    rows = [
        training_features({k: v.double() for k, v in checkpoints[step].items()}, run_axis=True)
        for step in sorted(checkpoints)
    ]
    names = [*rows[0]]
    table = torch.stack([torch.stack([row[name] for name in names], dim=-1) for row in rows])
    return table.cpu().numpy(), names


def standardise_per_run(table: npt.ArrayLike) -> Array:
    """Each measure of each run less its mean over the run, over its standard deviation there.

    A measure that does not change in a run becomes 0. The mean and the deviation are those of the
    whole run: a standardised path sees the future.

    Args:
        table: (T, S, K).

    Raises:
        ValueError: for another number of axes, or fewer than two records.

    >>> standardise_per_run([[[1.0, 5.0]], [[3.0, 5.0]]]).tolist()
    [[[-1.0, 0.0]], [[1.0, 0.0]]]
    """
    values = np.asarray(table, dtype=np.float64)
    if values.ndim != 3 or len(values) < 2:
        raise ValueError(
            f"the table has shape {values.shape}; wanted (T, S, K): records, at least two, runs "
            "and measures"
        )
    centred = values - values.mean(axis=0)
    spread = values.std(axis=0)
    # Rounding alone makes a constant measure vary by about its size times 1e-16.
    still = spread <= 1e-12 * np.abs(values).max(axis=0)
    return np.asarray(np.where(still, 0.0, centred / np.where(still, 1.0, spread)))


def _of_matrices(matrices: Tensor) -> Tensor:
    """(S, M, 8) from (S, M, rows, columns)."""
    l1, l2 = matrices.abs().sum((-2, -1)), matrices.square().sum((-2, -1)).sqrt()
    sound = (l2 > 0).all(dim=1)
    if not bool(sound.all()):
        raise ValueError(
            f"a weight matrix of runs {(~sound).nonzero().flatten().tolist()} is zero or not a "
            "number, where its ratios are undefined; leave these runs out"
        )
    singular = torch.linalg.svdvals(matrices)
    trace, top = matrices.diagonal(dim1=-2, dim2=-1).sum(-1), singular[..., 0]
    spread = [singular.mean(dim=-1), _variance(singular)]
    return torch.stack([l1, l2, l1 / l2, trace, top, trace / top, *spread], dim=-1)


def _variance(values: Tensor) -> Tensor:
    """Over the last axis; of a single number, which has none, 0."""
    return values.var(dim=-1) if values.shape[-1] > 1 else torch.zeros_like(values[..., 0])
