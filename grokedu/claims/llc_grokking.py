"""Does the local learning coefficient fall when a network groks, and what tells the test loss best?

One-hidden-layer networks on addition modulo 31, trained with the cross-entropy or the squared
error, and at checkpoints of each the estimate at three localisations gamma, beside the norm, the
average log-probabilities, the Hessian's trace and the restricted loss.

Under the cross-entropy the train loss has no finite minimum, and with either loss a checkpoint in
the middle of training is no minimum. So what is estimated is a statistic at its gamma and nbeta.
Weight decay inside the loss would be no remedy: AdamW's acts beside the rescaled gradient, so that
its weights are no minimum of the loss with a penalty either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from torch import Tensor

from grokedu import figures, fourier
from grokedu.claims.outcome import Outcome, Verdict, said
from grokedu.figures.llc_grokking import MEASURES
from grokedu.llc import LLC, llc_along
from grokedu.llc.sampling.problem import inverse_temperature
from grokedu.measures import cross_entropy, mean_squared_error
from grokedu.measures.arrays import Array
from grokedu.measures.curvature import hessian_trace
from grokedu.measures.statistics import bootstrap, rank_correlation
from grokedu.models import TwoLayer
from grokedu.models.gradients import ExactLoss
from grokedu.tasks import Task, make_task, random_stream
from grokedu.training import log_spaced, train
from grokedu.training.runs import Runs

LOSSES = {"cross_entropy": cross_entropy, "mse": mean_squared_error}
RUNS = 5
SIZES = {True: (5, 440), False: (40, 480)}  # checkpoints and gradients, by whether it is quick


@dataclass(frozen=True)
class Setting:
    """How networks are trained and where their estimates are taken.

    Attributes:
        loss: "cross_entropy" or "mse", trained with and sampled.
        steps: of training.
        gammas: the localisations.
        p, width: the network's.
        lr, weight_decay: AdamW's.
    """

    loss: str
    steps: int
    gammas: tuple[float, ...] = (10.0, 30.0, 100.0)
    p: int = 31
    width: int = 128
    lr: float = 0.003
    weight_decay: float = 1.0

    @property
    def model(self) -> TwoLayer:
        """The architecture."""
        return TwoLayer(self.p, self.width)

    @property
    def task(self) -> partial[Task]:
        """From a seed to its half of all pairs."""
        return partial(make_task, "modular_addition", self.p, 0.5)

    def checkpoints(self, count: int) -> list[int]:
        """Steps even in their square root: early ones are closer than late ones.

        >>> SETTINGS[0].checkpoints(6)
        [42, 167, 375, 667, 1042, 1500]
        """
        at = self.steps * (np.arange(1, count + 1) / count) ** 2
        return sorted({*np.maximum(np.round(at), 1).astype(int).tolist()})


SETTINGS = (Setting("cross_entropy", 1500), Setting("mse", 900))


def run(*, quick: bool, progress: bool) -> Outcome:
    """5 runs with each loss, of 5 checkpoints (quick) or 40."""
    return outcome(measured(quick, progress))


@cache
def measured(quick: bool, progress: bool) -> dict[str, dict[str, Any]]:
    """For each loss what :func:`along` gives; once in a process."""
    count, gradients = SIZES[quick]
    return {
        each.loss: along(each, range(RUNS), count, gradients=gradients, progress=progress)
        for each in SETTINGS
    }


def along(
    setting: Setting,
    seeds: Sequence[int],
    count: int,
    *,
    gradients: int = 480,
    chains: int = 4,
    samples: int = 50,
    progress: bool = True,
) -> dict[str, Any]:
    """Train, and measure at ``count`` checkpoints.

    Args:
        setting: of the networks.
        seeds: a run each.
        gradients, chains: of an estimate, each chain so many gradients.
        samples: of the Hessian's trace.

    Returns:
        ``steps`` (T,); ``gammas`` (G,); ``nbeta``; ``llc`` and its Monte Carlo ``error``,
        (G, T, S); each of :data:`MEASURES` and ``hessian_trace_error`` (T, S); ``fitted`` and
        ``grokked``, (S,) steps, nan where never; ``warnings``, for each gamma how many estimates
        carry which.
    """
    steps = setting.checkpoints(count)
    runs = trained(setting, seeds, steps, progress=progress)
    rows = np.searchsorted(runs.steps, steps)
    found: dict[str, Any] = {name: runs[name][rows] for name in MEASURES if name in runs.history}
    found |= {"steps": np.array(steps), "gammas": np.array(setting.gammas)}
    found |= {"fitted": runs.fitted_at(), "grokked": runs.grokked_at()}
    each = []
    for at, seed in enumerate(seeds):
        task = setting.task(seed)
        weights = [runs.checkpoint(step, at) for step in steps]
        plain = [plain_measures(setting, task, one, seed, samples) for one in weights]
        each.append((plain, estimates(setting, task, weights, gradients, chains, progress)))
    for name in plain[0]:
        found[name] = np.array([[row[name] for row in plain] for plain, _ in each]).T
    grids = [grid for _, grid in each]  # (S, T, G)
    for name, attribute in (("llc", "value"), ("error", "standard_error")):
        table = [[[getattr(one, attribute) for one in row] for row in grid] for grid in grids]
        found[name] = np.array(table).transpose(2, 1, 0)
    found["nbeta"] = grids[0][0][0].nbeta
    found["warnings"] = {
        f"{gamma:g}": dict(
            Counter(warned.name for grid in grids for row in grid for warned in row[g].warnings)
        )
        for g, gamma in enumerate(setting.gammas)
    }
    return found


def trained(
    setting: Setting, seeds: Sequence[int], checkpoints: Sequence[int], *, progress: bool = True
) -> Runs:
    """A run each seed, with the weights at the checkpoints, which are recorded steps too."""
    return train(
        setting.model,
        setting.task,
        seeds=[*seeds],
        steps=setting.steps,
        lr=setting.lr,
        weight_decay=setting.weight_decay,
        loss=setting.loss,
        record=sorted({*log_spaced(setting.steps), *checkpoints}),
        checkpoints=checkpoints,
        progress=progress,
    )


def estimates(
    setting: Setting,
    task: Task,
    weights: Sequence[Mapping[str, Tensor]],
    gradients: int,
    chains: int = 4,
    progress: bool = True,
    seed: int = 0,
) -> list[list[LLC]]:
    """For each of the weights the estimate at each gamma, on the train pairs."""
    n, gammas = len(task.train), setting.gammas
    found = llc_along(
        [dict(one) for one in weights for _ in gammas],
        model=ExactLoss(
            setting.model, task.inputs[task.train], task.targets[task.train], setting.loss
        ),
        n=n,
        gamma=[*gammas] * len(weights),
        nbeta=inverse_temperature(n),
        chains=chains,
        gradients=gradients,
        seed=seed,
        progress=progress,
    )
    return [found[at : at + len(gammas)] for at in range(0, len(found), len(gammas))]


def plain_measures(
    setting: Setting, task: Task, weights: Mapping[str, Tensor], seed: int, samples: int
) -> dict[str, float]:
    """The trace of the train loss's Hessian with its standard error, and the restricted loss."""
    model, loss = setting.model, LOSSES[setting.loss]
    inputs, labels = task.inputs[task.train], task.targets[task.train]
    trace = hessian_trace(
        lambda one: loss(model.apply(one, inputs), labels),
        dict(weights),
        generator=random_stream(seed, "hessian"),
        samples=samples,
    )
    logits = model.apply(weights, task.inputs).double()
    keys = fourier.key_frequencies(fourier.sum_power(logits))
    kept = fourier.restricted_logits(logits, keys, task.test)
    return {
        "hessian_trace": trace.value.item(),
        "hessian_trace_error": trace.standard_error.item(),
        "restricted": loss(kept, task.targets[task.test]).item(),
    }


