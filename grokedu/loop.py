"""The state of a training loop over many runs: advance it, observe it, save it, restore it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from grokedu import measures
from grokedu.models.gradients import LOSSES, ExactGradient
from grokedu.models.two_layer import TwoLayer
from grokedu.optimizers import AdamW, State
from grokedu.runs import Array, Runs, load_state
from grokedu.tasks import Task, random_stream

Row = dict[str, Array]
Gradient = Callable[[Mapping[str, Tensor]], dict[str, Tensor]]


_LOSS = {"cross_entropy": measures.cross_entropy, "mse": measures.mean_squared_error}


class Model(Protocol):
    """What the loop asks of an architecture: a frozen dataclass with these two methods."""

    def init(
        self,
        generator: Sequence[torch.Generator],
        dtype: torch.dtype = ...,
        device: torch.device | str = ...,
    ) -> dict[str, Tensor]:
        """Weights with a leading axis, one run a generator."""
        ...

    def apply(self, params: Mapping[str, Tensor], pairs: Tensor) -> Tensor:
        """Logits of shape (S, n, classes)."""
        ...


class AutogradGradient:
    """The same gradient as the closed form, for any model, by differentiating ``apply``.

    All inputs go through the model and those outside a run's batch get weight 0, so that runs may
    train on different examples while ``apply`` sees one set of inputs.
    """

    def __init__(
        self, model: Model, inputs: Tensor, targets: Tensor, weights: Tensor, loss: str
    ) -> None:
        self.model, self.inputs, self.targets = model, inputs, targets
        self.weights, self.loss = weights, loss

    def __call__(self, params: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The gradients of params with a leading axis of S runs, by name."""
        leaves = {name: tensor.detach().requires_grad_() for name, tensor in params.items()}
        logits = self.model.apply(leaves, self.inputs)
        each = _LOSS[self.loss](logits.unsqueeze(-2), self.targets.unsqueeze(-1))
        total = (each * self.weights).sum()
        return dict(zip(leaves, torch.autograd.grad(total, [*leaves.values()]), strict=True))


