"""The state of a training loop over many runs: advance it, observe it, save it, restore it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from grokedu import measures
from grokedu.measures.arrays import Array
from grokedu.models.autograd import Model
from grokedu.models.parameters import Params, State
from grokedu.tasks import Task, random_stream
from grokedu.training.constraint import Constraint, Mapper, parts_of
from grokedu.training.examples import Examples
from grokedu.training.optimizers import Optimizer, pack
from grokedu.training.runs import Runs, load_state

Row = dict[str, Array]
Measure = Callable[[Params], Tensor]
OBSERVED = 2**24  # logits looked at in one go: 128 MB


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
        if self.batch_size is not None:
            self._check_the_batch(self.batch_size)
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
        self.project, self.constrain = parts_of(self.constraint, self.params)
        self.streams = [random_stream(seed, "batches") for seed in seeds]
        self.examples = Examples(
            self.model, self.tasks, self.loss, self.whole.numel(), self.dtype, self.device
        )
        self.examples.check(self.params)
        self.gradient = self.examples.gradient([task.train for task in self.tasks])

    def advance(self) -> None:
        """One optimizer step of every run."""
        if self.batch_size is not None:
            self.gradient = self.examples.gradient_of_a_batch(self.batch_size, self.streams)
        optimizer = self._at_its_rate()
        grads: Params = self.gradient(self.params)
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
        """Measure every run now, append it to the history and return it, name to (S,)."""
        block = max(1, OBSERVED // max(1, self.tasks[0].targets.numel() * self.tasks[0].classes))
        parts = [
            self.examples.losses(self.params, slice(start, start + block))
            for start in range(0, len(self.tasks), block)
        ]
        row = {name: _numbers(torch.cat([part[name] for part in parts])) for name in parts[0]}
        row["l2_norm"] = _numbers(torch.vmap(measures.l2_norm)(self.params))
        norms = torch.vmap(measures.tensor_norms)(self.params)
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

    def _check_the_batch(self, size: int) -> None:
        repeats = [len(task.train) for task in self.tasks if task.draw is None]
        if size < 1 or (repeats and size > min(repeats)):
            wanted = f"1 to {min(repeats)}, the smallest train part" if repeats else "at least 1"
            raise ValueError(f"batch_size is {size}; wanted {wanted}")

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


def _numbers(tensor: Tensor) -> Array:
    return tensor.detach().cpu().double().numpy()