def since_fitted(found: Mapping[str, Any]) -> Array:
    """(T, S), whether a run has fitted its train pairs by a checkpoint."""
    return np.asarray(found["steps"][:, None] >= found["fitted"])


def change(values: Array, after: Array) -> Array:
    """(S,), the last of (T, S) values over the first at which ``after`` holds; nan without one.

    >>> change(np.array([[9.0], [4.0], [1.0]]), np.array([[False], [True], [True]]))
    array([0.25])
    """
    first = values[after.argmax(axis=0), np.arange(values.shape[1])]
    return np.where(after.any(axis=0), values[-1] / first, np.nan)


def with_test_loss(found: Mapping[str, Any], values: Array) -> Array:
    """(S,), each run's rank correlation of (T, S) values with its test loss, from the fit on."""
    after = since_fitted(found)
    return np.array(
        [
            rank_correlation(values[here, run], found["test_loss"][here, run])
            for run, here in enumerate(after.T)
        ]
    )


def humps(found: Mapping[str, Any], g: int) -> Array:
    """(S,), whether the estimate peaks between the ends, by more than two combined errors."""
    values, errors = found["llc"][g], found["error"][g]
    at = values.argmax(axis=0), np.arange(values.shape[1])
    clear = [values[at] - values[end] > 2 * np.hypot(errors[at], errors[end]) for end in (0, -1)]
    return np.logical_and(*clear)


