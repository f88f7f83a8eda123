"""Diagnostics of traces of several chains: convergence, effective draws, Monte Carlo error.

Traces have the shape (T, C): T draws of each of C chains, burn-in left out. Sources: Vehtari et al.
2021 (arXiv 1903.08008); Geyer 1992; Geweke 1992.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def split_rhat(trace: Tensor) -> float:
    """How much wider all chains together are than each half of a chain alone; 1 if converged.

    Each chain is cut into two halves of N draws. With W the mean of their variances and B / N the
    variance of their means, it is ``sqrt((N - 1) / N + B / (N W))``. nan if a number is not finite
    or there are fewer than four draws; 1 if nothing varies.

    Raises:
        ValueError: if the trace does not have the shape (T, C).

    >>> same = torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.0, 0.0], [1.0, 1.0]])
    >>> round(split_rhat(same), 3)  # no difference between halves
    0.707
    >>> split_rhat(same + torch.tensor([0.0, 10.0])) > 5
    True
    """
    halves = _halves(_checked(trace))
    if len(halves) < 2 or not bool(halves.isfinite().all()):
        return math.nan
    count = len(halves)
    within, between = halves.var(dim=0).mean(), halves.mean(dim=0).var()
    if within == 0:
        return 1.0 if between == 0 else math.inf
    return math.sqrt((count - 1) / count + between.item() / within.item())


def effective_draws(trace: Tensor) -> float:
    """How many independent draws have a mean as precise as that of this trace.

    With rho(t) the autocorrelation over halves of chains, in which a difference between them counts
    as a correlation, it is ``2 C N / (1 + 2 sum rho(t))``, summed until two neighbours sum below
    zero (Geyer's initial positive and monotone sequence). nan as for :func:`split_rhat`.

    >>> noise = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    >>> 6000 < effective_draws(noise) < 10000
    True
    >>> effective_draws(noise.repeat_interleave(4, dim=0)[:2000]) < 3000  # every draw four times
    True
    """
    halves = _halves(_checked(trace))
    count, chains = halves.shape
    if count < 2 or not bool(halves.isfinite().all()):
        return math.nan
    centred = halves - halves.mean(dim=0)
    size = 1 << (2 * count - 1).bit_length()
    power = torch.fft.rfft(centred, size, dim=0).abs().square()
    covariance = torch.fft.irfft(power, size, dim=0)[:count].mean(dim=1) / count
    within = covariance[0] * count / (count - 1)
    spread = halves.mean(dim=0).var() + covariance[0]
    if spread == 0:
        return float(count * chains)
    rho = 1 - (within - covariance * count / (count - 1)) / spread
    rho[0] = 1
    pairs = rho[: count // 2 * 2].view(-1, 2).sum(dim=1)
    ended = (pairs < 0).nonzero()
    kept = pairs[: int(ended[0])] if len(ended) else pairs
    total = 2 * torch.cummin(kept, dim=0).values.sum().item() - 1 if len(kept) else 1.0
    # Antithetic draws may count for more than themselves, but not without bound.
    return count * chains / max(total, 1 / math.log10(max(count * chains, 10)))


def monte_carlo_error(trace: Tensor) -> float:
    """The standard error of the mean of a trace, with its autocorrelation counted.

    >>> noise = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    >>> 0.8 < monte_carlo_error(noise) * 8000**0.5 < 1.2
    True
    """
    draws = effective_draws(trace)
    halves = _halves(_checked(trace))
    if math.isnan(draws):
        return math.nan
    spread = halves.var(dim=0, correction=0).mean() + halves.mean(dim=0).var()
    return math.sqrt(spread.item() / draws)


def drift(trace: Tensor) -> tuple[float, float]:
    """By how much the last third's mean exceeds the first third's, and its standard error.

    >>> climbing = torch.arange(90.0).unsqueeze(1).expand(90, 4)
    >>> drift(climbing)[0]
    60.0
    """
    trace = _checked(trace)
    third = max(len(trace) // 3, 1)
    first, last = trace[:third], trace[-third:]
    error = math.hypot(monte_carlo_error(first), monte_carlo_error(last))
    return (last.mean() - first.mean()).item(), error


def _checked(trace: Tensor) -> Tensor:
    trace = torch.as_tensor(trace, dtype=torch.float64)
    if trace.ndim != 2 or not trace.numel():
        raise ValueError(f"the trace has shape {tuple(trace.shape)}; wanted (draws, chains)")
    return trace


def _halves(trace: Tensor) -> Tensor:
    half = len(trace) // 2
    return torch.cat([trace[:half], trace[len(trace) - half :]], dim=1)
