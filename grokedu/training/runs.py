"""The result of training: labelled runs with their history and checkpoints, saved as one file.

The file is safetensors. Tensors: ``steps`` (T,), ``history/NAME`` (T, S), ``labels/NAME`` (S,),
``params/NAME`` (S, ...), ``checkpoint_runs`` (K,), ``checkpoint/STEP/NAME`` (K, ...), and in a file
that a training loop resumes from also ``state/NAME``. The header's entry ``grokedu`` is JSON:
``format`` (1), ``labels`` (their order), ``config``, and ``texts`` (name to S strings) for the
labels that are not numbers, which have no tensor.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from grokedu.measures import first_reach
from grokedu.measures.arrays import Array

if TYPE_CHECKING:
    import xarray

FORMAT = 1


@dataclass
class Runs:
    """S runs of one architecture.

    Attributes:
        steps: (T,) the optimizer steps at which the history was recorded.
        history: name to (T, S): train_loss, test_loss, train_accuracy, test_accuracy,
            train_log_prob, test_log_prob, l2_norm and norm_A, norm_B, ... a tensor.
        labels: name to (S,), what each run is: seed, lr, fraction, loss ...; numbers or text.
        params: the last weights, with a leading axis of S.
        checkpoints: step to weights, with a leading axis over ``checkpoint_runs``.
        checkpoint_runs: (K,) which of the S runs the checkpoints hold; all unless thinned.
        config: how the runs were made, plain JSON data.
    """

    steps: Array
    history: dict[str, Array]
    labels: dict[str, Array]
    params: dict[str, Tensor] = field(default_factory=dict)
    checkpoints: dict[int, dict[str, Tensor]] = field(default_factory=dict)
    checkpoint_runs: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    config: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.labels.values())))

    def __repr__(self) -> str:
        names = ", ".join(f"{k}={_summary(v)}" for k, v in self.labels.items())
        last = self.steps[-1] if len(self.steps) else 0
        return f"Runs({len(self)} runs to step {last}; {names})"

    def __getitem__(self, name: str) -> Array:
        """The history of a name, (T, S)."""
        if name not in self.history:
            raise KeyError(f"no history is called {name!r}; there are {', '.join(self.history)}")
        return self.history[name]

    def fitted_at(self, threshold: float = 0.99) -> Array:
        """(S,) the first step with a train accuracy of the threshold, nan where it never came."""
        return first_reach(self.steps, self["train_accuracy"], threshold)

    def grokked_at(self, threshold: float = 0.99) -> Array:
        """(S,) the first step with a test accuracy of the threshold, nan where it never came."""
        return first_reach(self.steps, self["test_accuracy"], threshold)

    def delay(self, threshold: float = 0.99) -> Array:
        """(S,) steps between the two, nan where a run was censored."""
        return self.grokked_at(threshold) - self.fitted_at(threshold)

    def ratio(self, threshold: float = 0.99) -> Array:
        """(S,) the test step over the train step, nan where censored or fitted at step 0."""
        fitted = self.fitted_at(threshold)
        return self.grokked_at(threshold) / np.where(fitted == 0, np.nan, fitted)

    def diverged(self) -> Array:
        """(S,) whether any recorded train loss was nan or infinite."""
        return np.asarray(~np.isfinite(self["train_loss"]).all(axis=0))

    def select(self, **labels: Any) -> Runs:
        """The runs with these labels, for example ``runs.select(weight_decay=0.3, seed=0)``.

        A sequence keeps any of its values. Raises ValueError where none is left.
        """
        keep = np.ones(len(self), dtype=bool)
        for name, wanted in labels.items():
            if name not in self.labels:
                raise ValueError(f"no label is called {name!r}; there are {', '.join(self.labels)}")
            have, asked = self.labels[name], np.atleast_1d(wanted)
            same = np.equal if have.dtype.kind == "U" else np.isclose
            keep &= same(have[:, None], asked).any(axis=1)
        if not keep.any():
            there = ", ".join(f"{k}={_summary(v)}" for k, v in self.labels.items())
            raise ValueError(f"no run has {labels}; the runs have {there}")
        return self.take(np.flatnonzero(keep))

    def take(self, which: Sequence[int] | Array) -> Runs:
        """The runs at these positions, in this order."""
        index = np.asarray(which, dtype=np.int64)
        place = {int(run): at for at, run in enumerate(self.checkpoint_runs)}
        kept = [(new, place[old]) for new, old in enumerate(index.tolist()) if old in place]
        rows = torch.tensor([row for _, row in kept], dtype=torch.int64)
        return Runs(
            steps=self.steps,
            history={k: v[:, index] for k, v in self.history.items()},
            labels={k: v[index] for k, v in self.labels.items()},
            params={k: v[torch.from_numpy(index)] for k, v in self.params.items()},
            checkpoints={
                s: {k: v[rows] for k, v in c.items()} for s, c in self.checkpoints.items()
            },
            checkpoint_runs=np.array([new for new, _ in kept], dtype=np.int64),
            config=self.config,
        )

    def checkpoint(self, step: int, run: int = 0) -> dict[str, Tensor]:
        """The weights of one run at one step, in float32 at least, without a run axis.

        Raises:
            ValueError: if there is no checkpoint of that run at that step.
        """
        rows = np.flatnonzero(self.checkpoint_runs == run)
        if step not in self.checkpoints or not len(rows):
            raise ValueError(
                f"no checkpoint of run {run} at step {step}; there are runs "
                f"{self.checkpoint_runs.tolist()} at steps {sorted(self.checkpoints)}"
            )
        tensors = {k: v[int(rows[0])] for k, v in self.checkpoints[step].items()}
        return {k: v.float() if v.dtype == torch.float16 else v for k, v in tensors.items()}

    def to_xarray(self, *, weights: bool = False) -> xarray.Dataset:
        """The history as an ``xarray.Dataset`` with a dimension for each axis of the ensemble.

        Where the runs are not every combination of some labels (after :meth:`take`, for example)
        there is one dimension "run" instead, with the labels along it.

        Args:
            weights: whether to add the last weights, ``params/NAME``, and checkpoints of all runs,
                ``checkpoint/NAME`` along "checkpoint".

        Raises:
            ImportError: without xarray, which ``pip install 'grokedu[research]'`` brings.

        >>> runs = Runs(np.array([0, 5]), {"test_loss": np.array([[4.0, 3.0], [2.0, 1.0]])},
        ...             {"lr": np.array([0.1, 0.2]), "seed": np.array([7, 7])})
        >>> data = runs.to_xarray()
        >>> data.test_loss.dims, data.test_loss.sel(lr=0.2, step=5).item()
        (('step', 'lr'), 1.0)
        """
        import xarray  # optional, and a second to import

        grid = self._grid()
        shape = [len(values) for values in grid.values()]
        order = self._places(grid) if grid else np.arange(len(self))
        dims, sizes = ([*grid], shape) if grid else (["run"], [len(self)])

        def along(values: Array, before: list[str], after: list[str]) -> tuple[list[str], Array]:
            ordered = np.take(values, order, axis=len(before))
            whole = (*values.shape[: len(before)], *sizes, *values.shape[len(before) + 1 :])
            return [*before, *dims, *after], ordered.reshape(whole)

        data = {name: along(values, ["step"], []) for name, values in self.history.items()}
        coords: dict[str, Any] = {"step": self.steps, **grid}
        for name, values in self.labels.items():
            if name not in grid:
                constant = len(np.unique(values)) == 1
                coords[name] = values[0] if constant and grid else along(values, [], [])
        if weights:
            whole = np.array_equal(self.checkpoint_runs, np.arange(len(self)))
            for name, tensor in self.params.items():
                inner = [f"{name}_{axis}" for axis in range(tensor.ndim - 1)]
                data[f"params/{name}"] = along(tensor.numpy(), [], inner)
                if self.checkpoints and whole:
                    stacked = torch.stack([c[name] for c in self.checkpoints.values()]).numpy()
                    data[f"checkpoint/{name}"] = along(stacked, ["checkpoint"], inner)
            if self.checkpoints and whole:
                coords["checkpoint"] = [*self.checkpoints]
        return xarray.Dataset(data, coords, {"config": json.dumps(self.config)})

    def _grid(self) -> dict[str, Array]:
        """The labels whose every combination is one run, with their values; empty without such."""
        names = [name for name in self.config.get("axes", self.labels) if name in self.labels]
        values = {}
        for name in names:
            unique, first = np.unique(self.labels[name], return_index=True)
            if len(unique) > 1 or name in self.config.get("axes", ()):
                values[name] = unique[np.argsort(first)]
        if not values or np.prod([len(each) for each in values.values()]) != len(self):
            return {}
        return values if len({*self._codes(values)}) == len(self) else {}

    def _codes(self, grid: Mapping[str, Array]) -> list[tuple[int, ...]]:
        """Where in the grid each run belongs."""
        columns = [
            (self.labels[name][:, None] == values).argmax(axis=1) for name, values in grid.items()
        ]
        return [*zip(*(column.tolist() for column in columns), strict=True)]

    def _places(self, grid: Mapping[str, Array]) -> Array:
        """The runs in the order of the grid, its last axis fastest."""
        codes = self._codes(grid)
        return np.array(sorted(range(len(self)), key=codes.__getitem__))

    def save(self, path: str | os.PathLike[str], **state: Tensor) -> None:
        """Write all of it to one safetensors file, whole or not at all."""
        tensors = {"steps": torch.from_numpy(np.asarray(self.steps, dtype=np.int64))}
        texts = {k: v.tolist() for k, v in self.labels.items() if v.dtype.kind == "U"}
        numbers = {k: v for k, v in self.labels.items() if k not in texts}
        for group, arrays in (("history", self.history), ("labels", numbers)):
            tensors |= {f"{group}/{k}": torch.from_numpy(v.copy()) for k, v in arrays.items()}
        tensors |= {f"params/{k}": v for k, v in self.params.items()}
        tensors["checkpoint_runs"] = torch.from_numpy(np.asarray(self.checkpoint_runs))
        for step, weights in self.checkpoints.items():
            tensors |= {f"checkpoint/{step}/{k}": v for k, v in weights.items()}
        tensors |= {f"state/{k}": v for k, v in state.items()}
        names = [*self.labels]  # safetensors sorts by name; their order is worth keeping
        described = {"format": FORMAT, "labels": names, "config": self.config, "texts": texts}
        header = json.dumps(described)
        whole = {k: v.detach().cpu().contiguous().clone() for k, v in tensors.items()}
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        partial.write_bytes(save(whole, metadata={"grokedu": header}))
        os.replace(partial, target)


def load(path: str | os.PathLike[str]) -> Runs:
    """Read runs that :meth:`Runs.save` wrote.

    Raises:
        ValueError: if the file is not of this format.
    """
    return load_state(path)[0]


def load_state(path: str | os.PathLike[str]) -> tuple[Runs, dict[str, Tensor]]:
    """Read runs, and the state of the loop that wrote them (empty for a plain result)."""
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {}).get("grokedu", "{}"))
            tensors: Mapping[str, Tensor] = {k: file.get_tensor(k) for k in list(file.keys())}
    except SafetensorError as error:
        raise ValueError(f"{path} is not a file of runs, or is damaged: {error}") from None
    if header.get("format") != FORMAT:
        raise ValueError(f"{path} is not a file of runs of format {FORMAT}: its header has none")

    def group(prefix: str) -> dict[str, Tensor]:
        return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}

    texts = header.get("texts", {})
    checkpoints: dict[int, dict[str, Tensor]] = {}
    for name, tensor in group("checkpoint/").items():
        step, _, key = name.partition("/")
        checkpoints.setdefault(int(step), {})[key] = tensor
    runs = Runs(
        steps=tensors["steps"].numpy(),
        history={k: v.numpy() for k, v in group("history/").items()},
        labels={
            k: np.array(texts[k]) if k in texts else tensors[f"labels/{k}"].numpy()
            for k in header["labels"]
        },
        params=group("params/"),
        checkpoints=dict(sorted(checkpoints.items())),
        checkpoint_runs=tensors["checkpoint_runs"].numpy(),
        config=header["config"],
    )
    return runs, group("state/")


def concatenate(parts: Sequence[Runs]) -> Runs:
    """One result from several of the same architecture, recorded at the same steps.

    Raises:
        ValueError: if there is none, or if the recorded steps or checkpoints differ.
    """
    if not parts:
        raise ValueError("no runs were given to concatenate; wanted at least one result")
    first = parts[0]
    for part in parts[1:]:
        if not np.array_equal(part.steps, first.steps) or [*part.checkpoints] != [
            *first.checkpoints
        ]:
            raise ValueError("the results were not recorded at the same steps")
    offsets = np.cumsum([0, *(len(part) for part in parts)])
    return Runs(
        steps=first.steps,
        history={k: np.concatenate([r.history[k] for r in parts], 1) for k in first.history},
        labels={k: np.concatenate([r.labels[k] for r in parts]) for k in first.labels},
        params={k: torch.cat([r.params[k] for r in parts]) for k in first.params},
        checkpoints={
            step: {k: torch.cat([r.checkpoints[step][k] for r in parts]) for k in weights}
            for step, weights in first.checkpoints.items()
        },
        checkpoint_runs=np.concatenate(
            [part.checkpoint_runs + start for part, start in zip(parts, offsets, strict=False)]
        ),
        config=first.config,
    )


def _summary(values: Array) -> str:
    text = values.dtype.kind == "U"
    unique = [str(value) if text else f"{value:g}" for value in np.unique(values)]
    return unique[0] if len(unique) == 1 else "{" + ", ".join(unique) + "}"
