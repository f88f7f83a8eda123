"""The examples of S runs side by side: what their losses are, and the gradient of a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from grokedu.models.autograd import AutogradGradient, Model, loss_of_each
from grokedu.models.parameters import Params
from grokedu.tasks import Task
from grokedu.training.threads import HALVES, WORTH_SHARING, Gradient, shared


@dataclass
class Examples:
    """The inputs, targets and masks of S runs, and the model that reads them.

    Attributes:
        model: the architecture.
        tasks: a task for each run, of inputs of one shape.
        loss: "cross_entropy" or "mse".
        weights: how many weights all runs have together; large steps are shared between threads.
        dtype, device: of the weights.
    """

    model: Model
    tasks: Sequence[Task]
    loss: str
    weights: int
    dtype: torch.dtype
    device: torch.device | str

    def __post_init__(self) -> None:
        inputs = [task.inputs for task in self.tasks]
        self.own_inputs = any(not torch.equal(one, inputs[0]) for one in inputs[1:])
        together = torch.stack(inputs) if self.own_inputs else inputs[0]
        kind = self.dtype if together.is_floating_point() else together.dtype
        self.inputs = together.to(self.device, kind)
        self.targets = torch.stack([task.targets for task in self.tasks]).to(self.device)
        self.masks = {
            "train": torch.zeros(self.targets.shape[:2], dtype=torch.bool),
            "test": torch.zeros(self.targets.shape[:2], dtype=torch.bool),
        }
        for run, task in enumerate(self.tasks):
            self.masks["train"][run, task.train] = True
            self.masks["test"][run, task.test] = True
        self.masks = {part: mask.to(self.device) for part, mask in self.masks.items()}

    def check(self, params: Params) -> None:
        """Send one example through the model, and refuse what does not fit the task.

        Raises:
            ValueError: for another number of outputs than the task has classes, or a loss that
                does not fit its targets.
        """
        outputs = self._apply(params, slice(None), first=1)
        classes = self.tasks[0].classes
        if outputs.shape[-1] != classes:
            raise ValueError(
                f"the model tells {outputs.shape[-1]} classes apart and the task has {classes}; "
                "they must be the same, for example p=31 for both"
            )
        loss_of_each(self.loss, outputs, self.targets[:, :1])

    def losses(self, params: Params, runs: slice) -> dict[str, Tensor]:
        """Losses, and for classes accuracies and log-probabilities, of these runs: name to (S,).

        They are taken in float64: in float32 a cross-entropy below 1e-7 would read 0.
        """
        outputs, targets = self._apply(params, runs).double(), self.targets[runs]
        each = {"loss": loss_of_each(self.loss, outputs, targets)}
        if not targets.is_floating_point():
            largest, chosen = outputs.max(dim=-1)  # nan where any output is
            each["accuracy"] = ((chosen == targets) & ~largest.isnan()).double()
            each["log_prob"] = outputs.mean(dim=-1) - self._normaliser(outputs, targets, each)
        row = {}
        for part, mask in self.masks.items():
            used = mask[runs]
            for name, values in each.items():
                total = torch.where(used, values, 0.0).sum(dim=1)
                row[f"{part}_{name}"] = total / used.sum(dim=1)
        return row

    def draws(self) -> bool:
        """Whether every task draws its train examples anew."""
        return all(task.draw is not None for task in self.tasks)

    def gradient_of_a_batch(self, size: int, streams: Sequence[torch.Generator]) -> Gradient:
        """The gradient of the mean loss of a batch, drawn for each run from its own stream."""
        runs = [*zip(self.tasks, streams, strict=True)]
        if not self.draws():
            return self.gradient(
                [
                    task.train[torch.randperm(len(task.train), generator=stream)[:size]]
                    for task, stream in runs
                ]
            )
        drawn = [task.draw(size, stream) for task, stream in runs if task.draw is not None]
        inputs, targets = (torch.stack([*each]) for each in zip(*drawn, strict=True))
        weights = torch.full(targets.shape[:2], 1 / size, dtype=self.dtype, device=self.device)
        return self._of_examples(
            inputs.to(self.device, self.inputs.dtype), targets.to(self.device), weights
        )

    def gradient(self, parts: Sequence[Tensor]) -> Gradient:
        """The gradient of each run's mean loss over its own part, given as row numbers."""
        longest = max(len(part) for part in parts)
        rows = torch.zeros(len(parts), longest, dtype=torch.int64)
        weights = torch.zeros(len(parts), longest, dtype=self.dtype)
        for run, part in enumerate(parts):
            rows[run, : len(part)] = part
            weights[run, : len(part)] = 1 / len(part)
        rows, weights = rows.to(self.device), weights.to(self.device)
        each = torch.arange(len(parts), device=self.device).unsqueeze(1)
        targets = self.targets[each, rows]
        inputs = self.inputs[each, rows] if self.own_inputs else self.inputs[rows]
        if hasattr(self.model, "gradient"):
            return self._of_examples(inputs, targets, weights)
        used = rows.unique()
        if self.own_inputs or (hasattr(self.model, "apply_each") and len(used) > longest):
            return self._of_examples(inputs, targets, weights)
        full = weights.new_zeros(self.targets.shape[:2]).scatter_add_(1, rows, weights)
        inputs, targets = self.inputs[used], self.targets[:, used]
        return AutogradGradient(self.model, inputs, targets, full[:, used], self.loss)

    def _of_examples(self, inputs: Tensor, targets: Tensor, weights: Tensor) -> Gradient:
        """The gradient for each run's own examples: in closed form where the model has one."""
        closed_form = getattr(self.model, "gradient", None)
        given = (inputs, targets, weights)
        if closed_form is None:
            return AutogradGradient(self.model, *given, self.loss, own_inputs=True)
        if inputs.device.type != "cpu" or self.weights * inputs.shape[1] <= WORTH_SHARING:
            return closed_form(*given, self.loss)
        halves = zip(*(each.tensor_split(HALVES, dim=1) for each in given), strict=True)
        return shared([closed_form(*half, self.loss) for half in halves])

    def _apply(self, params: Params, runs: slice, first: int | None = None) -> Tensor:
        some = {name: tensor[runs] for name, tensor in params.items()}
        if self.own_inputs:
            return self.model.apply_each(some, self.inputs[runs, :first])  # type: ignore[attr-defined]
        return self.model.apply(some, self.inputs[:first])

    def _normaliser(self, outputs: Tensor, targets: Tensor, each: dict[str, Tensor]) -> Tensor:
        """The logarithm of the sum of all exponentials; the cross-entropy holds it already."""
        if self.loss != "cross_entropy":
            return outputs.logsumexp(dim=-1)
        return outputs.gather(-1, targets.unsqueeze(-1)).squeeze(-1) + each["loss"]
