"""Networks that grok, and the estimates and the other measures at checkpoints of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from torch import Tensor

from grokedu import fourier
from grokedu.llc import LLC, llc_along
from grokedu.llc.sampling.problem import inverse_temperature
from grokedu.measures import cross_entropy, mean_squared_error
from grokedu.measures.curvature import hessian_trace
from grokedu.models import TwoLayer
from grokedu.models.gradients import ExactLoss
from grokedu.tasks import Task, make_task, random_stream
from grokedu.training import log_spaced, train
from grokedu.training.runs import Runs

LOSSES = {"cross_entropy": cross_entropy, "mse": mean_squared_error}
RUNS = 5
MEASURES = {
    "l2_norm": "norm",
    "train_log_prob": "average log-probability, train",
    "test_log_prob": "average log-probability, test",
    "hessian_trace": "Hessian trace",
    "restricted": "restricted loss",
    "test_loss": "test loss",
}
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
