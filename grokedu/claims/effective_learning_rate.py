"""How much of what a large norm costs is the small angle of Adam's steps?

On the sphere of α = 8 a step of Adam turns the weights by about an eighth of the angle at α = 1. So
α is crossed with the remedies: a learning rate times α, the radial part taken out of the gradient
before Adam's moments, and five times the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import tqdm

from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.figures.style import BLUE, GREEN, VERMILION, Described, log_scale, panels
from grokedu.measures.arrays import Array
from grokedu.measures.statistics import bootstrap
from grokedu.models.mlp import MLP
from grokedu.sphere import (
    Landscape,
    SphereStep,
    SphereSteps,
    adam_on_sphere,
    angular_step,
    share_explained,
    sphere_step,
    tangent,
)
from grokedu.tasks import Task, mnist_task, shrunk
from grokedu.training import train
from grokedu.training.threads import in_threads

Measures = Mapping[str, Mapping[str, Array]]
Share = Callable[[Tensor, Tensor, Tensor], Tensor]

ALPHA, BATCH, RATE = 8.0, 100, 1e-3
HALF = 0.5
MOST = 0.9  # a remedy that takes away this share explains the cost


@dataclass(frozen=True)
class Arm:
    """A remedy: factors of rate and steps, decay to zero, projected gradient, SGD at a rate."""

    alpha: float = ALPHA
    rate: float = 1.0
    longer: int = 1
    decay: bool = False
    gradient: bool = False
    sgd: float | None = None  # with momentum 0.9, in place of Adam


ARMS: dict[str, Arm] = {
    "α = 1": Arm(alpha=1.0),
    "α = 8": Arm(),
    "gradient projected": Arm(gradient=True),
    "rate × 8": Arm(rate=8),
    "rate × 8, to zero": Arm(rate=8, decay=True),
    "5 × steps": Arm(longer=5),
    "rate × 8, to zero, 5 × steps": Arm(rate=8, decay=True, longer=5),
}
CROSSED: dict[str, Arm] = {
    "α = 1": Arm(alpha=1.0),
    "α = 8": Arm(),
    "gradient projected": Arm(gradient=True),
    "rate × 8": Arm(rate=8),
    "rate × 8, projected": Arm(rate=8, gradient=True),
    "4 × steps": Arm(longer=4),
    "rate × 8, 4 × steps": Arm(rate=8, longer=4),
    "all three": Arm(rate=8, gradient=True, longer=4),
    "SGD with momentum, 4 × steps": Arm(sgd=1e-3, longer=4),
}


@dataclass(frozen=True)
class Own:
    """One's own functions in place of the library's, see :mod:`grokedu.sphere`."""

    sphere_step: SphereStep | None = None
    tangent: Callable[[dict[str, Tensor], dict[str, Tensor]], Mapping[str, Tensor]] = tangent
    angular_step: Callable[[dict[str, Tensor], dict[str, Tensor]], Tensor | float] = angular_step


@dataclass(frozen=True)
class Images:
    """The network, and how many images it is trained on, of 28 x 28 or shrunk to 14 x 14."""

    model: MLP
    size: int
    small: bool

    def task(self, seed: int) -> Task:
        """The images of a seed."""
        task = mnist_task(self.size, seed)
        return shrunk(task) if self.small else task


FULL, SHRUNK = (
    Images(MLP((784, 200, 200, 10)), 1000, False),
    Images(MLP((196, 100, 100, 10)), 500, True),
)


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


def measure(
    arms: Mapping[str, Arm],
    seeds: Sequence[int],
    *,
    steps: int,
    images: Images = FULL,
    own: Own | None = None,
    progress: bool = False,
) -> Measures:
    """Train every arm over the seeds: what to call it, the name of a measure, (S,) at the end.

    Args:
        arms: the remedies, "α = 1" and "α = 8" among them.
        seeds: of images, weights and batches; every arm has the same.
        steps: of an arm whose ``longer`` is 1.
        images: network and data.
        own: one's own functions; by default the library's, for all runs at once.
        progress: whether to show a bar.

    Returns:
        "train_loss", "train_error", "test_error" and "angular_step", the angle in radians of the
        step half-way, where a rate that goes to zero is half of itself.
    """
    runs = [(arm, seed) for arm in arms.values() for seed in seeds]
    rows = in_threads(lambda run: train_arm(*run, steps, images, own or Own()), runs)
    done = [*tqdm(rows, total=len(runs), disable=not progress, unit="run")]
    each = [done[at : at + len(seeds)] for at in range(0, len(done), len(seeds))]
    return {
        name: {part: np.array([row[part] for row in group]) for part in group[0]}
        for name, group in zip(arms, each, strict=True)
    }


def train_arm(arm: Arm, seed: int, steps: int, images: Images, own: Own) -> dict[str, float]:
    """Train one run of an arm; its measures at the end."""
    last = steps * arm.longer
    half = max(1, last // 2)
    kind = adam_on_sphere(own.sphere_step, gradient=own.tangent if arm.gradient else None)
    if arm.sgd is not None:
        descent = partial(torch.optim.SGD, momentum=0.9)
        move = own.sphere_step or sphere_step
        kind["optimizer"] = partial(SphereSteps, descent, move=move)
    found = train(
        images.model,
        images.task(seed),
        seeds=[seed],
        steps=last,
        lr=(arm.sgd or RATE) * arm.rate,
        alpha=arm.alpha,
        loss="mse",
        batch_size=BATCH,
        schedule=_to_zero if arm.decay else None,
        record=[last],
        checkpoints=[half - 1, half],
        progress=False,
        **kind,
    )
    before, after = (
        {name: t[0] for name, t in found.checkpoints[step].items()} for step in (half - 1, half)
    )
    return {
        "train_loss": found["train_loss"][-1, 0],
        "train_error": 1 - found["train_accuracy"][-1, 0],
        "test_error": 1 - found["test_accuracy"][-1, 0],
        "angular_step": float(own.angular_step(before, after)),
    }


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


def _to_zero(done: float) -> float:
    return 1 - done


def _key(name: str) -> str:
    words = name.replace("α", "alpha").replace("×", "times")
    return "_".join("".join(c if c.isalnum() else " " for c in words).split())


def figure(found: Measures, *, title: str = "") -> Described:
    """A row an arm: left the train loss, right the train and test error, a marker a run.

    Args:
        found: from what to call an arm to its measures at the end, (S,) each: train_loss,
            train_error and test_error.
        title: drawn above, if any.
    """
    picture, (left, right) = panels(2, width=9.6, height=1.5 + 0.42 * len(found), left=2.2, gap=0.4)
    said = []
    for at, (name, measures) in enumerate(found.items()):
        for axes, measure, style in (
            (left, "train_loss", {"color": GREEN, "marker": "^"}),
            (right, "train_error", {"color": BLUE, "marker": "s", "mfc": "none"}),
            (right, "test_error", {"color": VERMILION, "marker": "o"}),
        ):
            values = measures[measure]
            label = measure.replace("_", " ") if at == 0 else None
            axes.plot(values, np.full(len(values), -at), ls="", ms=5, label=label, **style)
        middle = {measure: np.median(values) for measure, values in measures.items()}
        said.append(
            f"{name}: train loss {middle['train_loss']:.2g}, train error "
            f"{middle['train_error']:.2f}, test error {middle['test_error']:.2f}"
        )
    log_scale(left, "x")
    left.set(xlabel="train loss at the end")
    right.set(xlabel="error at the end", xlim=(-0.03, 1.0))
    left.set_yticks(-np.arange(len(found)), [*found], fontsize=8)
    right.set_yticks(-np.arange(len(found)), [""] * len(found))
    right.legend(frameon=False, fontsize=8)
    if title:
        picture.suptitle(title, fontsize=10)
    picture.alt = (
        "Train loss, on a log axis, and train and test error at the end of training, a row for "
        f"each arm and a marker for each run; medians: {'; '.join(said)}."
    )
    return picture
