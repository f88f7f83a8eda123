"""Checkpoints of learning in context, the LLC at each in three ways, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch

from grokedu.claims.icl_stages.figure import figure
from grokedu.claims.icl_stages.in_context import (
    NOISE,
    SampledLoss,
    draw,
    in_context_task,
    polish,
    train_runs,
)
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.llc import llc_along
from grokedu.measures import l2_norm
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.models import InContextTransformer
from grokedu.models.parameters import Params
from grokedu.stages import ridge_predictor
from grokedu.tasks import random_stream


@dataclass(frozen=True)
class Arm:
    """Where the LLC is estimated: around weights "as trained" or "polished", at which gamma."""

    center: str
    gamma: float


@dataclass(frozen=True)
class Size:
    """How large the experiment is.

    Attributes:
        model: the architecture.
        seeds, batch, lr: of training; a batch has so many new sequences.
        records: the steps of the checkpoints; the last ends training.
        sequences: of the sampled loss.
        nbeta, chains, gradients: of an estimate.
        polish, polish_lr: steps and learning rate of polishing.
    """

    model: InContextTransformer
    seeds: int
    batch: int
    lr: float
    records: tuple[int, ...]
    sequences: int
    nbeta: float = 60.0
    chains: int = 4
    gradients: int = 800
    polish: int = 100
    polish_lr: float = 1e-3


ARMS = {
    "γ = 6": Arm("as trained", 6.0),
    "γ = 100": Arm("as trained", 100.0),
    "γ = 100, polished": Arm("polished", 100.0),
}
QUICK = Size(
    InContextTransformer(2, 4, width=16, heads=2, layers=2, hidden=16),
    seeds=3,
    batch=64,
    lr=0.01,
    records=(100, 700, 3000),
    sequences=128,
)
FULL = Size(
    InContextTransformer(4, 8),
    seeds=5,
    batch=256,
    lr=0.003,
    records=(100, 300, 1000, 3000, 10_000, 40_000, 80_000, 126_000, 220_000, 320_000, 500_000),
    sequences=4096,
    chains=8,
    gradients=2400,
)


def run(*, quick: bool, progress: bool) -> Outcome:
    """Quick: D = 2, K = 4, width 16, 3 runs of 3000 steps. Full: Hoogland's network and steps."""
    size = QUICK if quick else FULL
    model, steps = size.model, size.records
    sample = draw(model, size.sequences, random_stream(0, "sampled"))
    fresh = draw(model, 4096, random_stream(0, "held out"))
    task = in_context_task(model, sample, fresh)
    checkpoints = train_runs(
        model, task, steps, seeds=size.seeds, batch=size.batch, lr=size.lr, progress=progress
    )
    loss, held_out = SampledLoss(model, sample), SampledLoss(model, fresh)
    ridge = ridge_predictor(fresh[..., :-1], fresh[..., -1], NOISE)
    least = (ridge - fresh[..., -1]).square().mean().item()
    polished = {
        step: polish(model, task, params, size.polish, size.polish_lr)
        for step, params in checkpoints.items()
    }
    moved = np.array(
        [_distance(polished[at], params) / _norms(params) for at, params in checkpoints.items()]
    )
    centers = {"as trained": checkpoints, "polished": polished}
    norm, losses, sampled = (
        {
            name: np.array([[*what(params)] for params in one.values()])
            for name, one in centers.items()
        }
        for what in (
            _norms,
            lambda params: held_out(params, None)[0].tolist(),
            lambda params: loss(params, None)[0].tolist(),
        )
    )
    arms = {
        name: estimates(loss, centers[arm.center], arm.gamma, size, progress)
        for name, arm in ARMS.items()
    }
    llc = {name: one["llc"] for name, one in arms.items()}
    falls = {name: after_the_peak(one, norm[ARMS[name].center]) for name, one in llc.items()}
    return Outcome(
        verdict=_verdict(falls),
        says=_says(size, falls, arms, moved, losses, least),
        published=(
            "Hoogland et al. 2024 (arXiv 2402.02364), D = 4, nβ = 60, γ = 6: λ̂ changes by +21.4, "
            "+149, −12.3, −44.1, +3.56 in five stages that end at 1k, 40k, 126k, 320k and 500k "
            "steps; in the third and fourth it falls while the weight norm rises"
        ),
        numbers={
            **{name: value for name, value in vars(size).items() if name != "model"},
            "model": vars(model),
            "ridge_loss": least,
            "norm": norm,
            "loss": losses,
            "sampled_loss": sampled,
            "arms": {name: vars(ARMS[name]) | one for name, one in arms.items()},
            "moved_by_polishing": moved,
            "after_the_peak": falls,
        },
        seeds=range(size.seeds),
        draw=partial(
            figure,
            steps,
            losses,
            llc,
            norm,
            ridge=least,
            nbeta=size.nbeta,
            title=f"In-context regression, D = {model.dimension}, K = {model.examples}, "
            f"width {model.width}",
        ),
    )


