"""Estimates at many points, or at one with many settings, side by side."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from types import FunctionType

import torch
from torch import Tensor
from tqdm.auto import tqdm

from grokedu.llc.sampling.budget import Budget
from grokedu.llc.sampling.chains import Sampler
from grokedu.llc.sampling.diagnostics import effective_draws, monte_carlo_error, split_rhat
from grokedu.llc.sampling.draws import Draws, sample
from grokedu.llc.sampling.findings import ERROR, Evidence, findings
from grokedu.llc.sampling.potential import LossAndGradient, Potential
from grokedu.llc.sampling.problem import Problem, inverse_temperature, with_weight_decay
from grokedu.llc.sampling.result import LLC
from grokedu.llc.sampling.whitening import DISTANCE
from grokedu.models.parameters import Params
from grokedu.training.threads import in_threads, one_thread

GRADIENTS = 1800
MOST_FOR_AN_ERROR = 40_000  # gradients, where a target error and no budget is given
CACHED = 2**19  # bytes that all chains need at once; up to here more of them cost little
CHAINS = 64  # at most
BATCH = 2**21  # bytes that points need at once; from here on more in a batch are no faster
SMALL = 2**24  # bytes below which a second thread of torch's own is a loss
RAY = (1.0, 1.02, 1.2, 2.0, 4.0)
FRACTIONS = (1.0, 0.5, 0.2, 0.05, 0.01)  # of a Newton step

Settings = float | Sequence[float] | Tensor


def estimate_at(
    loss: LossAndGradient,
    centers: Params,
    *,
    n: float,
    nbeta: Settings | None = None,
    gamma: Settings = 1.0,
    weight_decay: float = 0.0,
    chains: int | None = None,
    gradients: int | None = None,
    seconds: float | None = None,
    target_error: float | None = None,
    sampler: Callable[[Potential], Sampler] | None = None,
    heat: float | None = None,
    seed: int = 0,
    progress: bool = True,
) -> list[LLC]:
    """The local learning coefficients at P points, with one loss.

    Args:
        loss: the mean loss of any number of rows of weights, and its gradient.
        centers: w*, tensors (P, ...).
        n: the number of examples.
        nbeta, gamma: numbers, or one for each point.
        weight_decay, chains, gradients, seconds, target_error, sampler, heat, seed, progress: as
            for :func:`grokedu.llc.estimate_llc`. ``seconds`` are for all points together.

    Points are estimated in batches, and batches in as many threads as torch has, if the loss is
    an object that can be copied and not a plain function.

    Raises:
        ValueError: as :func:`grokedu.llc.estimate_llc`.

    >>> from grokedu.llc.sampling.potential import differentiated
    >>> quadratic = differentiated(lambda params, rows: params["w"].square().sum(dim=1) / 2)
    >>> two = estimate_at(quadratic, {"w": torch.zeros(2, 4)}, n=1e4, gamma=[0.0, 1e3],
    ...                   progress=False)
    >>> [abs(one.value - half) < 0.2 for one, half in zip(two, (2.0, 1.042))]
    [True, True]
    """
    if not weight_decay >= 0:
        raise ValueError(f"weight_decay is {weight_decay}; wanted 0 or above")
    first = next(iter(centers.values()))
    points = len(first)
    wanted = inverse_temperature(n) if nbeta is None else nbeta
    problem = Problem(
        with_weight_decay(loss, weight_decay),
        centers,
        _each("nbeta", wanted, points, first),
        _each("gamma", gamma, points, first),
    )
    size = getattr(loss, "bytes_of_one", 4 * problem.size * first.element_size())
    if chains is None:
        chains = min(CHAINS, 1 << (max(8, CACHED // size).bit_length() - 1))
    if chains < 2:
        raise ValueError(f"chains is {chains}; wanted at least 2, to compare them")
    if gradients is None and seconds is None:
        gradients = GRADIENTS if target_error is None else MOST_FOR_AN_ERROR
    together = max(1, BATCH // (size * chains))
    parts = [slice(at, at + together) for at in range(0, points, together)]

    threads = 1 if isinstance(loss, FunctionType) or len(parts) == 1 else torch.get_num_threads()

    def one(rows: slice) -> list[LLC]:
        part = problem.select(rows)
        if len(parts) > 1 and not isinstance(loss, FunctionType):
            own = with_weight_decay(copy.deepcopy(loss), weight_decay)
            part = Problem(own, part.centers, part.nbeta, part.gamma)
        share = None if seconds is None else seconds / len(parts) * threads
        small = size * chains * together < SMALL and first.device.type == "cpu"
        with one_thread() if small and threads == 1 else nullcontext():
            draws = sample(
                part,
                chains,
                Budget(gradients, share, target_error),
                seed=seed,
                heat=heat,
                sampler=sampler,
                progress=progress and len(parts) == 1,
            )
        return _estimates(part, draws, n, weight_decay, target_error)

    found = map(one, parts) if threads == 1 else in_threads(one, parts)
    bar = tqdm(found, "points", len(parts), leave=False, disable=not progress or len(parts) == 1)
    return [estimate for part in bar for estimate in part]


def _each(name: str, value: Settings, points: int, like: Tensor) -> Tensor:
    numbers = torch.as_tensor(value, dtype=torch.float64)
    if numbers.shape not in ((), (points,)):
        raise ValueError(
            f"{name} has shape {tuple(numbers.shape)}; wanted a number, or one for each of "
            f"{points} points"
        )
    if not bool((numbers.isfinite() & (numbers >= 0)).all()) or (
        name == "nbeta" and not bool((numbers > 0).all())
    ):
        raise ValueError(
            f"{name} is {value}; wanted finite and {'above' if name == 'nbeta' else 'at least'} 0"
        )
    return numbers.expand(points).to(like)


def _estimates(
    problem: Problem, draws: Draws, n: float, weight_decay: float, target_error: float | None
) -> list[LLC]:
    potential = problem.potential(1)
    centers = potential.flat(problem.starts(1))
    ray = torch.stack([potential.evaluate(centers * scale)[0] for scale in RAY], dim=1)
    falls = _falls(problem, draws, centers)
    found = []
    for at in range(len(problem)):
        nbeta, gamma = problem.nbeta[at].item(), problem.gamma[at].item()
        trace = nbeta * (draws.loss[:, at] - draws.loss_at_center[at])
        evidence = Evidence(
            trace,
            draws.acceptance[:, at],
            nbeta,
            gamma,
            falls[at].item(),
            draws.curvature.eigenvalues[at],
            ray[at],
            draws.settings.get("uncorrected_step_size"),
            max(ERROR, target_error or 0.0),
        )
        settings = {
            name: value[at] if isinstance(value, list) else value
            for name, value in draws.settings.items()
        }
        found.append(
            LLC(
                value=trace.mean().item(),
                standard_error=monte_carlo_error(trace),
                gamma=gamma,
                nbeta=nbeta,
                n=n,
                weight_decay=weight_decay,
                loss_at_center=draws.loss_at_center[at].item(),
                trace=trace,
                distance=draws.square[:, at].sqrt(),
                acceptance=draws.acceptance[:, at].mean().item(),
                rhat=split_rhat(trace),
                effective_draws=effective_draws(trace),
                gradients=draws.gradients,
                settings=settings,
                warnings=findings(evidence),
            )
        )
    return found


def _falls(problem: Problem, draws: Draws, centers: Tensor) -> Tensor:
    """By how much the potential is lower beside each centre, (P,), as far as a Newton step shows.

    Along the known eigenvectors the step is that of the localised quadratic; along what is left of
    the gradient its length is that of the curvature in that direction.
    """
    potential, bent = problem.potential(1), draws.curvature
    nbeta, gamma = problem.nbeta.unsqueeze(1), problem.gamma.unsqueeze(1)
    along = torch.einsum("pkd,pd->pk", bent.vectors, draws.gradient_at_center)
    rest = draws.gradient_at_center - torch.einsum("pk,pkd->pd", along, bent.vectors)
    unit = rest / rest.norm(dim=1, keepdim=True).clamp(min=1e-30)
    ahead, behind = (potential.evaluate(centers + s * DISTANCE * unit)[1] for s in (1, -1))
    curved = ((ahead - behind) * unit).sum(dim=1, keepdim=True) / (2 * DISTANCE)
    shares, left = (
        nbeta * slope / (nbeta * bend.clamp(min=0) + gamma).clamp(min=1e-12)
        for slope, bend in ((along, bent.eigenvalues), (rest, curved))
    )
    step = left.nan_to_num() + torch.einsum("pk,pkd->pd", shares, bent.vectors)
    here = potential.energy(centers, potential.evaluate(centers)[0])
    lower = [torch.zeros_like(here)]
    for fraction in FRACTIONS:
        place = centers - fraction * step
        lower.append(here - potential.energy(place, potential.evaluate(place)[0]))
    return torch.stack(lower).nan_to_num(0.0, 0.0, 0.0).amax(dim=0)
