"""Between the models of this package and ``torch.nn.Module``, both ways.

:class:`View` is a torch module over the parameters of a model; :class:`FromModule` makes a model,
with its leading run axis, of any torch module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any, Protocol

import torch
from torch import Tensor, nn

_GLOBAL_STREAM = Lock()  # torch's own stream of random numbers is one for all threads


class Applies(Protocol):
    """What :class:`View` asks of a model."""

    def apply(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """The outputs for these inputs."""
        ...


class View(nn.Module):
    """A torch module whose parameters share the memory of ``params``; calling it applies the model.

    >>> from grokedu.models.deep_linear import DeepLinear
    >>> model = DeepLinear((4, 3, 2))
    >>> net = View(model, model.init(torch.Generator().manual_seed(0)))
    >>> net(torch.zeros(5, 4)).shape, [name for name, _ in net.named_parameters()]
    (torch.Size([5, 2]), ['W1', 'W2'])
    """

    def __init__(self, model: Applies, params: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.model = model
        for name, tensor in params.items():
            self.register_parameter(name, nn.Parameter(tensor))

    def forward(self, inputs: Tensor) -> Tensor:
        """The model's outputs."""
        return self.model.apply(dict(self.named_parameters()), inputs)


@dataclass(frozen=True)
class FromModule:
    """A model for the training loop, of a torch module of one's own.

    Runs are computed side by side by ``torch.func.vmap``.

    Attributes:
        build: makes the module with fresh weights, for example ``lambda: nn.Linear(2, 3)``. It is
            called once a run, with torch's random numbers seeded from the run's own generator.

    Raises:
        ValueError: when the module has floating-point buffers, whose training no gradient does
            (batch normalisation), frozen parameters, which would be trained, dropout, whose draws
            would not be the run's own, or no parameters.

    >>> model = FromModule(lambda: nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 3)))
    >>> params = model.init([torch.Generator().manual_seed(seed) for seed in range(5)])
    >>> params["0.weight"].shape, model.apply(params, torch.zeros(7, 2)).shape
    (torch.Size([5, 4, 2]), torch.Size([5, 7, 3]))
    """

    build: Callable[[], nn.Module]
    _template: nn.Module = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            template = self.build()
        if any(buffer.is_floating_point() for buffer in template.buffers()):
            raise ValueError(
                f"{type(template).__name__} has floating-point buffers, which a gradient step does "
                "not train; use LayerNorm instead of BatchNorm, for example"
            )
        frozen = [name for name, one in template.named_parameters() if not one.requires_grad]
        if frozen:
            raise ValueError(
                f"{type(template).__name__} has parameters that require no gradient, "
                f"{', '.join(frozen)}, and here all are trained; keep constants as plain attributes"
            )
        drops = [m for m in template.modules() if isinstance(m, nn.modules.dropout._DropoutNd)]
        if any(one.training and one.p > 0 for one in drops):
            raise ValueError(
                f"{type(template).__name__} has dropout, which draws from a stream that runs would "
                "share; build it with p=0, or hand over module.eval()"
            )
        if not [*template.parameters()]:
            raise ValueError(f"{type(template).__name__} has no parameters to train")
        object.__setattr__(self, "_template", template)

    def init(
        self,
        generator: torch.Generator | Sequence[torch.Generator],
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> dict[str, Tensor]:
        """The weights that ``build`` draws; S generators give a leading axis of S runs."""
        if isinstance(generator, torch.Generator):
            with _GLOBAL_STREAM, torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(torch.randint(2**62, (), generator=generator)))
                module = self.build()
            return {
                name: tensor.detach().to(device=device, dtype=dtype)
                for name, tensor in module.named_parameters()
            }
        runs = [self.init(one, dtype, device) for one in generator]
        return {name: torch.stack([run[name] for run in runs]) for name in runs[0]}

    def apply(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Outputs (S, n, ...) of S runs for inputs (n, ...), the same for all of them."""
        return torch.func.vmap(self._one, in_dims=(0, None))(
            dict(params), self._cast(inputs, params)
        )

    def apply_each(self, params: Mapping[str, Tensor], inputs: Tensor) -> Tensor:
        """Outputs (S, n, ...) of S runs for inputs (S, n, ...), each run its own."""
        return torch.func.vmap(self._one)(dict(params), self._cast(inputs, params))

    def module(self, params: Mapping[str, Tensor]) -> nn.Module:
        """A module as ``build`` makes it, with a copy of one run's weights (no run axis)."""
        with torch.random.fork_rng(devices=[]):
            module = self.build()
        first = next(iter(params.values()))
        module.to(device=first.device, dtype=first.dtype)
        module.load_state_dict({**dict(module.named_buffers()), **params}, strict=False)
        return module

    def _one(self, params: dict[str, Tensor], inputs: Tensor) -> Any:
        buffers = {name: one.to(inputs.device) for name, one in self._template.named_buffers()}
        return torch.func.functional_call(self._template, {**buffers, **params}, (inputs,))

    @staticmethod
    def _cast(inputs: Tensor, params: Mapping[str, Tensor]) -> Tensor:
        return (
            inputs.to(next(iter(params.values())).dtype) if inputs.is_floating_point() else inputs
        )
