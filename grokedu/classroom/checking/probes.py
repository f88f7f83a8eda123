"""Probes: functions that drive an answer which is more than a function of plain data.

Optimizers, modules and gradients cannot be sent as plain data. A probe runs in the process of the
learner's code, takes the learner's object and plain data, uses the object, and returns plain data
about what it did. Its result is judged like any other reply: nothing in it is trusted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

Probe = Callable[..., Any]
PROBES: dict[str, Probe] = {}

# Elementwise functions that answers can be tried on.
FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "absolute": torch.abs,
    "bent": lambda z: torch.where(z > 0, z, -z.square()),
    "bent square": lambda z: torch.where(z > 0, z.square(), z),
    "cubed relu": lambda z: torch.relu(z) ** 3,
    "gelu": torch.nn.functional.gelu,
    "leaky relu": torch.nn.functional.leaky_relu,
    "linear": lambda z: z,
    "relu": torch.relu,
    "silu": torch.nn.functional.silu,
    "sine": torch.sin,
    "square": torch.square,
    "tanh": torch.tanh,
}


def probe(function: Probe) -> Probe:
    """Register a probe under its function's name.

    Args:
        function: takes the answer and plain data, and returns plain data.

    Raises:
        ValueError: another probe has that name.
    """
    if PROBES.setdefault(function.__name__, function) is not function:
        raise ValueError(f"there is a probe named {function.__name__!r} already")
    return function


def drive(name: str | None, answer: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Call ``answer`` on the arguments, through the probe of that name if one is given.

    Args:
        name: the probe's name; None for a plain call.
        answer: the learner's function or class.
        args, kwargs: the arguments.

    Raises:
        ValueError: no probe has that name.

    >>> drive(None, lambda x: x + 1, (1,), {})
    2
    """
    if name is None:
        return answer(*args, **kwargs)
    if name not in PROBES:
        raise ValueError(f"no probe is named {name!r}; there are: {', '.join(sorted(PROBES))}")
    return PROBES[name](answer, *args, **kwargs)


def _leaves(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value] if value.is_floating_point() else []
    if isinstance(value, dict):
        return [leaf for entry in value.values() for leaf in _leaves(entry)]
    if isinstance(value, (list, tuple)):
        return [leaf for entry in value for leaf in _leaves(entry)]
    return []


@probe
def gradients(answer: Callable[..., Tensor], *args: Any) -> dict[str, Any]:
    """The result of ``answer(*args)`` and its gradients for the floating-point tensors in ``args``.

    A result with several entries is summed first. The gradient for a tensor that the result does
    not depend on is None. If the result is not a tensor, ``"gradients"`` is None.

    >>> trace = gradients(lambda x: (x**2).sum(), torch.tensor([3.0]))
    >>> trace["gradients"]
    [tensor([6.])]
    """
    leaves = [leaf.requires_grad_() for leaf in _leaves(args)]
    result = answer(*args)
    if not isinstance(result, Tensor):
        return {"result": result, "gradients": None}
    slopes = torch.autograd.grad(result.sum(), leaves, allow_unused=True)
    return {"result": result.detach(), "gradients": list(slopes)}


@probe
def optimizer(
    answer: Callable[..., Any],
    params: Sequence[Tensor],
    gradients: Sequence[Sequence[Tensor]],
    options: Mapping[str, Any],
) -> list[list[Tensor]]:
    """Build the optimizer ``answer(params, **options)`` and take a step for each row of gradients.

    Returns:
        For each step, the list of the parameters after it.

    >>> optimizer(torch.optim.SGD, [torch.tensor([1.0])], [[torch.tensor([2.0])]], {"lr": 0.25})
    [[tensor([0.5000])]]
    """
    leaves = [torch.nn.Parameter(value.clone()) for value in params]
    made = answer(leaves, **options)
    states = []
    for row in gradients:
        for leaf, slope in zip(leaves, row, strict=True):
            leaf.grad = slope.clone()
        made.step()
        states.append([leaf.detach().clone() for leaf in leaves])
    return states


