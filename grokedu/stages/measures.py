"""A training run as a path of plain measures of its weights, no data needed.

The fourteen measures of Hu et al. 2023 (arXiv 2308.09543), as their code computes them: of each
weight matrix the L1 and L2 norm and their ratio, the trace (the sum of its diagonal, square or
not), the largest singular value and the ratio of the two, mean and variance of the singular values,
each averaged over matrices; mean, median (of an even number the lower of the middle two) and
variance of all weights and of all biases. They see neither labels nor inputs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from grokedu.measures import named
from grokedu.measures.arrays import Array

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


def training_features(params: Mapping[str, Tensor] | nn.Module) -> dict[str, Tensor]:
    """The measures of one checkpoint of one network.

    Tensors of two axes are matrices; of those of more, the last two are, and the others count
    matrices, such as heads. Tensors of one axis are biases.

    Args:
        params: a dictionary of tensors, or a module, whose named parameters are taken.

    Returns:
        Name to measure, a scalar tensor: fourteen, or where there are no biases the eleven that are
        left without ``mean_biases``, ``median_biases`` and ``variance_biases``. The variance of a
        single number is 0.

    Raises:
        ValueError: if there is no matrix, or a matrix is zero.

    Source: Hu et al. 2023, arXiv 2308.09543, table 1, and their published code.

    >>> found = training_features({"W": torch.diag(torch.tensor([3.0, 4.0]))})
    >>> {name: round(value.item(), 4) for name, value in found.items()}  # doctest: +ELLIPSIS
    {'l1_norm': 7.0, 'l2_norm': 5.0, 'l1_over_l2': 1.4, 'trace': 7.0, 'top_singular_value': 4.0, ...
    """
    if not bool(_sound(params)):
        raise ValueError(
            "a weight matrix is zero or not a number, where its ratios are undefined; leave out "
            "this network"
        )
    return _features(params)


def trajectory(checkpoints: Mapping[int, Mapping[str, Tensor]]) -> tuple[Array, list[str]]:
    """The measures of runs along their checkpoints.

    Args:
        checkpoints: step to weights with a leading axis of S runs, as
            :attr:`grokedu.training.runs.Runs.checkpoints` holds them; in the order of their steps.

    Returns:
        float64 of shape (T, S, K), and the names of the K measures: fourteen, or eleven for
        networks without biases, such as :class:`grokedu.models.TwoLayer` by default.

    Raises:
        ValueError: if there are no checkpoints, and as :func:`training_features` does, naming the
            runs.

    >>> one = {"W": torch.ones(3, 4, 2)}  # three runs
    >>> table, names = trajectory({0: one, 10: one})
    >>> table.shape, len(names)
    ((2, 3, 11), 11)
    """
    if not checkpoints:
        raise ValueError("there are no checkpoints; train with checkpoints=[0, 10, 100], say")
    rows = []
    for step in sorted(checkpoints):
        wide = {name: tensor.double() for name, tensor in checkpoints[step].items()}
        sound = torch.vmap(_sound)(wide)
        if not bool(sound.all()):
            raise ValueError(
                f"a weight matrix of runs {(~sound).nonzero().flatten().tolist()} is zero or not a "
                "number, where its ratios are undefined; leave these runs out"
            )
        rows.append(torch.vmap(_features)(wide))
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


def _features(params: Mapping[str, Tensor] | nn.Module) -> dict[str, Tensor]:
    """The measures of one network whose matrices are known to be sound."""
    tensors = [tensor.detach() for tensor in named(params).values()]
    rows = torch.cat([_of_matrices(one) for one in _matrices(params)])
    found = dict(zip(OF_MATRICES, rows.mean(dim=0).unbind(), strict=True))
    kinds = {
        "weights": [one for one in tensors if one.ndim >= 2],
        "biases": [one for one in tensors if one.ndim < 2],
    }
    for kind, group in kinds.items():
        if group:
            flat = torch.cat([one.reshape(-1) for one in group])
            found[f"mean_{kind}"] = flat.mean()
            found[f"median_{kind}"] = flat.median(dim=0).values
            found[f"variance_{kind}"] = _variance(flat)
    return found


def _matrices(params: Mapping[str, Tensor] | nn.Module) -> list[Tensor]:
    """Each tensor of at least two axes as a stack of matrices, (M, rows, columns)."""
    tensors = [tensor.detach() for tensor in named(params).values() if tensor.ndim >= 2]
    if not tensors:
        raise ValueError(
            "there is no weight matrix among the parameters; wanted tensors of at least two axes "
            "for each network, for example W of shape (4, 3)"
        )
    return [one.unsqueeze(0).flatten(0, -3) for one in tensors]


def _sound(params: Mapping[str, Tensor] | nn.Module) -> Tensor:
    """Whether every matrix has a norm above 0, a scalar bool; nan has none."""
    each = [(one.square().sum((-2, -1)) > 0).all() for one in _matrices(params)]
    return torch.stack(each).all()


def _of_matrices(matrices: Tensor) -> Tensor:
    """(M, 8) from (M, rows, columns)."""
    l1, l2 = matrices.abs().sum((-2, -1)), matrices.square().sum((-2, -1)).sqrt()
    singular = torch.linalg.svdvals(matrices)
    trace, top = matrices.diagonal(dim1=-2, dim2=-1).sum(-1), singular[..., 0]
    spread = [singular.mean(dim=-1), _variance(singular)]
    return torch.stack([l1, l2, l1 / l2, trace, top, trace / top, *spread], dim=-1)


def _variance(values: Tensor) -> Tensor:
    """Over the last axis; of a single number, which has none, 0."""
    return values.var(dim=-1) if values.shape[-1] > 1 else torch.zeros_like(values[..., 0])