@dataclass
class Loop:
    """S runs in training. Args as :func:`grokedu.training.train` explains them."""

    model: Model
    tasks: Sequence[Task]
    labels: dict[str, Array]
    optimizer: AdamW
    config: dict[str, Any]
    loss: str = "cross_entropy"
    batch_size: int | None = None
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"

    step: int = field(default=0, init=False)
    recorded: list[int] = field(default_factory=list, init=False)
    rows: list[Row] = field(default_factory=list, init=False)
    checkpoints: dict[int, dict[str, Tensor]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"loss is {self.loss!r}; wanted one of {', '.join(LOSSES)}")
        smallest = min(len(task.train) for task in self.tasks)
        if self.batch_size is not None and not 0 < self.batch_size <= smallest:
            raise ValueError(
                f"batch_size is {self.batch_size}; wanted 1 to {smallest}, the smallest train part"
            )
        seeds = self.labels["seed"].tolist()
        self.params = self.model.init(
            [random_stream(seed, "init") for seed in seeds], self.dtype, self.device
        )
        self.state: State = self.optimizer.init(self.params)
        self.streams = [random_stream(seed, "batches") for seed in seeds]
        self.inputs = self.tasks[0].inputs.to(self.device)
        classes = self.tasks[0].classes
        logits = self.model.apply(self.params, self.inputs[:1])
        if logits.shape[-1] != classes:
            raise ValueError(
                f"the model tells {logits.shape[-1]} classes apart and the task has {classes}; "
                "they must be the same, for example p=31 for both"
            )
        self.targets = torch.stack([task.targets for task in self.tasks]).to(self.device)
        self.gradient = self._gradient([task.train for task in self.tasks])

    def advance(self) -> None:
        """One optimizer step of every run."""
        if self.batch_size is not None:
            parts = [task.train for task in self.tasks]
            self.gradient = self._gradient(
                [
                    part[torch.randperm(len(part), generator=stream)[: self.batch_size]]
                    for part, stream in zip(parts, self.streams, strict=True)
                ]
            )
        self.params, self.state = self.optimizer.step(
            self.params, self.gradient(self.params), self.state
        )
        self.step += 1

    @torch.no_grad()
    def observe(self) -> Row:
        """Measure every run now, append it to the history and return it, name to (S,).

        Losses are taken in float64: in float32 a cross-entropy below 1e-7 would read 0.
        """
        logits = self.model.apply(self.params, self.inputs).double()
        fit = _LOSS[self.loss]
        columns: dict[str, list[float]] = {}
        for run, task in enumerate(self.tasks):
            for part, index in (("train", task.train), ("test", task.test)):
                index = index.to(self.device)
                some, wanted = logits[run, index], self.targets[run, index]
                for name, value in (
                    (f"{part}_loss", fit(some, wanted)),
                    (f"{part}_accuracy", measures.accuracy(some, wanted)),
                    (f"{part}_log_prob", measures.average_log_prob(some)),
                ):
                    columns.setdefault(name, []).append(value.item())
        row = {name: np.array(column) for name, column in columns.items()}
        row["l2_norm"] = _numbers(measures.l2_norm(self.params, run_axis=True))
        norms = measures.tensor_norms(self.params, run_axis=True)
        row |= {f"norm_{name}": _numbers(norm) for name, norm in norms.items()}
        self.recorded.append(self.step)
        self.rows.append(row)
        return row

    def keep(self) -> None:
        """Keep the weights of this step as a checkpoint."""
        self.checkpoints[self.step] = {k: v.detach().cpu().clone() for k, v in self.params.items()}

    def result(self) -> Runs:
        """What has been recorded so far."""
        names = self.rows[0] if self.rows else {}
        return Runs(
            steps=np.array(self.recorded, dtype=np.int64),
            history={name: np.stack([row[name] for row in self.rows]) for name in names},
            labels=self.labels,
            params={k: v.detach().cpu().clone() for k, v in self.params.items()},
            checkpoints=self.checkpoints,
            checkpoint_runs=np.arange(len(self.tasks)) if self.checkpoints else np.zeros(0, int),
            config=self.config,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the result so far with all that :meth:`restore` needs to go on exactly."""
        state = {f"optimizer/{name}": tensor for name, tensor in self.state.items()}
        state |= {f"stream/{run}": one.get_state() for run, one in enumerate(self.streams)}
        state["at"] = torch.tensor([self.step])
        self.result().save(path, **state)

    def restore(self, path: str | os.PathLike[str]) -> None:
        """Go on from a file that :meth:`save` wrote.

        Raises:
            ValueError: if it was written under other settings, or holds no state.
        """
        runs, state = load_state(path)
        if "at" not in state:
            raise ValueError(f"{path} holds a result without the state of a loop to resume from")
        changed = [k for k, v in self.config.items() if runs.config.get(k) != v]
        if changed:
            raise ValueError(
                f"{path} was written under other settings of {', '.join(changed)}; "
                "delete it, or resume with the settings it was started with"
            )
        self.step = int(state["at"][0])
        self.params = {name: runs.params[name].to(self.device) for name in self.params}
        self.state = {
            name: state[f"optimizer/{name}"].to(v.device) for name, v in self.state.items()
        }
        for run, stream in enumerate(self.streams):
            stream.set_state(state[f"stream/{run}"])
        self.recorded = runs.steps.tolist()
        self.rows = [
            {name: values[at] for name, values in runs.history.items()}
            for at in range(len(self.recorded))
        ]
        self.checkpoints = runs.checkpoints

    def _gradient(self, parts: Sequence[Tensor]) -> Gradient:
        longest = max(len(part) for part in parts)
        rows = torch.zeros(len(parts), longest, dtype=torch.int64)
        weights = torch.zeros(len(parts), longest, dtype=self.dtype)
        for run, part in enumerate(parts):
            rows[run, : len(part)] = part
            weights[run, : len(part)] = 1 / len(part)
        rows, weights = rows.to(self.device), weights.to(self.device)
        if isinstance(self.model, TwoLayer):
            labels = self.targets.gather(1, rows)
            return ExactGradient(self.model, self.inputs[rows], labels, weights, self.loss)
        full = weights.new_zeros(self.targets.shape).scatter_add_(1, rows, weights)
        return AutogradGradient(self.model, self.inputs, self.targets, full, self.loss)


def _numbers(tensor: Tensor) -> Array:
    return tensor.detach().cpu().double().numpy()
