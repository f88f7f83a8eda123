"""Cases with a known coefficient, their estimates, and the verdict on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from grokedu.claims.llc_exact.figure import figure
from grokedu.claims.outcome import Outcome, Verdict
from grokedu.llc import LLC, deep_linear_llc, estimate_llc
from grokedu.llc.estimate import PlainLoss
from grokedu.llc.exact.known import deep_linear, quadratic
from grokedu.llc.exact.normal_crossing import leading_correction
from grokedu.llc.exact.quadrature import quadrature_llc
from grokedu.llc.sampling.batch import GRADIENTS
from grokedu.llc.sampling.problem import inverse_temperature
from grokedu.llc.sampling.warm_up import HEAT
from grokedu.models.parameters import Params

N, GAMMA = 1e6, 1.0
NBETA = inverse_temperature(N)
NEAR, FAR = 0.02, 0.05  # the aims for the relative error: plain cases, and stiff or deep ones
COPIES = 4  # of each product, on coordinates of their own: λ adds up and the error's share falls
DEEP = (6, 6, 6, 6, 6, 6)
NETWORKS = (((4, 4, 4), 2), ((5, 5, 5, 5), 2), ((10, 10, 10), 3))
LARGE = (((20, 20, 20), 5), ((10, 20, 20, 10), 4), ((30, 40, 30), 8))


@dataclass(frozen=True)
class Size:
    """How large the experiment is.

    Attributes:
        seeds: estimates of each case.
        networks: widths and rank of the deep linear networks; the last is of widths :data:`DEEP`.
        gradients: of each chain.
        longer: how many times as many in the longer runs of the last network.
    """

    seeds: int
    networks: tuple[tuple[tuple[int, ...], int], ...]
    longer: int
    gradients: int = GRADIENTS


QUICK = Size(3, (*NETWORKS, (DEEP, 2)), longer=4)
FULL = Size(5, (*NETWORKS, *LARGE, (DEEP, 2)), longer=10)


@dataclass(frozen=True)
class Case:
    """A loss, its minimum, what an estimate should be, and how near.

    Attributes:
        name: as the figure has it.
        loss, center: of many copies of the weights, and w*.
        target: λ̂ as exactly as it is known.
        kind: what the target is.
        aim: the largest rms relative error that counts as right.
    """

    name: str
    loss: PlainLoss
    center: Params
    target: float
    kind: str
    aim: float


def run(*, quick: bool, progress: bool) -> Outcome:
    """Quick: 3 seeds and networks of up to 300 weights. Full: 5 seeds, up to 2400."""
    size = QUICK if quick else FULL
    seeds = range(size.seeds)
    cases = [regular(1e3), regular(1e5), product(1, 1), product(1, 2)]
    cases += [network(widths, rank) for widths, rank in size.networks]
    count = size.gradients
    rows = [judged(one, [_estimate(one, count, progress, seed=s) for s in seeds]) for one in cases]
    arms = starts(rows[-1], cases[-1], count, size.longer, progress)
    every = [pair for row in rows for pair in zip(row["errors"], row["warnings"], strict=True)]
    silent = sum(abs(error) > FAR and not names for error, names in every)
    false = [bool(names) for error, names in every if abs(error) < NEAR]
    missed = [row["case"] for row in rows if not row["rms"] <= row["aim"]]
    return Outcome(
        verdict=verdict(len(missed), len(rows), silent),
        says=(
            f"rms relative error over {len(seeds)} seeds: "
            + "; ".join(f"{row['case']} {row['rms']:.1%} (aim {row['aim']:.0%})" for row in rows)
            + f"; missed: {', '.join(missed) or 'none'}; {silent} of {len(every)} estimates more "
            f"than {FAR:.0%} off without a warning, {sum(false)} of {len(false)} within "
            f"{NEAR:.0%} with one; {cases[-1].name} against λ = {arms['llc']:g}: "
            + "; ".join(
                f"{a['start']}, {a['gradients']} gradients {a['mean']:+.1%} ± {a['error']:.1%}"
                for a in arms["arms"]
            )
            + f"; its leading correction at this n {arms['leading_correction']:+.1%}"
        ),
        published=(
            "Lau et al. 2023 (arXiv 2308.12108): SGLD with a step size chosen by hand comes close "
            "to the exact coefficients of deep linear networks"
        ),
        numbers={
            "n": N,
            "nbeta": NBETA,
            "gamma": GAMMA,
            "cases": rows,
            "silent": silent,
            "false_warnings": {"estimates": len(false), "warned": sum(false)},
            "starts": arms,
        },
        seeds=[*seeds],
        draw=partial(figure, rows, arms, title=f"n = {N:g}, γ = {GAMMA:g}"),
    )


def regular(condition: float, size: int = 20) -> Case:
    """A quadratic whose curvatures fall from 1 to 1 / condition.

    >>> regular(1e3).name, round(regular(1e3).target, 3)
    ('regular, condition 1e3', 9.978)
    """
    h = torch.logspace(0, -math.log10(condition), size).tolist()
    known = quadratic(h, n=N, gamma=GAMMA)
    name = f"regular, condition 1e{round(math.log10(condition))}"
    aim = FAR if condition > 1e3 else NEAR
    return Case(name, known.loss, known.center, known.value, "exact at this n and gamma", aim)


def product(first: int, second: int) -> Case:
    """The sum of :data:`COPIES` products ``u^(2 first) v^(2 second)``, each of its own two weights.

    The density is a product too, so that the target is as many times that of one.

    >>> product(1, 1).name
    '4 times u² v²'
    """

    def one(w: Tensor) -> Tensor:
        return w[:, 0] ** (2 * first) * w[:, 1] ** (2 * second)

    def loss(params: Params) -> Tensor:
        return one(params["w"].view(-1, 2)).view(-1, COPIES).sum(dim=1)

    far = 9 / math.sqrt(GAMMA)  # beyond it the localisation leaves nothing; the other signs mirror
    exact = quadrature_llc(one, [0.0, 0.0], NBETA, box=[(0, far)] * 2, gamma=GAMMA, tolerance=1e-7)
    powers = {1: "²", 2: "⁴"}
    name = f"{COPIES} times u{powers[first]} v{powers[second]}"
    center = {"w": torch.zeros(2 * COPIES)}
    return Case(name, loss, center, COPIES * exact, "exact at this n and gamma", NEAR)


def network(widths: tuple[int, ...], rank: int) -> Case:
    """A deep linear network at diag(I_r, 0) in every layer.

    >>> case = network((4, 4, 4), 2)
    >>> case.name, case.target, case.aim
    ('4-4-4, rank 2', 7.5, 0.02)
    """
    known = deep_linear(widths, rank)
    correction = leading_correction(known.multiplicity, NBETA)
    kind = "λ" if known.multiplicity == 1 else "λ with its leading correction"
    name = f"{'-'.join(map(str, widths))}, rank {rank}"
    if len(set(widths)) == 1 and len(widths) > 4:
        name = f"{widths[0]}-wide, {len(widths) - 1} layers, rank {rank}"
    aim = FAR if len(widths) > 4 else NEAR
    return Case(name, known.loss, known.center, known.value + correction, kind, aim)


def judged(case: Case, found: Sequence[LLC]) -> dict[str, Any]:
    """Estimates over seeds against the case's target."""
    values = np.array([one.value for one in found])
    errors = values / case.target - 1
    return {
        "case": case.name,
        "target": case.target,
        "kind": case.kind,
        "aim": case.aim,
        "values": values.tolist(),
        "errors": errors.tolist(),
        "standard_errors": [one.standard_error / case.target for one in found],
        "mean": float(errors.mean()),
        "rms": float(np.sqrt(np.mean(errors**2))),
        "warnings": [[warning.name for warning in one.warnings] for one in found],
    }


