"""The loss of any torch module as the samplers want it: many copies of its weights at once."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from grokedu.llc.sampling.potential import differentiated
from grokedu.models.parameters import Params
from grokedu.training.machine import free_memory

Inputs = Tensor | tuple[Tensor, ...]
Loss = Callable[[Any, Tensor], Tensor]
NORMS_OF_BATCHES = nn.modules.batchnorm._BatchNorm
DROPOUTS = nn.modules.dropout._DropoutNd
FIRST = 64  # examples on which the loss is tried


class ModuleLoss:
    """The mean loss of copies of a module's weights, and the gradients, all in one call.

    Args:
        model: a module in evaluation mode; called as ``model(inputs)``, or ``model(*inputs)`` for a
            tuple.
        inputs: one tensor, or a tuple of them, with one row for each example.
        targets: with one row for each example.
        loss: from ``model(inputs)`` and targets to the **mean** over examples, a scalar, such as
            ``torch.nn.functional.cross_entropy``.
        parameters: names of the parameters that are varied; all that require a gradient if None.

    Where all copies at once would need more than half of the free memory they are run in parts, and
    a warning says so. A model that :func:`torch.func.vmap` cannot take is run copy by copy.

    Raises:
        ValueError: for a module in train mode with dropout or batch norm, a loss that is not a
            scalar, not finite, differs between two calls or is a sum and not a mean, inputs and
            targets of different lengths, or no such parameter.

    >>> net = nn.Linear(2, 1, bias=False)
    >>> _ = nn.init.ones_(net.weight)
    >>> x, y = torch.tensor([[1.0, 1.0], [0.0, 2.0]]), torch.tensor([[1.0], [3.0]])
    >>> both = ModuleLoss(net, x, y, nn.functional.mse_loss)
    >>> losses, gradients = both(both.center, None)  # of the errors 1 and -1
    >>> losses.tolist(), gradients["weight"].tolist()
    ([1.0], [[[1.0, -1.0]]])
    """

    def __init__(
        self,
        model: nn.Module,
        inputs: Inputs,
        targets: Tensor,
        loss: Loss,
        parameters: Sequence[str] | None = None,
    ) -> None:
        if isinstance(loss, type) or not callable(loss):
            raise ValueError(
                f"loss is {loss!r}; wanted a function of outputs and targets, such as "
                "F.cross_entropy or nn.CrossEntropyLoss()"
            )
        given = [*inputs] if isinstance(inputs, tuple) else [inputs]
        if strange := [type(x).__name__ for x in (*given, targets) if not isinstance(x, Tensor)]:
            raise ValueError(f"inputs or targets are {strange[0]}; wanted tensors")
        if isinstance(parameters, str):
            raise ValueError(f"parameters is {parameters!r}; wanted a list of names")
        self.model, self.targets, self.loss = model, targets, loss
        self.inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        lengths = [len(x) for x in (*self.inputs, targets)]
        if len({*lengths}) != 1 or not lengths[0]:
            raise ValueError(f"inputs and targets have {lengths} rows; wanted one number of rows")
        _require_evaluation(model)
        named = dict(model.named_parameters())
        names = (
            [k for k, v in named.items() if v.requires_grad] if parameters is None else parameters
        )
        unknown = [name for name in names if name not in named]
        if unknown or not names:
            raise ValueError(f"no parameters {unknown or names}; the model has {[*named]}")
        self.center = {name: named[name].detach().clone().unsqueeze(0) for name in names}
        self.fixed = {k: v.detach() for k, v in named.items() if k not in self.center}
        self.fixed |= {k: v.detach() for k, v in model.named_buffers()}
        self._require_a_mean()
        self.bytes_of_one = self._bytes_of_one()
        self.batched, self.told = True, False

    def __call__(self, params: Params, rows: Tensor | None) -> tuple[Tensor, dict[str, Tensor]]:
        """The losses, (C,), and gradients, (C, ...); ``rows`` (C, b) chooses the examples."""
        chains = len(next(iter(params.values())))
        together = self._together(chains)
        both = differentiated(self._losses)
        parts = [
            both(
                {name: tensor[at : at + together] for name, tensor in params.items()},
                None if rows is None else rows[at : at + together],
            )
            for at in range(0, chains, together)
        ]
        if len(parts) == 1:
            return parts[0]
        gradients = {name: torch.cat([part[1][name] for part in parts]) for name in params}
        return torch.cat([part[0] for part in parts]), gradients

    def _losses(self, params: Params, rows: Tensor | None) -> Tensor:
        """(C,), of copies that fit at once."""
        chosen = [x if rows is None else x[rows] for x in (*self.inputs, self.targets)]
        axes = (0, *[None if rows is None else 0] * len(chosen))
        if self.batched:
            try:
                return vmap(self._loss_of_one, axes)(dict(params), *chosen)
            except RuntimeError as error:
                if not re.search("vmap|functorch|batching rule", str(error), re.IGNORECASE):
                    raise
                self.batched = False
                reason = str(error).splitlines()[0]
                warnings.warn(f"copies of the model go one by one, slowly: {reason}", stacklevel=2)
        copies = [
            {name: tensor[at] for name, tensor in params.items()}
            for at in range(len(next(iter(params.values()))))
        ]
        return torch.stack(
            [
                self._loss_of_one(copy, *(x if rows is None else x[at] for x in chosen))
                for at, copy in enumerate(copies)
            ]
        )

    def _loss_of_one(self, params: Params, *examples: Tensor) -> Tensor:
        *inputs, targets = examples
        return self.loss(
            functional_call(self.model, {**self.fixed, **params}, tuple(inputs)), targets
        )

    def _together(self, chains: int) -> int:
        device = next(iter(self.center.values())).device
        fit = max(1, int(free_memory(device) / 2 / self.bytes_of_one))
        if fit < chains and not self.told:
            self.told = True
            warnings.warn(
                f"{chains} copies of the model need about {chains * self.bytes_of_one / 2**30:.1f} "
                f"GB at once, more than half of what is free: they go {fit} at a time",
                stacklevel=3,
            )
        return min(fit, chains)

    def _bytes_of_one(self) -> int:
        """What autograd keeps for one copy, and its weights three times."""
        kept: dict[int, int] = {}

        def keep(x: Tensor) -> Tensor:
            storage = x.untyped_storage()
            kept[storage.data_ptr()] = storage.nbytes()
            return x

        leaves = {k: v[0].detach().requires_grad_() for k, v in self.center.items()}
        with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
            self._loss_of_one(leaves, *self.inputs, self.targets)
        weights = sum(v.numel() * v.element_size() for v in leaves.values())
        return sum(kept.values()) + 3 * weights

    def _require_a_mean(self) -> None:
        weights = {name: tensor[0] for name, tensor in self.center.items()}
        first = [x[:FIRST] for x in (*self.inputs, self.targets)]
        with torch.no_grad():
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message="Using a target size")
                try:
                    value = self._loss_of_one(weights, *first)
                except UserWarning as error:
                    raise ValueError(f"outputs and targets differ in shape: {error}") from None
            if not isinstance(value, Tensor) or value.shape != ():
                given = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(f"the loss is {given}; wanted a scalar tensor, the mean loss")
            again = self._loss_of_one(weights, *first)
            twice = self._loss_of_one(weights, *(torch.cat([x, x]) for x in first))
        if not bool(value.isfinite()):
            raise ValueError(f"the loss at w* is {value.item()}; wanted a finite number")
        if not torch.allclose(value, again, rtol=1e-4):
            raise ValueError(
                f"the loss is {value.item():g} and, called again, {again.item():g}; wanted a loss "
                "without randomness (model.eval()) and a model that leaves its inputs alone"
            )
        if value != 0 and torch.allclose(twice, 2 * value, rtol=1e-3):
            raise ValueError(
                "the loss of the same examples twice is twice as large: it is a sum; wanted the "
                "mean over examples, such as reduction='mean'"
            )


def _require_evaluation(model: nn.Module) -> None:
    for name, module in model.named_modules():
        changing = (isinstance(module, DROPOUTS) and module.p > 0) or isinstance(
            module, NORMS_OF_BATCHES
        )
        if changing and module.training:
            raise ValueError(
                f"{name or 'the model'} is {type(module).__name__} in train mode, so the loss is "
                "no function of the weights alone; call model.eval() first"
            )
