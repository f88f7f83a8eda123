"""The state of a training loop over many runs: advance it, observe it, save it, restore it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, cast

import numpy as np
import torch
from torch import Tensor

from grokedu import measures
from grokedu.measures.arrays import Array
from grokedu.models.autograd import AutogradGradient, Model, loss_of_each
from grokedu.models.parameters import Params, State
from grokedu.tasks import Task, random_stream
from grokedu.training.optimizers import Optimizer, pack
from grokedu.training.runs import Runs, load_state
from grokedu.training.threads import HALVES, WORTH_SHARING, Gradient, shared

__all__ = ["Constraint", "Loop", "Measure", "Model", "Row"]

Row = dict[str, Array]
Measure = Callable[[Params], Tensor]
Mapper = Callable[[Params], Params]
OBSERVED = 2**24  # logits looked at in one go: 128 MB


class Constraint(Protocol):
    """What the loop asks of a constraint on the weights, such as a sphere of fixed norm.

    Pure, with the run axis first. ``init`` sees the initial weights and its state never changes,
    so that nothing of it need be saved. A constraint may also have ``project_gradient(params,
    grads, state)``, which is called before the optimizer and returns the gradients to give it. A
    plain function from params to params, called after each step, is a constraint too.
    """

    def init(self, params: Params) -> Any:
        """The state, from the weights at the start."""
        ...

    def step(self, params: Params, state: Any) -> Params:
        """The constrained weights, after an optimizer step."""
        ...


@dataclass
class Loop:
    """S runs in training. Args as :func:`grokedu.training.train` explains them."""

    model: Model
    tasks: Sequence[Task]
    labels: dict[str, Array]
    optimizer: Optimizer
    config: dict[str, Any]
    loss: str = "cross_entropy"
    batch_size: int | None = None
    dtype: torch.dtype = torch.float32
    device: torch.device | str = "cpu"
    constraint: Constraint | Mapper | None = None
    measures: Mapping[str, Measure] = field(default_factory=dict)
    start: Params | None = None
    schedule: Callable[[int], float] | None = None

    step: int = field(default=0, init=False)
    recorded: list[int] = field(default_factory=list, init=False)
    rows: list[Row] = field(default_factory=list, init=False)
    checkpoints: dict[int, dict[str, Tensor]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        smallest = min(len(task.train) for task in self.tasks)
        if self.batch_size is not None and (
            self.batch_size < 1 or (self.batch_size > smallest and not self._draws())
        ):
            raise ValueError(
                f"batch_size is {self.batch_size}; wanted 1 to {smallest}, the smallest train part"
            )
        self._take_data()
        seeds = self.labels["seed"].tolist()
        drawn = [random_stream(seed, "init") for seed in seeds]
        params = (
            self.model.init(drawn, self.dtype, self.device)
            if self.start is None
            else self._started(self.start, self.model.init(drawn[:1], self.dtype, self.device))
        )
        if "alpha" in self.labels:
            scale = torch.from_numpy(self.labels["alpha"]).to(self.device, self.dtype)
            params = {k: v * scale.view(-1, *[1] * (v.ndim - 1)) for k, v in params.items()}
        # One tensor for all weights of a run: the optimizer's few operations are then paid once.
        self.whole, self.params = pack(params)
        self.elementwise = getattr(self.optimizer, "elementwise", False)
        self.state: State = self.optimizer.init(self._packed())
        self.project, self.constrain = _constraint(self.constraint, self.params)
        self.streams = [random_stream(seed, "batches") for seed in seeds]
        self._check_the_outputs()
        self.gradient = self._gradient([task.train for task in self.tasks])

    def advance(self) -> None:
        """One optimizer step of every run."""
        if self.batch_size is not None:
            self.gradient = self._of_a_batch(self.batch_size)
        optimizer = self._at_its_rate()
        grads = self.gradient(self.params)
        if self.project is not None:
            grads = self.project(self.params, grads)
        if self.elementwise:
            flat = torch.cat([grads[k].reshape(len(self.whole), -1) for k in self.params], dim=1)
            _, self.state = optimizer.step(self._packed(), {"weights": flat}, self.state)
        else:
            moved, self.state = optimizer.step(self.params, grads, self.state)
            self._set(moved)
        if self.constrain is not None:
            self._set(self.constrain(self.params))
        self.step += 1

    @torch.no_grad()
    def observe(self) -> Row:
        """Measure every run now, append it to the history and return it, name to (S,).

        Losses are taken in float64: in float32 a cross-entropy below 1e-7 would read 0.
        """
        block = max(1, OBSERVED // max(1, self.targets[0].numel() * self.tasks[0].classes))
        parts = [
            self._observed(slice(start, start + block))
            for start in range(0, len(self.tasks), block)
        ]
        row = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        row["l2_norm"] = _numbers(measures.l2_norm(self.params, run_axis=True))
        norms = measures.tensor_norms(self.params, run_axis=True)
        row |= {f"norm_{name}": _numbers(norm) for name, norm in norms.items()}
        row |= {name: _numbers(measure(self.params)) for name, measure in self.measures.items()}
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
        self._set({name: tensor.to(self.device) for name, tensor in runs.params.items()})
        self.state = {  # numbers such as Adam's step count stay on the CPU, as torch wants them
            name.removeprefix("optimizer/"): tensor.to(self.device) if tensor.ndim else tensor
            for name, tensor in state.items()
            if name.startswith("optimizer/")
        }
        for run, stream in enumerate(self.streams):
            stream.set_state(state[f"stream/{run}"])
        self.recorded = runs.steps.tolist()
        self.rows = [
            {name: values[at] for name, values in runs.history.items()}
            for at in range(len(self.recorded))
        ]
        self.checkpoints = runs.checkpoints

    def _at_its_rate(self) -> Optimizer:
        """The optimizer with the learning rate that the schedule gives this step."""
        if self.schedule is None:
            return self.optimizer
        optimizer: Any = self.optimizer
        return cast(Optimizer, replace(optimizer, lr=optimizer.lr * self.schedule(self.step)))

    def _started(self, start: Params, like: Params) -> dict[str, Tensor]:
        """The weights given to start from, one row a run; ``like`` has those of one drawn run."""
        runs, given = len(self.tasks), {name: tuple(each.shape) for name, each in start.items()}
        one = {name: tuple(each.shape[1:]) for name, each in like.items()}
        many = {name: (runs, *shape) for name, shape in one.items()}
        if given not in (one, many):
            raise ValueError(
                f"start has the shapes {given}; wanted {one} for all runs, or {many}, a row a run"
            )
        return {
            name: start[name].detach().to(self.device, self.dtype).expand(many[name]).clone()
            for name in one
        }

    def _packed(self) -> dict[str, Tensor]:
        """The weights as the optimizer sees them."""
        return {"weights": self.whole} if self.elementwise else self.params

    def _set(self, params: Params) -> None:
        for name, tensor in self.params.items():
            if params[name] is not tensor:
                tensor.copy_(params[name])

    def _take_data(self) -> None:
        """Inputs, shared or with a run axis, targets and the masks of train and test, (S, N)."""
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

    def _check_the_outputs(self) -> None:
        """One example through the model: refuse early what does not fit the task."""
        outputs = self._apply(self.params, slice(None), first=1)
        classes = self.tasks[0].classes
        if outputs.shape[-1] != classes:
            raise ValueError(
                f"the model tells {outputs.shape[-1]} classes apart and the task has {classes}; "
                "they must be the same, for example p=31 for both"
            )
        loss_of_each(self.loss, outputs, self.targets[:, :1])

    def _apply(self, params: Params, runs: slice, first: int | None = None) -> Tensor:
        some = {name: tensor[runs] for name, tensor in params.items()}
        if self.own_inputs:
            return self.model.apply_each(some, self.inputs[runs, :first])  # type: ignore[attr-defined]
        return self.model.apply(some, self.inputs[:first])

    def _observed(self, runs: slice) -> Row:
        """Losses, and for classes accuracies and log-probabilities, of these runs."""
        outputs, targets = self._apply(self.params, runs).double(), self.targets[runs]
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
                row[f"{part}_{name}"] = _numbers(total / used.sum(dim=1))
        return row

    def _normaliser(self, outputs: Tensor, targets: Tensor, each: dict[str, Tensor]) -> Tensor:
        """The logarithm of the sum of all exponentials; the cross-entropy holds it already."""
        if self.loss != "cross_entropy":
            return outputs.logsumexp(dim=-1)
        return outputs.gather(-1, targets.unsqueeze(-1)).squeeze(-1) + each["loss"]

    def _draws(self) -> bool:
        """Whether every task draws its train examples anew."""
        return all(task.draw is not None for task in self.tasks)

    def _of_a_batch(self, size: int) -> Gradient:
        """The gradient of the mean loss of a batch, each run's from its own stream."""
        runs = [*zip(self.tasks, self.streams, strict=True)]
        if not self._draws():
            return self._gradient(
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

    def _gradient(self, parts: Sequence[Tensor]) -> Gradient:
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
        if inputs.device.type != "cpu" or self.whole.numel() * inputs.shape[1] <= WORTH_SHARING:
            return closed_form(*given, self.loss)
        halves = zip(*(each.tensor_split(HALVES, dim=1) for each in given), strict=True)
        return shared([closed_form(*half, self.loss) for half in halves])


def _constraint(
    constraint: Constraint | Mapper | None, params: Params
) -> tuple[Callable[..., dict[str, Tensor]] | None, Mapper | None]:
    """What to do to the gradients before, and to the weights after an optimizer step."""
    if constraint is None:
        return None, None
    if not hasattr(constraint, "init"):
        return None, constraint
    whole = cast(Constraint, constraint)
    state, project = whole.init(params), getattr(whole, "project_gradient", None)
    return (
        None if project is None else lambda weights, grads: project(weights, grads, state),
        lambda weights: whole.step(weights, state),
    )


def _numbers(tensor: Tensor) -> Array:
    return tensor.detach().cpu().double().numpy()