def summary(found: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers of one loss, with intervals over its runs."""
    by_gamma = {}
    for g, gamma in enumerate(found["gammas"]):
        ratio = bootstrap(change(found["llc"][g], since_fitted(found)))
        by_gamma[f"{gamma:g}"] = {
            "median": np.median(found["llc"][g], axis=1).tolist(),
            "standard_error": np.median(found["error"][g], axis=1).tolist(),
            "at_end_over_at_fit": ratio,
            "falls": ratio["high"] < 1,
            "rises": ratio["low"] > 1,
            "with_test_loss": bootstrap(with_test_loss(found, found["llc"][g])),
            "humps": int(humps(found, g).sum()),
            "warnings": found["warnings"][f"{gamma:g}"],
        }
    others = {name: label for name, label in MEASURES.items() if name != "test_loss"}
    return {
        "runs": len(found["grokked"]),
        "grokked": int(np.isfinite(found["grokked"]).sum()),
        "fitted_at": bootstrap(found["fitted"]),
        "grokked_at": bootstrap(found["grokked"]),
        "steps": found["steps"].tolist(),
        "nbeta": found["nbeta"],
        "gammas": by_gamma,
        "medians": {name: np.median(found[name], axis=1).tolist() for name in MEASURES},
        "at_end_over_at_fit": {
            name: bootstrap(change(found[name], since_fitted(found))) for name in others
        },
        "with_test_loss": {name: bootstrap(with_test_loss(found, found[name])) for name in others},
    }


def judge(falls: Sequence[bool]) -> Verdict:
    """*Holds* where it falls with every loss at every gamma, in a window where at some."""
    return "holds" if all(falls) else "holds in a window" if any(falls) else "fails"


def outcome(found: Mapping[str, Mapping[str, Any]]) -> Outcome:
    """The claim, from what :func:`along` gives for each loss."""
    numbers = {loss: summary(one) for loss, one in found.items()}
    sentences = []
    for loss, one in numbers.items():
        at = ", ".join(
            f"{said(row['at_end_over_at_fit'], '.2g')} at gamma={gamma} (rank correlation with "
            f"the test loss {said(row['with_test_loss'], '.2f')})"
            for gamma, row in one["gammas"].items()
        )
        beside = ", ".join(
            f"{MEASURES[name]} {said(row, '.2f')}" for name, row in one["with_test_loss"].items()
        )
        sentences.append(
            f"{loss.replace('_', '-')}, {one['grokked']} of {one['runs']} runs grokked: at the "
            f"end the estimate is this many times that at the fit: {at}; beside it, the rank "
            f"correlations: {beside}"
        )
    return Outcome(
        verdict=judge([row["falls"] for one in numbers.values() for row in one["gammas"].values()]),
        says=". ".join(sentences),
        published=(
            "Cullen 2026 (arXiv 2603.01192): the estimate humps, and moves by orders of magnitude "
            "with gamma; devinterp's example on addition modulo 53: it rises while memorising and "
            "falls with the test loss"
        ),
        numbers=numbers,
        seeds=range(max(one["runs"] for one in numbers.values())),
        draw=partial(figures.llc_grokking, found, title="Along grokking runs, p = 31"),
    )
