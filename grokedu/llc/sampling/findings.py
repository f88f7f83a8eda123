"""Warnings: what may be wrong with an estimate, in words, and what to do about it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from grokedu.llc.exact.quadratic import step_size_bias
from grokedu.llc.sampling.diagnostics import drift, monte_carlo_error, split_rhat

RHAT = 1.2  # many short chains: what they differ by is in the error already, a start is not
ERROR = 0.025  # relative; an error of 5 % would be two of them
DRIFT = 0.05  # relative, from the first to the last third of the draws
NOT_A_MINIMUM = 0.02  # by which share of the value w* lies above a lower place beside it
STEP_BIAS = 0.02  # relative
ACCEPTANCE = 0.4


@dataclass(frozen=True)
class Finding:
    """One thing that may be wrong.

    Attributes:
        name: "diverged", "not a minimum", "no finite minimum", "saddle", "negative",
            "not converged", "drift", "noisy", "stuck" or "step size".
        text: what was seen, with numbers.
        advice: what to do.

    >>> print(Finding("noisy", "the error is 10 %", "take more gradients"))
    noisy: the error is 10 %; take more gradients
    """

    name: str
    text: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name}: {self.text}; {self.advice}"


@dataclass(frozen=True)
class Evidence:
    """What is known about one estimate.

    Attributes:
        trace: (T, C), nbeta * (L - L(w*)).
        acceptance: (T, C), or nan.
        nbeta, gamma: numbers.
        fall: how much lower the potential is at a place beside w*.
        eigenvalues: (k,), of the Hessian at w*.
        ray: L at w* times 1, 1.02, 1.2, 2 and 4.
        step_size: of a sampler without a correction, in SGLD's convention; else None.
        error: the relative Monte Carlo error that is called noisy.
    """

    trace: Tensor
    acceptance: Tensor
    nbeta: float
    gamma: float
    fall: float
    eigenvalues: Tensor
    ray: Tensor
    step_size: float | None
    error: float = ERROR


def findings(evidence: Evidence) -> tuple[Finding, ...]:
    """Everything that may be wrong with the estimate, the worst first.

    >>> import torch
    >>> from dataclasses import replace
    >>> noise = torch.randn(2000, 4, generator=torch.Generator().manual_seed(0))
    >>> evidence = Evidence(
    ...     trace=10 + noise, acceptance=torch.full((2000, 4), 0.8), nbeta=100.0, gamma=1.0,
    ...     fall=0.0, eigenvalues=torch.ones(20), ray=torch.ones(5), step_size=None,
    ... )
    >>> findings(evidence)
    ()
    >>> [one.name for one in findings(replace(evidence, fall=3.0))]
    ['not a minimum']
    """
    trace = evidence.trace
    lost = (~trace.isfinite()).any(dim=0)
    if bool(lost.any()):
        return (
            Finding(
                "diverged",
                f"{int(lost.sum())} of {trace.shape[1]} chains left the finite numbers",
                "take a smaller step size, or the default sampler, which has none to choose",
            ),
        )
    value, error = trace.mean().item(), monte_carlo_error(trace)
    found = [*_about_the_center(evidence, value)]
    if value < 0:
        found.append(
            Finding(
                "negative",
                f"the draws lie lower than w*, by {-value:.3g} in units of 1 / nbeta",
                "w* is no minimum of this loss: train further, or use the loss it was trained on",
            )
        )
    found += _about_the_chains(evidence, value, error)
    return tuple(found)


def _about_the_center(evidence: Evidence, value: float) -> list[Finding]:
    found = []
    ray = evidence.ray.double()
    falls = ray.diff() < -1e-6 * ray[0].abs()
    gone = ray[1:] == 0
    if bool(ray[0] > 0) and bool((falls | (gone & gone.roll(1))).all()) and bool(falls[0]):
        found.append(
            Finding(
                "no finite minimum",
                f"the loss falls from {ray[0]:.2g} at w* to {ray[1]:.2g} at 1.02 w* and "
                f"{ray[-1]:.2g} at 4 w*, so the value is a statistic at this gamma and nbeta",
                "compare with a squared error, noisy labels or weight_decay inside the loss",
            )
        )
    if evidence.fall > NOT_A_MINIMUM * abs(value) and evidence.fall > 1e-3:
        found.append(
            Finding(
                "not a minimum",
                f"beside w* nbeta L is lower by {evidence.fall:.3g}, and the value by as much",
                "train to a minimum of this very loss, or read the value as a statistic at this "
                "gamma and nbeta",
            )
        )
    largest, least = evidence.eigenvalues.max().item(), evidence.eigenvalues.min().item()
    if evidence.nbeta * least < -(evidence.gamma + 1e-3 * evidence.nbeta * abs(largest)):
        found.append(
            Finding(
                "saddle",
                f"the loss curves down at w*: an eigenvalue of {least:.3g} beside {largest:.3g}",
                "train further, or read the value as a statistic at this gamma and nbeta",
            )
        )
    return found


def _about_the_chains(evidence: Evidence, value: float, error: float) -> list[Finding]:
    trace, found = evidence.trace, []
    size = max(abs(value), 1e-12)
    rhat = split_rhat(trace)
    if not rhat <= RHAT:
        found.append(
            Finding(
                "not converged",
                f"chains differ, R-hat is {rhat:.2f}",
                "take more gradients; if it stays, the posterior has separate parts, and one at a "
                "larger gamma, another quantity, may not",
            )
        )
    moved, uncertain = drift(trace)
    if abs(moved) > DRIFT * size and abs(moved) > 3 * uncertain:
        found.append(
            Finding(
                "drift",
                f"from the first to the last third of the draws the value moves by {moved:.3g}",
                "take more gradients",
            )
        )
    if not error <= evidence.error * size:
        found.append(
            Finding(
                "noisy",
                f"the Monte Carlo error is {error:.2g} beside a value of {value:.3g}",
                "take more gradients or chains, or set a target_error",
            )
        )
    acceptance = evidence.acceptance.mean(dim=0)
    if bool((acceptance < ACCEPTANCE).any()):
        found.append(
            Finding(
                "stuck",
                f"a chain accepts {acceptance.min().item():.0%} of its proposals",
                "take more gradients, or a smaller step size",
            )
        )
    if evidence.step_size is not None:
        bias = _step_size_bias(evidence)
        if not bias <= STEP_BIAS * size:
            found.append(
                Finding(
                    "step size",
                    f"at a step size of {evidence.step_size:.2g} the curvature at w* alone adds "
                    f"about {bias:.3g}",
                    "take a smaller one, or the default sampler, which corrects for it",
                )
            )
    return found


def _step_size_bias(evidence: Evidence) -> float:
    """What SGLD's step size adds on the quadratic of these eigenvalues; inf if it diverges."""
    step, nbeta, gamma = evidence.step_size or 0.0, evidence.nbeta, evidence.gamma
    bent = evidence.eigenvalues.double().clamp(min=0).cpu().numpy()
    if step * (nbeta * bent.max() + gamma) >= 4:
        return math.inf
    return step_size_bias(bent, nbeta, gamma, step_size=step)
