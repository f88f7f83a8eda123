"""Does the LLC fall in a late stage of in-context regression while the weight norm rises?

A transformer learns linear regression in its context from sequences that are always new. The LLC is
that of the mean squared error over a fixed sample of other sequences. Training leaves the weights
beside a minimum of that loss, not in one. Two remedies are tried: a larger γ, and weights that have
been polished by some steps on the sample itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from grokedu.claims.in_context import NOISE, SampledLoss, draw, in_context_task, polish, train_runs
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.figures.style import (
    BLACK,
    SERIES,
    Described,
    count,
    log_scale,
    median_and_band,
    panels,
)
from grokedu.llc import llc_along
from grokedu.measures import l2_norm
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.models import InContextTransformer
from grokedu.models.parameters import Params
from grokedu.stages import ridge_predictor
from grokedu.tasks import random_stream

ARMS: dict[str, dict[str, Any]] = {
    "γ = 6": {"center": "as trained", "gamma": 6.0},
    "γ = 100": {"center": "as trained", "gamma": 100.0},
    "γ = 100, polished": {"center": "polished", "gamma": 100.0},
}
QUICK: dict[str, Any] = {
    "model": InContextTransformer(2, 4, width=16, heads=2, layers=2, hidden=16),
    "seeds": 3,
    "batch": 64,
    "lr": 0.01,
    "records": [100, 700, 3000],  # the last is the number of steps
    "sequences": 128,
    "nbeta": 60.0,
    "chains": 4,
    "gradients": 800,
    "polish": 100,
    "polish_lr": 1e-3,
}
FULL: dict[str, Any] = QUICK | {
    "model": InContextTransformer(4, 8),
    "seeds": 5,
    "batch": 256,
    "lr": 0.003,
    "records": [100, 300, 1000, 3000, 10_000, 40_000, 80_000, 126_000, 220_000, 320_000, 500_000],
    "sequences": 4096,
    "chains": 8,
    "gradients": 2400,
}


def run(*, quick: bool, progress: bool) -> Outcome:
    """Quick: D = 2, K = 4, width 16, 3 runs of 3000 steps. Full: Hoogland's network and steps."""
    setting = QUICK if quick else FULL
    model, steps = setting["model"], setting["records"]
    kept = {name: setting[name] for name in ("seeds", "batch", "lr")}
    sample = draw(model, setting["sequences"], random_stream(0, "sampled"))
    fresh = draw(model, 4096, random_stream(0, "held out"))
    task = in_context_task(model, sample, fresh)
    checkpoints = train_runs(model, task, steps, **kept, progress=progress)
    loss, held_out = SampledLoss(model, sample), SampledLoss(model, fresh)
    ridge = ridge_predictor(fresh[..., :-1], fresh[..., -1], NOISE)
    least = (ridge - fresh[..., -1]).square().mean().item()
    polished = {
        step: polish(model, task, params, setting["polish"], setting["polish_lr"])
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
        name: estimates(loss, centers[arm["center"]], setting | arm, progress)
        for name, arm in ARMS.items()
    }
    llc = {name: one["llc"] for name, one in arms.items()}
    falls = {name: after_the_peak(one, norm[ARMS[name]["center"]]) for name, one in llc.items()}
    return Outcome(
        verdict=_verdict(falls),
        says=_says(setting, falls, arms, moved, losses, least),
        published=(
            "Hoogland et al. 2024 (arXiv 2402.02364), D = 4, nβ = 60, γ = 6: λ̂ changes by +21.4, "
            "+149, −12.3, −44.1, +3.56 in five stages that end at 1k, 40k, 126k, 320k and 500k "
            "steps; in the third and fourth it falls while the weight norm rises"
        ),
        numbers={
            **{name: value for name, value in setting.items() if name != "model"},
            "model": vars(model),
            "ridge_loss": least,
            "norm": norm,
            "loss": losses,
            "sampled_loss": sampled,
            "arms": {name: ARMS[name] | one for name, one in arms.items()},
            "moved_by_polishing": moved,
            "after_the_peak": falls,
        },
        seeds=range(setting["seeds"]),
        draw=partial(
            figure,
            steps,
            losses,
            llc,
            norm,
            ridge=least,
            nbeta=setting["nbeta"],
            title=f"In-context regression, D = {model.dimension}, K = {model.examples}, "
            f"width {model.width}",
        ),
    )


