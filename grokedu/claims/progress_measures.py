"""Does a circuit form, seen in a few Fourier frequencies, long before the test accuracy moves?

The measures of Nanda et al. 2023 on the one-layer transformer, in four forms: restricted loss with
the final network's frequencies (as published), with the checkpoint's own, and of test pairs
alone with the checkpoint's own; and the excluded loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch

from grokedu import fourier
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.figures.style import (
    BLUE,
    SERIES,
    Described,
    count,
    log_scale,
    median_and_band,
    panels,
)
from grokedu.measures import cross_entropy
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.training import log_spaced, recipes
from grokedu.training.recipes import TransformerRecipe
from grokedu.training.runs import Runs

LOSSES = {
    "test_loss": "test loss",
    "restricted": "restricted, final frequencies",
    "restricted_own": "restricted, own frequencies",
    "restricted_test": "restricted, own, test pairs alone",
    "excluded": "excluded (train)",
}
# What counts as a few frequencies, and as the logits being made of them.
FEW, MADE_OF = 1 / 4, 0.9
LATE = ("W_E", "W_U", "W_O", "W_V", "W_in", "W_out")


def run(*, quick: bool, progress: bool) -> Outcome:
    """Train the transformer at p = 53 over 5 seeds (quick) or at p = 113 over 3, and measure."""
    recipe = recipes.TRANSFORMERS["p53-transformer" if quick else "p113-transformer"]
    runs = recipe(
        seeds=5 if quick else 3, checkpoints=log_spaced(recipe.steps, 16), progress=progress
    )
    found = measure(runs, recipe)
    return outcome(runs, recipe, found)


def measure(runs: Runs, recipe: TransformerRecipe) -> dict[str, Array]:
    """The measures at every checkpoint: ``steps`` (T,), the losses (T, S), and of the last weights.

    Args:
        runs: trained by the recipe, with checkpoints.
        recipe: tells the model and the tasks.
    """
    model, seeds = recipe.model, runs.labels["seed"].tolist()
    tasks = [recipe.task(seed) for seed in seeds]
    pairs, labels = tasks[0].inputs, tasks[0].targets

    def logits_of(weights: dict[str, torch.Tensor]) -> torch.Tensor:
        return model.apply(weights, pairs)[..., : model.p].double()

    final = logits_of(runs.params)
    keys = fourier.key_frequencies(fourier.sum_power(final))
    rows: list[dict[str, list[float]]] = []
    for weights in runs.checkpoints.values():
        logits = logits_of(weights)
        own = fourier.key_frequencies(fourier.sum_power(logits))
        row: dict[str, list[float]] = {"own_keys": own.sum(dim=-1).tolist()}
        row["restricted"] = fourier.restricted_loss(logits, labels, keys).tolist()
        row["restricted_own"] = fourier.restricted_loss(logits, labels, own).tolist()
        row["explained"] = (fourier.explained_by_sum(logits) * keys).sum(dim=-1).tolist()
        for at, task in enumerate(tasks):
            each = {
                "test_loss": cross_entropy(logits[at, task.test], labels[task.test]),
                "restricted_test": fourier.restricted_loss(logits[at], labels, own[at], task.test),
                "excluded": fourier.excluded_loss(logits[at], labels, task.train, keys[at]),
            }
            for name, value in each.items():
                row.setdefault(name, []).append(value.item())
        rows.append(row)
    _, explained = fourier.neuron_frequencies(model.hidden(runs.params, pairs))
    alone = torch.stack(
        [fourier.second_harmonic(one)[mine].max() for one, mine in zip(final, keys, strict=True)]
    )
    return {
        "steps": np.array([*runs.checkpoints]),
        **{name: np.array([row[name] for row in rows]) for name in rows[0]},
        "keys": keys.numpy(),
        "power": fourier.explained_by_sum(final).numpy(),
        "single_frequency_neurons": (explained > 0.85).double().mean(dim=-1).numpy(),
        "second_harmonic": alone.numpy(),
        "distance_irrelevance": fourier.distance_irrelevance(final).numpy(),
    }


def half_way(steps: Array, losses: Array, level: float) -> Array:
    """For each run, (S,), the first step after its loss's peak at which the loss is below a level.

    nan where it never is. The peak is taken over the whole run, so a loss that starts below the
    level and rises first, as a test loss does, counts only when it has come down again.

    >>> half_way(np.array([0, 1, 10, 100]), np.array([[1.0], [9.0], [6.0], [0.5]]), 2.0)
    array([100.])
    """
    after = np.arange(len(steps))[:, None] >= losses.argmax(axis=0)
    below = after & (losses < level)
    return np.where(below.any(axis=0), steps[below.argmax(axis=0)].astype(float), np.nan)


def half_ways(found: dict[str, Array], p: int) -> dict[str, Array]:
    """When each loss but the excluded one is half-way down from log p, (S,) by name."""
    names = [name for name in LOSSES if name != "excluded"]
    return {name: half_way(found["steps"], found[name], np.log(p) / 2) for name in names}


def judge(runs: Runs, p: int, found: dict[str, Array]) -> Verdict:
    """The verdict.

    *Holds* where in every run a few frequencies make up the final logits, the train loss without
    them ends above that of guessing, and the restricted loss is half-way down (from log p) before
    the test loss, also when it knows neither final frequencies nor train pairs; *holds in a window*
    where only some runs do all but the last.
    """
    half = half_ways(found, p)
    few = found["keys"].sum(axis=1) <= FEW * (p - 1) / 2
    shown = np.isfinite(runs.grokked_at()) & few & (found["explained"][-1] > MADE_OF)
    shown &= (found["excluded"][-1] > np.log(p)) & (half["restricted"] < half["test_loss"])
    if shown.all() and (half["restricted_test"] < half["test_loss"]).all():
        return "holds"
    return "holds in a window" if shown.any() else "fails"


def outcome(runs: Runs, recipe: TransformerRecipe, found: dict[str, Array]) -> Outcome:
    """The numbers, with intervals over runs, of measures that are already taken."""
    p, came = recipe.model.p, np.isfinite(runs.grokked_at())
    half = half_ways(found, p)
    leads = {name: half["test_loss"] / half[name] for name in half if name != "test_loss"}
    lead = {name: bootstrap(values) for name, values in leads.items()}
    late = np.stack([runs[f"norm_{name}"][-1] for name in LATE])
    norm = runs["l2_norm"]
    numbers: dict[str, Any] = {
        "p": p,
        "runs": len(runs),
        "grokked": int(came.sum()),
        "fitted": bootstrap(runs.fitted_at()),
        "generalised": bootstrap(runs.grokked_at()),
        "keys": [np.flatnonzero(one).tolist() for one in found["keys"]],
        "key_count": bootstrap(found["keys"].sum(axis=1)),
        "frequencies": (p - 1) // 2,
        "explained": bootstrap(found["explained"][-1]),
        "few": FEW,
        "made_of": MADE_OF,
        "half_level": np.log(p) / 2,
        "half_way": {name: bootstrap(values) for name, values in half.items()},
        "lead": lead,
        "ahead": {name: int((values > 1).sum()) for name, values in leads.items()},
        "excluded_at_end": bootstrap(found["excluded"][-1]),
        "excluded_least": bootstrap(found["excluded"].min(axis=0)),
        "single_frequency_neurons": bootstrap(found["single_frequency_neurons"]),
        "second_harmonic": bootstrap(found["second_harmonic"]),
        "distance_irrelevance": bootstrap(found["distance_irrelevance"]),
        "norm_peak": bootstrap(norm.max(axis=0)),
        "norm_at_end": bootstrap(norm[-1]),
        "late_norms": {name: bootstrap(values) for name, values in zip(LATE, late, strict=True)},
        "late_norm_ratio": bootstrap(late.max(axis=0) / late.min(axis=0)),
        "late_query_key_norms": {
            name: bootstrap(runs[f"norm_{name}"][-1]) for name in ("W_Q", "W_K")
        },
    }
    return Outcome(
        verdict=judge(runs, p, found),
        says=(
            f"{int(came.sum())} of {len(runs)} seeds generalised (p = {p}); "
            f"{said(numbers['key_count'])} of {(p - 1) // 2} frequencies hold "
            f"{said(numbers['explained'], '.0%')} of the final logits' variance. The restricted "
            f"loss is half-way {said(lead['restricted'], '.1f')} times earlier than the test loss "
            f"with the final frequencies, {said(lead['restricted_own'], '.1f')} times with those "
            f"of the checkpoint, {said(lead['restricted_test'], '.1f')} times when train pairs do "
            f"not enter; without the frequencies the train loss ends at "
            f"{said(numbers['excluded_at_end'], '.1f')} nats"
        ),
        published=(
            "Nanda et al. 2023 (arXiv 2301.05217), p = 113, one run: five key frequencies; "
            "the restricted loss falls and the excluded loss rises from step 1.4k to 9.4k, before "
            "the test loss falls at 9.4k to 14k; most neurons respond to one frequency"
        ),
        numbers=numbers,
        seeds=runs.labels["seed"].tolist(),
        draw=partial(figure, found, LOSSES, title=f"One-layer transformer, p = {p}"),
    )


FLOOR = 1e-3  # nats; below it losses are drawn at the edge


def figure(found: Mapping[str, Array], losses: Mapping[str, str], *, title: str = "") -> Described:
    """Losses of the network and of its parts against the step; and the power by frequency.

    Args:
        found: ``steps`` (T,), each loss (T, S), ``power`` (S, (p+1)/2) the share of the final
            logits' variance in each frequency of a + b, and ``keys`` of the same shape, bool.
        losses: the names of the losses to draw, with their labels.
        title: drawn above, if any.
    """
    figure, (left, right) = panels(2, width=10.4, height=4.2)
    after = found["steps"] > 0
    steps = found["steps"][after]
    for (name, label), style in zip(losses.items(), SERIES, strict=False):
        line = {"color": style["color"], "ls": style["ls"]}
        median_and_band(left, steps, np.maximum(found[name][after], FLOOR), label, **line)
    for name in ("x", "y"):
        log_scale(left, name)
    left.set(xlabel="optimizer step", ylabel="loss (nats)", xlim=(1, steps[-1]), ylim=(FLOOR, None))
    left.legend(frameon=False, fontsize=7.5, loc="lower left")
    power, keys = found["power"], found["keys"]
    for run, share in enumerate(power):
        style = SERIES[run % len(SERIES)]
        chosen = np.flatnonzero(keys[run])
        right.vlines(chosen, 0, share[chosen], color=style["color"], lw=1.2)
        right.plot(chosen, share[chosen], ls="", marker=style["marker"], ms=5, color=style["color"])
        others = np.setdiff1d(np.arange(1, len(share)), chosen)
        right.plot(others, share[others], ls="", marker=".", ms=2.5, color=BLUE, alpha=0.4)
    right.set(
        xlabel="frequency k of a + b",
        ylabel="share of the final logits' variance",
        xlim=(0, power.shape[1]),
        ylim=(0, None),
    )
    right.set_title("key frequencies marked, a sign a run", fontsize=9)
    if title:
        figure.suptitle(title)
    ends = ", ".join(f"{label} {np.median(found[name][-1]):.2g}" for name, label in losses.items())
    held = np.median((power * keys).sum(axis=1))
    figure.alt = (
        f"{title + '. ' if title else ''}Two panels of {count(len(power), 'run')}. Left, losses in "
        f"nats against the step, 1 to {steps[-1]}, both axes logarithmic; the medians end at "
        f"{ends}. Right, the share of the final logits' variance by frequency of a + b: the key "
        f"frequencies, {np.median(keys.sum(axis=1)):.0f} of {power.shape[1] - 1} in the median "
        f"run, hold {held:.0%} together."
    )
    return figure