def estimates(
    loss: SampledLoss,
    centers: Mapping[int, Params],
    gamma: float,
    size: Size,
    progress: bool,
) -> dict[str, Any]:
    """LLC, its Monte Carlo error and R-hat, each (T, S), and how often each warning was given.

    Args:
        centers: from the step to weights (S, ...).
        gamma: the localisation.
        size: with the runs, nbeta, chains and gradients.
    """
    runs = size.seeds
    found = llc_along(
        [
            {k: x[run] for k, x in params.items()}
            for params in centers.values()
            for run in range(runs)
        ],
        model=loss,
        n=loss.inputs[..., 0].numel(),
        progress=progress,
        nbeta=size.nbeta,
        gamma=gamma,
        chains=size.chains,
        gradients=size.gradients,
    )
    return {
        name: np.array([getattr(one, of) for one in found]).reshape(len(centers), runs)
        for name, of in (("llc", "value"), ("error", "standard_error"), ("rhat", "rhat"))
    } | {"warnings": dict(Counter(warning.name for one in found for warning in one.warnings))}


def after_the_peak(llc: Array, norm: Array) -> dict[str, Any]:
    """What LLC and norm do between the LLC's peak and the end, with intervals over runs.

    A peak chosen by a run's own noisy values would lie above what follows by chance alone, so each
    run's is where the mean of the *other* runs is highest; of one run alone, its own.

    Args:
        llc, norm: (T, S).

    >>> found = after_the_peak(np.array([[1.0, 2], [9, 8], [4, 6]]), np.array([[1.0, 1]] * 3))
    >>> found["peak"], found["llc"]["value"], found["norm"]["value"]
    ([1, 1], -3.5, 0.0)
    """
    runs = np.arange(llc.shape[1])
    others = [runs[runs != run] if len(runs) > 1 else runs for run in runs]
    peak = [int(llc[:, rest].mean(axis=1).argmax()) for rest in others]
    return {
        "peak": peak,
        "llc": bootstrap(llc[-1] - llc[peak, runs]),
        "norm": bootstrap(norm[-1] - norm[peak, runs]),
    }


def _verdict(falls: Mapping[str, Any]) -> Verdict:
    """It holds if the LLC falls and the norm rises, beyond both intervals, in every arm."""
    seen = [one["llc"]["high"] < 0 < one["norm"]["low"] for one in falls.values()]
    return "holds" if all(seen) else "holds in a window" if any(seen) else "fails"


def _says(
    size: Size,
    falls: Mapping[str, Any],
    arms: Mapping[str, Any],
    moved: Array,
    losses: Mapping[str, Array],
    least: float,
) -> str:
    steps, trained = size.records, losses["as trained"]
    each = []
    for name, one in falls.items():
        peaks = sorted({steps[at] for at in one["peak"]})
        path = ", ".join(f"{value:.0f}" for value in np.median(arms[name]["llc"], axis=1))
        each.append(
            f"{name}: {path}; from its peak (step {' or '.join(map(str, peaks))}) to the end it "
            f"changes by {said(one['llc'], '.1f')}, the norm by {said(one['norm'], '.1f')}; the "
            f"largest R-hat is {arms[name]['rhat'].max():.2f}"
        )
    return (
        f"λ̂ at nβ = {size.nbeta:g}, medians of {size.seeds} "
        f"runs at steps {', '.join(map(str, steps))}: " + ". ".join(each) + ". Polishing moves the "
        f"weights by {np.median(moved):.1%}. The loss on new sequences goes from "
        f"{np.median(trained[0]):.2f} to {np.median(trained[-1]):.2f}; ridge regression has "
        f"{least:.2f}"
    )


def _norms(params: Params) -> Array:
    return torch.vmap(l2_norm)(params).double().numpy()


def _distance(one: Params, other: Params) -> Array:
    return _norms({name: tensor - other[name] for name, tensor in one.items()})
