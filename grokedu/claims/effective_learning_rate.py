"""How much of what a large norm costs is the small angle of Adam's steps?

On the sphere of α = 8 a step of Adam turns the weights by about an eighth of the angle at α = 1. So
α is crossed with the remedies: a learning rate times α, the radial part taken out of the gradient
before Adam's moments, and five times the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor

from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.claims.remedies import ARMS, CROSSED, FULL, SHRUNK, Measures, Own, figure, measure
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.sphere import Landscape, share_explained

__all__ = [
    "ARMS",
    "CROSSED",
    "FULL",
    "SHRUNK",
    "Own",
    "explained",
    "explained_by",
    "figure",
    "judge",
    "judge_errors",
    "measure",
    "of_the_map",
    "run",
    "table",
]

Share = Callable[[Tensor, Tensor, Tensor], Tensor]

HALF = 0.5
MOST = 0.9  # a remedy that takes away this share explains the cost


def run(*, quick: bool, progress: bool) -> Outcome:
    """Train every arm over three seeds of 300 steps (quick), or five of 1000."""
    seeds, steps = range(3 if quick else 5), 300 if quick else 1000
    found = measure(ARMS, seeds, steps=steps, progress=progress)
    shares = explained_by(found, ("train_loss", "test_error"))
    verdict, best = judge(shares)
    arms = {
        name: {measure: bootstrap(values) for measure, values in measured.items()}
        for name, measured in found.items()
    }
    turns = arms["α = 1"]["angular_step"]["value"] / arms["α = 8"]["angular_step"]["value"]
    return Outcome(
        verdict=verdict,
        says=(
            f"a step at α = 8 turns by {turns:.1f} times less than at α = 1; of the train loss "
            "that α = 8 adds, and of the test error, go away with "
            + "; ".join(
                f"{name} {said(one['train_loss'], '.0%')} and {said(one['test_error'], '.0%')}"
                for name, one in shares.items()
            )
        ),
        published=(
            "Liu et al. 2022 (arXiv 2210.01117) call the high train loss above α = 4 some "
            "optimization issue; that it is the step size is this course's reading"
        ),
        numbers={
            "steps": steps,
            "arms": {_key(name): one for name, one in arms.items()},
            "explained": {_key(name): one for name, one in shares.items()},
            "best_remedy_for_the_test_error": best,
        },
        seeds=[*seeds],
        draw=partial(
            figure,
            found,
            title=f"MNIST at a fixed norm, {FULL.size} images, Adam, {steps} steps or 5 times that",
        ),
    )


def explained(found: Measures, name: str, part: str, share: Share = share_explained) -> Array:
    """(S,) the share of what α = 8 adds to α = 1 that a remedy takes away, seed by seed."""
    one, eight, remedy = (torch.tensor(found[arm][part]) for arm in ("α = 1", "α = 8", name))
    return torch.as_tensor(share(one, eight, remedy)).numpy()


def explained_by(
    found: Measures, parts: Sequence[str], share: Share = share_explained
) -> dict[str, dict[str, dict[str, float]]]:
    """The mean share that each remedy takes away of each part, with its interval over seeds."""
    return {
        name: {part: bootstrap(explained(found, name, part, share), np.mean) for part in parts}
        for name in found
        if name not in ("α = 1", "α = 8")
    }


def judge_errors(shares: Mapping[str, Mapping[str, dict[str, float]]]) -> tuple[Verdict, str]:
    """The verdict from the shares of both errors.

    The step's angle is the whole cost where the best remedies take nine tenths of train and of test
    error away, and a part of it where the best one surely takes more than half of the train error.
    """
    parts = ("train_error", "test_error")
    best = {part: max(shares, key=lambda name: shares[name][part]["value"]) for part in parts}
    most = {part: shares[best[part]][part] for part in parts}
    told = [f"{most[part]['value']:.0%} ({best[part]})" for part in parts]
    verdict: Verdict = (
        "holds"
        if min(one["value"] for one in most.values()) >= MOST
        else "holds in a window"
        if most["train_error"]["low"] > HALF
        else "fails"
    )
    return verdict, (
        f"the best remedy takes away {told[0]} of the train error that α = 8 adds, and {told[1]} "
        "of the test error"
    )


def table(found: Measures, shares: Mapping[str, Mapping[str, dict[str, float]]]) -> list[str]:
    """How much less a step turns in each arm than at α = 1, and what each remedy takes away."""
    turned = found["α = 1"]["angular_step"]
    told = [f"{'':30} {'turns less, times':>17} {'of train error':>20} {'of test error':>20}"]
    for name, one in found.items():
        parts = [said(share, ".0%") for share in shares.get(name, {}).values()]
        less = np.median(turned / one["angular_step"])
        told.append(" ".join([f"{name:30} {less:17.2g}", *(f"{part:>20}" for part in parts)]))
    return told


def of_the_map(given: Landscape, scaled: Landscape, share: Share = share_explained) -> list[str]:
    """A line for each size and error: what the rate times α does at the largest α of a map."""
    told, one = [], [*given.alphas].index(1.0)
    for at, size in enumerate(given.sizes):
        for part in ("train", "test"):
            before, after = (
                1 - getattr(found, f"{part}_accuracy")[at] for found in (given, scaled)
            )
            rows = (torch.tensor(errors) for errors in (before[one], before[-1], after[-1]))
            gone = torch.as_tensor(share(*rows)).numpy()
            went = f"{np.median(before[-1]):.2f} to {np.median(after[-1]):.2f}"
            known = "not all seeds have a cost"
            if not np.isnan(gone).any():
                known = f"of the cost {said(bootstrap(gone, np.mean), '.0%')} gone"
            told.append(
                f"{size:.0f} digits, α = {given.alphas[-1]:g}, {part} error: {went}; {known}"
            )
    return told


def judge(shares: dict[str, dict[str, dict[str, float]]]) -> tuple[Verdict, str]:
    """The verdict, and which remedy takes most of the test error away.

    The step size explains the cost where one remedy takes nine tenths of both train loss and test
    error away, and a part of it where one takes nine tenths of the train loss.
    """
    best = max(shares, key=lambda name: shares[name]["test_error"]["value"])
    both = any(
        min(one["train_loss"]["value"], one["test_error"]["value"]) >= MOST
        for one in shares.values()
    )
    train = any(one["train_loss"]["value"] >= MOST for one in shares.values())
    return "holds" if both else "holds in a window" if train else "fails", best


def _key(name: str) -> str:
    words = name.replace("α", "alpha").replace("×", "times")
    return "_".join("".join(c if c.isalnum() else " " for c in words).split())
