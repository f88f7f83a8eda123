"""Linear regression in context: sequences of examples of a new linear map, and the best guess.

Each sequence draws a map t ~ N(0, I) and K examples ``y_k = <t, x_k> + noise``, x_k ~ N(0, I). A
model predicts every y_k from the examples before it and x_k (Garg et al. 2022, arXiv 2208.01066;
Raventós et al. 2023, arXiv 2306.15063). Hoogland et al. 2024 (arXiv 2402.02364) take D = 4 and a
noise variance of 0.125.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Sequences:
    """A batch of regression problems.

    Attributes:
        x: (B, K, D) inputs.
        y: (B, K) their noisy values.
        t: (B, D) the linear map of each sequence, which no model is shown.
    """

    x: Tensor
    y: Tensor
    t: Tensor


def sample_task(
    batch: int,
    examples: int,
    dimension: int,
    noise: float,
    generator: torch.Generator,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> Sequences:
    """Draw a batch of regression problems.

    Args:
        batch, examples, dimension: B, K, D, all at least 1.
        noise: the variance of the noise, at least 0.
        generator: the source of the randomness; drawn in float64 and rounded.
        dtype, device: of the result.

    Raises:
        ValueError: for numbers out of these ranges.

    >>> drawn = sample_task(2, 8, 4, 0.0, torch.Generator().manual_seed(0))
    >>> bool(torch.allclose(drawn.y, (drawn.x @ drawn.t[..., None])[..., 0], atol=1e-6))
    True
    """
    if min(batch, examples, dimension) < 1 or not noise >= 0:
        raise ValueError(
            f"batch={batch}, examples={examples}, dimension={dimension}, noise={noise}; wanted at "
            "least 1, 1, 1 and 0, for example 256, 8, 4, 0.125"
        )

    def normal(*shape: int) -> Tensor:
        return torch.randn(
            *shape, generator=generator, device=generator.device, dtype=torch.float64
        )

    t, x = normal(batch, dimension), normal(batch, examples, dimension)
    y = (x @ t.unsqueeze(-1)).squeeze(-1) + noise**0.5 * normal(batch, examples)
    return Sequences(*(one.to(device, dtype) for one in (x, y, t)))


def ridge_predictor(x: Tensor, y: Tensor, noise: float) -> Tensor:
    """The best prediction of every y from what stands before it.

    ``<x_k, (X'X + noise I)^-1 X'y>`` with X, y the examples before k: the posterior mean under the
    prior N(0, I), so that no model has a lower expected squared error. The first is 0.

    Args:
        x: (..., K, D).
        y: (..., K).
        noise: the variance of the noise, positive.

    Returns:
        (..., K).

    Raises:
        ValueError: for shapes that do not fit, or a noise that is not positive.

    >>> x, y = torch.tensor([[1.0], [1.0], [1.0]]), torch.tensor([3.0, 3.0, 0.0])
    >>> ridge_predictor(x, y, noise=1.0).tolist()  # shrunk towards 0: 0, 3/2, 6/3
    [0.0, 1.5, 2.0]
    """
    _check(x, noise)
    if y.shape != x.shape[:-1]:
        raise ValueError(
            f"x has shape {tuple(x.shape)} and y {tuple(y.shape)}; wanted (..., K, D) and (..., K)"
        )
    gram = _before(x.unsqueeze(-1) * x.unsqueeze(-2), dim=-3)
    moment = _before(x * y.unsqueeze(-1), dim=-2)
    ridge = noise * torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    weights = torch.linalg.solve(gram + ridge, moment)
    return (weights * x).sum(dim=-1)


def ridge_loss(x: Tensor, noise: float) -> Tensor:
    """The expected squared error of :func:`ridge_predictor` on these inputs, in closed form.

    ``noise + x_k' noise (X'X + noise I)^-1 x_k``, over maps and noise: D + noise on average for the
    first example, falling towards the noise. No trained model can do better on average.

    Args:
        x: (..., K, D).
        noise: the variance of the noise, positive.

    Returns:
        (..., K).

    >>> ridge_loss(torch.tensor([[1.0], [1.0], [1.0]]), noise=1.0).tolist()
    [2.0, 1.5, 1.3333333730697632]
    """
    _check(x, noise)
    gram = _before(x.unsqueeze(-1) * x.unsqueeze(-2), dim=-3)
    ridge = noise * torch.eye(x.shape[-1], dtype=x.dtype, device=x.device)
    return noise + noise * (torch.linalg.solve(gram + ridge, x) * x).sum(dim=-1)


def _before(terms: Tensor, dim: int) -> Tensor:
    """Sums over the examples before each."""
    return terms.cumsum(dim=dim) - terms


def _check(x: Tensor, noise: float) -> None:
    if not noise > 0 or x.ndim < 2:
        raise ValueError(
            f"noise is {noise} and x has shape {tuple(x.shape)}; wanted a positive variance such "
            "as 0.125, and (..., K, D)"
        )
