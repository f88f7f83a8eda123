"""Training several scales side by side on the same batches, each run on its own sphere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from grokedu import measures
from grokedu.sphere.constraint import Constraint, Params
from grokedu.sphere.rotation import angular_step
from grokedu.tasks import random_stream
from grokedu.training.optimizers import SGD, Adam, AdamW
from grokedu.training.threads import one_thread

Array = npt.NDArray[np.float64]
LOSSES = {"mse": measures.mean_squared_error, "cross_entropy": measures.cross_entropy}


class Model(Protocol):
    """What is asked of an architecture."""

    def init(self, generator: Sequence[torch.Generator]) -> dict[str, Tensor]:
        """Weights with a leading axis, one run a generator."""
        ...

    def apply(self, params: Params, inputs: Tensor) -> Tensor:
        """Logits of shape (S, n, classes)."""
        ...


class Split(NamedTuple):
    """Examples to train and to test on: inputs (n, ...) and int64 labels (n,)."""

    train_inputs: Tensor
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor


@dataclass
class Descent:
    """S runs on the same data: the last weights, and what was recorded.

    Attributes:
        params: the last weights, with a leading axis of S.
        steps: (T,) the recorded steps.
        history: name to (T, S): train_loss, test_loss, train_accuracy, test_accuracy, l2_norm, and
            angular_step, of the step before the record (nan at step 0).
    """

    params: dict[str, Tensor]
    steps: list[int] = field(default_factory=list)
    history: dict[str, Array] = field(default_factory=dict)


def descend(
    model: Model,
    params: Params,
    split: Split,
    *,
    optimizer: AdamW | Adam | SGD,
    steps: int,
    generator: torch.Generator,
    constraint: Constraint | None = None,
    batch_size: int | None = None,
    loss: str = "mse",
    schedule: Callable[[float], float] | None = None,
    record: Sequence[int] = (),
    gradient: Callable[[Params], dict[str, Tensor]] | None = None,
    stop: Callable[[Mapping[str, Array]], bool] | None = None,
) -> Descent:
    """Train S runs on the same batches, each under its own constraint.

    Args:
        model, params: the architecture and its weights, with a run axis; they are not changed.
        split: the data, the same for every run.
        optimizer: its learning rate may be one a run.
        steps: how many.
        generator: a CPU generator, where batches are drawn from: epochs without replacement.
        constraint: such as :class:`grokedu.sphere.Sphere`; None for plain training.
        batch_size: None for all train examples.
        loss: "mse" (one-hot targets, mean over classes) or "cross_entropy".
        schedule: from the share of training that is over, 0 to 1, to a factor of the learning rate.
        record: the steps to record at; the last is always.
        gradient: from weights to gradients, in place of autograd, for full batches only: such as
            :class:`grokedu.models.gradients.ExactGradient`.
        stop: asked at each record, with the newest row, name to (S,), whether to end.

    Raises:
        ValueError: for an unknown loss, a batch size that does not fit, no steps or empty data.
    """
    n = len(split.train_labels)
    size = n if batch_size is None else batch_size
    if loss not in LOSSES or steps < 1 or not 0 < size <= n or not len(split.test_labels):
        raise ValueError(
            f"loss={loss!r}, steps={steps}, batch_size={batch_size}, with {n} examples to train "
            f"and {len(split.test_labels)} to test on; wanted one of {', '.join(LOSSES)}, steps >= "
            "1, a batch of at most the train examples, and some of both"
        )
    if gradient is not None and size < n:
        raise ValueError(f"batch_size is {batch_size} with a gradient given, which sees all {n}")
    weights = {name: tensor.detach().clone() for name, tensor in params.items()}
    found, at = Descent(weights), {*record, steps}
    held = constraint.init(weights) if constraint else {}
    state, order = optimizer.init(weights), torch.empty(0, dtype=torch.int64)
    before: dict[str, Tensor] | None = None
    with one_thread():
        for step in range(steps + 1):
            if step in at:
                _record(found, model, weights, before, split, loss, step)
                if stop and stop({name: values[-1] for name, values in found.history.items()}):
                    break
            if step == steps:
                break
            if gradient is not None:
                grads = gradient(weights)
            else:
                if len(order) < size:
                    order = torch.randperm(n, generator=generator)
                batch, order = order[:size].to(split.train_inputs.device), order[size:]
                some = (split.train_inputs, split.train_labels)
                examples = some if size == n else (some[0][batch], some[1][batch])
                grads = _gradient(model, weights, *examples, loss)
            before = {k: v.clone() for k, v in weights.items()} if step + 1 in at else None
            now = optimizer if schedule is None else _at_rate(optimizer, schedule(step / steps))
            if constraint:
                grads = constraint.project_gradient(weights, grads, held)
            weights, state = now.step(weights, grads, state)
            if constraint:
                weights = constraint.step(weights, held)
    found.params = weights
    return found


def scaled_copies(
    model: Model, seed: int, alphas: Sequence[float], device: torch.device | str = "cpu"
) -> dict[str, Tensor]:
    """The initial weights of a seed, once times each α: a leading axis of len(alphas) runs.

    >>> from grokedu.models import TwoLayer
    >>> params = scaled_copies(TwoLayer(5, 8), seed=0, alphas=[1.0, 2.0])
    >>> bool((params["A"][1] == 2 * params["A"][0]).all())
    True
    """
    one = model.init([random_stream(seed, "init")])
    scale = torch.tensor([*alphas])
    return {
        name: (t * scale.to(t).reshape(-1, *[1] * (t.ndim - 1))).to(device)
        for name, t in one.items()
    }


def _at_rate(optimizer: Any, factor: float) -> Any:
    return replace(optimizer, lr=optimizer.lr * factor)


def _gradient(
    model: Model, weights: Params, inputs: Tensor, labels: Tensor, loss: str
) -> dict[str, Tensor]:
    leaves = {name: tensor.detach().requires_grad_() for name, tensor in weights.items()}
    total = LOSSES[loss](model.apply(leaves, inputs), labels).sum()
    return dict(zip(leaves, torch.autograd.grad(total, [*leaves.values()]), strict=True))


@torch.no_grad()
def _record(
    found: Descent,
    model: Model,
    weights: Params,
    before: Params | None,
    split: Split,
    loss: str,
    step: int,
) -> None:
    row: dict[str, Tensor] = {}
    for part, inputs, labels in (
        ("train", split.train_inputs, split.train_labels),
        ("test", split.test_inputs, split.test_labels),
    ):
        logits = model.apply(weights, inputs)
        row[f"{part}_loss"] = LOSSES[loss](logits.double(), labels)
        row[f"{part}_accuracy"] = measures.accuracy(logits, labels)
    row["l2_norm"] = measures.l2_norm(weights, run_axis=True)
    row["angular_step"] = (
        torch.full_like(row["l2_norm"], torch.nan)
        if before is None
        else angular_step(before, weights, run_axis=True)
    )
    found.steps.append(step)
    for name, value in row.items():
        line = value.double().cpu().numpy()[None]
        have = found.history.get(name)
        found.history[name] = line if have is None else np.concatenate([have, line])