@probe
def module(
    answer: Callable[..., torch.nn.Module],
    options: Mapping[str, Any],
    state: Mapping[str, Tensor],
    inputs: Sequence[Any],
) -> dict[str, Any]:
    """Build the module ``answer(**options)``, load ``state``, and call it on ``inputs``.

    Returns:
        The output, and by parameter the gradient of the output's sum. If the output is not a
        tensor, ``"gradients"`` is None.

    >>> state = {"weight": torch.tensor([[3.0]]), "bias": torch.tensor([1.0])}
    >>> options = {"in_features": 1, "out_features": 1}
    >>> module(torch.nn.Linear, options, state, [torch.tensor([2.0])])["output"]
    tensor([7.])
    """
    made = answer(**options)
    made.load_state_dict(dict(state))
    output = made(*inputs)
    if not isinstance(output, Tensor):
        return {"output": output, "gradients": None}
    output.sum().backward()
    slopes = {name: value.grad for name, value in made.named_parameters()}
    return {"output": output.detach(), "gradients": slopes}


@probe
def training_steps(
    answer: Callable[..., Any],
    start: Tensor,
    targets: Sequence[Tensor],
    optimizer: str,
    options: Mapping[str, Any],
) -> dict[str, Any]:
    """Call ``answer(optimizer, compute_loss)`` once for each target, with a real torch optimizer.

    The loss is the squared distance of the weights from the target.

    Args:
        answer: takes an optimizer and a function that computes the loss.
        start: the initial weights.
        targets: the target of each call.
        optimizer: the name of a class of ``torch.optim``.
        options: the optimizer's options.

    Returns:
        What each call returned, and the weights after it.
    """
    weights = start.clone().requires_grad_()
    made = getattr(torch.optim, optimizer)([weights], **options)
    returned, states = [], []
    for target in targets:
        value = answer(made, lambda target=target: (weights - target).square().sum())
        returned.append(value.detach() if isinstance(value, Tensor) else value)
        states.append(weights.detach().clone())
    return {"returned": returned, "weights": states}


@probe
def constrained_steps(
    answer: Callable[..., Any],
    groups: Sequence[Sequence[Tensor]],
    targets: Sequence[Sequence[Tensor]],
    optimizer: str,
    options: Mapping[str, Any],
    *constraint: Any,
) -> dict[str, Any]:
    """Call ``answer(optimizer, compute_loss, *constraint)`` once for each row of targets.

    The optimizer is one of torch's, with several parameter groups. The loss is the squared distance
    of all weights from the targets.

    Args:
        answer: takes an optimizer, a function that computes the loss, and ``constraint``.
        groups: the initial weights of each parameter group.
        targets: for each call, the targets of all weights in the order of the groups.
        optimizer: the name of a class of ``torch.optim``.
        options: the optimizer's options.
        constraint: further arguments of the answer.

    Returns:
        What each call returned, the weights after it, and the tensors in the optimizer's state
        after the last call, as ``"memory"``.
    """
    leaves = [[value.clone().requires_grad_() for value in group] for group in groups]
    made = getattr(torch.optim, optimizer)([{"params": group} for group in leaves], **options)
    weights = [value for group in leaves for value in group]

    def loss(row: Sequence[Tensor]) -> Tensor:
        return torch.stack(
            [(w - t).square().sum() for w, t in zip(weights, row, strict=True)]
        ).sum()

    returned, states = [], []
    for row in targets:
        value = answer(made, lambda row=row: loss(row), *constraint)
        returned.append(value.detach() if isinstance(value, Tensor) else value)
        states.append([w.detach().clone() for w in weights])
    memory = [
        {k: v.detach() for k, v in made.state[w].items() if isinstance(v, Tensor)} for w in weights
    ]
    return {"returned": returned, "weights": states, "memory": memory}


@probe
def for_seeds(answer: Callable[..., Any], seeds: Sequence[int], *args: Any) -> list[Any]:
    """The results of ``answer(*args, generator)`` with a new generator for each seed.

    >>> for_seeds(lambda scale, generator: scale * generator.initial_seed(), [1, 2], 10)
    [10, 20]
    """
    return [answer(*args, torch.Generator().manual_seed(seed)) for seed in seeds]


@probe
def of_function(answer: Callable[..., Any], name: str, *args: Any) -> Any:
    """The result of ``answer(f, *args)`` for the function of that name in `FUNCTIONS`.

    >>> of_function(lambda f: f(torch.tensor([-2.0, 3.0])), "relu")
    tensor([0., 3.])
    """
    return answer(FUNCTIONS[name], *args)


@probe
def refusal(answer: Callable[..., Any], *args: Any) -> str:
    """The name of the exception that ``answer(*args)`` raises, or "none".

    >>> refusal(int, "three")
    'ValueError'
    """
    try:
        answer(*args)
    except NotImplementedError:
        raise
    except Exception as error:
        return type(error).__name__
    return "none"