def starts(
    heated: dict[str, Any], case: Case, gradients: int, longer: int, progress: bool
) -> dict[str, Any]:
    """The deepest network estimated from w* and from hot chains, and with ``longer`` the gradients.

    Errors are relative to λ itself. What both starts agree on in the longer runs, of one seed, is
    what an estimate tends to at this n; the rest is the asymptotic target's. ``heated`` is what
    :func:`judged` found of the case, of widths :data:`DEEP`.
    """
    exact = deep_linear_llc(DEEP, 2)
    value, target = float(exact.value), heated["target"]
    arms = []
    for start, heat in (("from w*", 1.0), ("heated", HEAT)):
        seeds = range(len(heated["values"]))
        for count, some in ((gradients, seeds), (gradients * longer, seeds[:1])):
            row = heated
            if heat == 1 or count > gradients:
                found = [_estimate(case, count, progress, seed=s, heat=heat) for s in some]
                row = judged(case, found)
            errors = np.array(row["standard_errors"]) * target / value
            arms.append(
                {
                    "start": start,
                    "heat": heat,
                    "gradients": count,
                    "errors": [one / value - 1 for one in row["values"]],
                    "mean": float(np.mean(row["values"])) / value - 1,
                    "error": float(np.sqrt(np.sum(errors**2)) / len(errors)),
                    "warnings": row["warnings"],
                }
            )
    correction = leading_correction(exact.multiplicity, NBETA) / value
    return {
        "case": case.name,
        "llc": value,
        "multiplicity": exact.multiplicity,
        "leading_correction": correction,
        "arms": arms,
    }


def verdict(missed: int, cases: int, silent: int) -> Verdict:
    """Holds where every case is within its aim and no estimate is silently far off."""
    if not missed and not silent:
        return "holds"
    return "holds in a window" if missed < cases / 2 else "fails"


def _estimate(
    case: Case, gradients: int, progress: bool, *, seed: int, heat: float | None = None
) -> LLC:
    return estimate_llc(
        case.loss, params=case.center, n=N, gamma=GAMMA, gradients=gradients, heat=heat, seed=seed,
        progress=progress,
    )  # fmt: skip