def estimates(
    loss: SampledLoss,
    centers: Mapping[int, Params],
    setting: Mapping[str, Any],
    progress: bool,
) -> dict[str, Any]:
    """LLC, its Monte Carlo error and R-hat, each (T, S), and how often each warning was given.

    Args:
        centers: from the step to weights (S, ...).
        setting: with nbeta, gamma, chains and gradients.
    """
    runs = setting["seeds"]
    found = llc_along(
        [
            {k: x[run] for k, x in params.items()}
            for params in centers.values()
            for run in range(runs)
        ],
        model=loss,
        n=loss.inputs[..., 0].numel(),
        progress=progress,
        **{name: setting[name] for name in ("nbeta", "gamma", "chains", "gradients")},
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
    setting: Mapping[str, Any],
    falls: Mapping[str, Any],
    arms: Mapping[str, Any],
    moved: Array,
    losses: Mapping[str, Array],
    least: float,
) -> str:
    steps, trained = setting["records"], losses["as trained"]
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
        f"λ̂ at nβ = {setting['nbeta']:g}, medians of {setting['seeds']} "
        f"runs at steps {', '.join(map(str, steps))}: " + ". ".join(each) + ". Polishing moves the "
        f"weights by {np.median(moved):.1%}. The loss on new sequences goes from "
        f"{np.median(trained[0]):.2f} to {np.median(trained[-1]):.2f}; ridge regression has "
        f"{least:.2f}"
    )


def _norms(params: Params) -> Array:
    return l2_norm(params, run_axis=True).double().numpy()


def _distance(one: Params, other: Params) -> Array:
    return _norms({name: tensor - other[name] for name, tensor in one.items()})


def figure(
    steps: Sequence[int],
    loss: Mapping[str, Array],
    llc: Mapping[str, Array],
    norm: Mapping[str, Array],
    *,
    ridge: float,
    nbeta: float,
    title: str = "",
) -> Described:
    """Three panels over the same steps; medians over runs, the range over runs as a band.

    Args:
        steps: (T,) of the checkpoints, positive.
        loss, norm: from which weights are meant to (T, S).
        llc: from the localisation, and which weights, to (T, S).
        ridge: the loss of ridge regression, a horizontal line.
        nbeta: n times the inverse temperature of the learning coefficient.
        title: drawn above, if any.
    """
    figure, axes = panels(3, width=11.5, height=3.8)
    measured = {
        "loss on new sequences": loss,
        f"LLC (nβ = {nbeta:g})": llc,
        "L2 norm of the weights": norm,
    }
    said = []
    for one, (label, each) in zip(axes, measured.items(), strict=True):
        for (name, values), style in zip(each.items(), SERIES, strict=False):
            median_and_band(one, steps, values, name, **style)
            middle = ", ".join(f"{value:.3g}" for value in np.median(values, axis=1))
            said.append(f"{label}, {name}: {middle}.")
        log_scale(one, "x")
        one.set(xlabel="step", ylabel=label)
    axes[0].axhline(ridge, color=BLACK, lw=1.0, ls=":", label="ridge regression")
    for one in axes:
        low, high = one.get_ylim()
        one.set_ylim(low, high + 0.3 * (high - low))  # room for the legend
        one.legend(frameon=False, fontsize=8, loc="upper left")
    if title:
        figure.suptitle(title, fontsize=10)
    runs = count(next(iter(llc.values())).shape[1], "run")
    figure.alt = (
        f"Three panels against the step, medians over {runs}, at {', '.join(map(str, steps))}. "
        f"{' '.join(said)} Ridge regression has a loss of {ridge:.3g}."
    )
    return figure
