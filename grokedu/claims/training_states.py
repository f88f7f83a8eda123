"""Do runs pass through a few hidden states, and does where they stay tell when they generalise?

One hidden Markov model is fitted to plain measures of the weights of all runs. The R² of a linear
rule from the share of records in each state to the step of generalising is high almost by
construction, since a state that begins there tells it. So the same is asked of the records before
any run had generalised.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import pairwise, product
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.colors import ListedColormap

from grokedu.claims.outcome import Outcome, Verdict
from grokedu.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    YELLOW,
    Described,
    count,
    panels,
)
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import skill
from grokedu.models.two_layer import TwoLayer
from grokedu.stages import (
    choose_states,
    leading_changes,
    occupancy_predicts_convergence,
    routes,
    standardise_per_run,
    trajectory,
    transition_graph,
)
from grokedu.tasks import make_task
from grokedu.training import train
from grokedu.training.runs import Runs

FRACTION = 0.6
QUICK: dict[str, Any] = {
    "p": 23,
    "width": 64,
    "seeds": 5,
    "lr": [0.005, 0.01, 0.02],
    "weight_decay": [0.5, 1.0],
    "steps": 2000,
    "every": 25,
    "candidates": range(1, 8),
    "restarts": 2,
}
FULL: dict[str, Any] = QUICK | {
    "p": 31,
    "width": 128,
    "seeds": 7,
    "steps": 3000,
    "candidates": range(1, 9),
    "restarts": 5,
}
TELLS = 0.9  # an R² on runs left out from which on occupancies tell, near the published 0.977
SOME = 0.5  # and one from which on they tell something


def run(*, quick: bool, progress: bool) -> Outcome:
    """Quick: p = 23, 30 runs of 2000 steps. Full: p = 31, 42 runs of 3000."""
    setting = QUICK if quick else FULL
    p = setting["p"]
    grid = [*product(range(setting["seeds"]), setting["lr"], setting["weight_decay"])]
    seeds, rates, decays = (list(column) for column in zip(*grid, strict=True))
    steps = [*range(0, setting["steps"] + 1, setting["every"])]
    runs = train(
        TwoLayer(p, setting["width"]),
        partial(make_task, "modular_addition", p, FRACTION),
        seeds=seeds,
        steps=setting["steps"],
        lr=rates,
        weight_decay=decays,
        record=steps,
        checkpoints=steps,
        progress=progress,
    )
    measured, names = trajectory(runs.checkpoints)
    choice = choose_states(
        standardise_per_run(measured), setting["candidates"], restarts=setting["restarts"]
    )
    path, arrived = choice.fit.path, runs.grokked_at()
    whole = occupancy_predicts_convergence(path, arrived, choice.states)
    first = np.nanmin(arrived) if np.isfinite(arrived).any() else runs.steps[-1]
    before = runs.steps < first
    early = occupancy_predicts_convergence(path[before], arrived, choice.states)
    alone = setting_alone(runs, arrived)
    ways = routes(path)
    longest = next(iter(ways))
    return Outcome(
        verdict=_verdict(choice.states, whole, early),
        says=(
            f"{choice.states} states by the criterion on held-out runs; R² of the step of "
            f"generalising from occupancies {whole['r2']:.3f} ({whole['r2_left_out']:.3f} on runs "
            f"left out, {whole['r2_one']:.3f} from state {whole['best_state']} alone) over "
            f"{whole['runs']} runs, {whole['censored']} censored; from the records before any run "
            f"had generalised {early['r2_left_out']:.3f} on runs left out; from learning rate and "
            f"weight decay alone {alone:.3f} on runs left out; {len(ways)} different "
            f"routes, the commonest taken by {len(ways[longest])} of {len(runs)} runs"
        ),
        published=(
            "Hu et al. 2023 (arXiv 2308.09543): six states for modular addition over 40 seeds, R² "
            "0.977 of the convergence time from occupancies"
        ),
        numbers={
            "p": p,
            "measures": names,
            "states": choice.states,
            "bic": choice.bic,
            "held_out": choice.held_out,
            "r2": whole,
            "r2_before_any": early,
            "r2_left_out_of_the_setting_alone": alone,
            "first_grok": float(first),
            "routes": [{"states": list(way), "runs": len(who)} for way, who in ways.items()],
            "transitions": transition_graph(path, choice.states),
            "along_the_commonest": [
                {
                    "from": start,
                    "to": end,
                    "changes": dict(leading_changes(choice.fit.means, names, start, end)),
                }
                for start, end in pairwise(longest)
            ],
        },
        seeds=[*range(setting["seeds"])],
        draw=partial(
            figure,
            runs.steps,
            path,
            arrived,
            choice.bic,
            title=f"p = {p}: {len(setting['lr'])} learning rates × "
            f"{len(setting['weight_decay'])} weight decays × {setting['seeds']} seeds",
        ),
    )


def _verdict(states: int, whole: dict[str, Any], early: dict[str, Any]) -> Verdict:
    if states < 2 or not whole["r2_left_out"] >= SOME:
        return "fails"
    tells = whole["r2_left_out"] >= TELLS and early["r2_left_out"] >= SOME
    return "holds" if tells else "holds in a window"


def setting_alone(runs: Runs, arrived: Array) -> float:
    """The R² on runs left out of a linear rule from learning rate and weight decay, in logarithms.

    Runs differ in both, which are known before training, so that this is what states must beat.
    """
    known = np.isfinite(arrived)
    if known.sum() < 5:
        return float("nan")
    design = np.column_stack(
        [np.ones(known.sum()), *(np.log(runs.labels[k][known]) for k in ("lr", "weight_decay"))]
    )
    wanted, told, plain = arrived[known], np.empty(known.sum()), np.empty(known.sum())
    for run in range(len(wanted)):
        rest = np.arange(len(wanted)) != run
        told[run] = design[run] @ np.linalg.lstsq(design[rest], wanted[rest], rcond=None)[0]
        plain[run] = wanted[rest].mean()
    return skill(told, plain, wanted)


COLOURS = [BLUE, ORANGE, GREEN, VERMILION, SKY, PURPLE, YELLOW, "#999999"]


def figure(
    steps: npt.ArrayLike,
    path: npt.ArrayLike,
    convergence: npt.ArrayLike,
    bic: Mapping[int, float],
    *,
    title: str = "",
) -> Described:
    """Left, the state of every run at every record, runs sorted by when they converged; right, BIC.

    Args:
        steps: (T,) of the records.
        path: (T, S) states, 0 .. N-1, at most eight.
        convergence: (S,) a step a run, nan where it never came: those are at the top.
        bic: number of states to the criterion on held-out runs.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=9.2)
    at, states, when = np.asarray(steps), np.asarray(path), np.asarray(convergence)
    order = np.argsort(np.nan_to_num(when, nan=np.inf), kind="stable")
    number = int(states.max()) + 1
    edges = np.concatenate([at[:1], (at[1:] + at[:-1]) / 2, at[-1:]])
    left.pcolormesh(
        edges,
        np.arange(len(order) + 1) - 0.5,
        states[:, order].T,
        cmap=ListedColormap(COLOURS[:number]),
        vmin=-0.5,
        vmax=number - 0.5,
    )
    left.plot(when[order], np.arange(len(order)), ".", color=BLACK, ms=7, mec="white", mew=0.6)
    left.grid(False)
    for state in range(number):
        rows, columns = np.nonzero(states[:, order] == state)
        if len(rows):  # each state is named where it is, besides by its colour
            left.annotate(
                str(state),
                (at[int(np.median(rows))], float(np.median(columns))),
                ha="center",
                va="center",
                fontsize=9,
                bbox={"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8},
            )
    left.set(xlabel="optimizer step", ylabel="run, by when it generalised (dot)")
    tried = sorted(bic)
    right.plot(tried, [bic[one] for one in tried], color=BLUE, marker="o", ms=5, lw=1.6)
    best = min(tried, key=lambda one: bic[one])
    right.plot([best], [bic[best]], "o", color=VERMILION, ms=10, mfc="none", mew=1.6)
    right.set(xlabel="hidden states", ylabel="BIC on held-out runs (nats)", xticks=tried)
    right.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    if title:
        figure.suptitle(title)
    shares = ", ".join(f"{(states == state).mean():.0%} in {state}" for state in range(number))
    figure.alt = (
        f"Two panels. Left, the hidden state of each of {count(len(order), 'run')} over "
        f"{at[-1]} steps, runs sorted by when they generalised ({np.isfinite(when).sum()} did), "
        f"with a dot there; of all records {shares}. Right, the Bayesian information criterion on "
        "held-out runs by the number of states: "
        + ", ".join(f"{one}: {bic[one]:.0f}" for one in tried)
        + f"; lowest at {best}."
    )
    return figure
