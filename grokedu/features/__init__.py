"""Do features move? Scales of tensors, their relative steps, frozen features, kernels, laziness.

A network whose outputs are multiplied by a large number fits its data with hardly any movement of
its weights: it stays in its linearisation, with the kernel it started with (*lazy*; Chizat, Oyallon
and Bach 2019, arXiv 1812.07956). Kumar et al. 2023 (arXiv 2310.06110) read grokking as a late
passage from lazy to *rich*, where the kernel moves. All of these work on dictionaries of tensors or
on plain functions, of one network at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from grokedu.measures import named, tensor_norms
from grokedu.models.parameters import Params

Apply = Callable[[Params, Tensor], Tensor]


def init_scales(params: Params | nn.Module) -> dict[str, Tensor]:
    """The root mean square entry of each tensor, by name.

    At the start it is the standard deviation that the entries were drawn with. An Adam step moves
    every entry by about the learning rate, so that a tensor of large entries turns slowly.

    Args:
        params: a dictionary of tensors, or a module, whose named parameters are taken.

    Returns:
        A scalar tensor by name.

    >>> init_scales({"W": torch.tensor([[3.0, -3.0], [3.0, 3.0]])})
    {'W': tensor(3.)}
    """
    tensors = {name: tensor.detach() for name, tensor in named(params).items()}
    return {
        name: norm / max(tensors[name].numel(), 1) ** 0.5
        for name, norm in tensor_norms(tensors).items()
    }


def rescale_tensors(params: Params, factors: Mapping[str, float]) -> dict[str, Tensor]:
    """A copy of the weights with some tensors multiplied.

    Raises:
        ValueError: for a name that there is not, or a factor that is not positive.

    >>> rescale_tensors({"A": torch.ones(1), "W": torch.ones(1)}, {"A": 4.0})
    {'A': tensor([4.]), 'W': tensor([1.])}
    """
    unknown = [*(factors.keys() - params.keys())]
    if unknown or not all(factor > 0 for factor in factors.values()):
        raise ValueError(
            f"factors={dict(factors)} for tensors {', '.join(params)}; wanted some of these names "
            "with positive factors, for example {'A': 2.0}"
        )
    return {name: tensor.detach() * factors.get(name, 1.0) for name, tensor in params.items()}


def update_to_weight_ratio(before: Params, after: Params | nn.Module) -> dict[str, Tensor]:
    """How far each tensor moved against its size, ``||after - before|| / ||before||``.

    Args:
        before: the tensors at a step; of a module a copy, which training does not move.
        after: the same at another, or the module itself.

    Returns:
        A scalar tensor by name.

    Raises:
        ValueError: if the two differ in names, shapes or device, or a tensor before was zero.

    Source: the practice of watching it, near 1e-3 a step: Karpathy 2015, CS231n notes.

    >>> update_to_weight_ratio({"W": torch.tensor([3.0, 4.0])}, {"W": torch.tensor([3.0, 4.5])})
    {'W': tensor(0.1000)}
    """
    moved = named(after)
    if _shapes(before) != _shapes(moved):
        raise ValueError(
            f"before has {_shapes(before)} and after {_shapes(moved)}; wanted the same tensors"
        )
    moves = tensor_norms({k: (moved[k] - one).detach() for k, one in before.items()})
    sizes = tensor_norms({k: one.detach() for k, one in before.items()})
    zero = [name for name, size in sizes.items() if size == 0]
    if zero:
        raise ValueError(f"the tensors {', '.join(zero)} were zero; a ratio to them is undefined")
    return {name: moves[name] / size for name, size in sizes.items()}


def random_feature_regression(features: Tensor, targets: Tensor, ridge: float = 0.0) -> Tensor:
    """The readout that frozen features get, in closed form.

    The W that minimises ``||features @ W - targets||² + ridge ||W||²``; with a ridge of 0 the one
    of least norm among those that fit best, where gradient descent from 0 arrives. It is computed
    from the singular values s of the features as ``V s/(s² + ridge) U^T targets``, so that the
    condition number is not squared.

    Args:
        features: (..., n, N), for example the hidden layer of a network at its start, of the train
            examples.
        targets: (..., n, C), for example one-hot labels.
        ridge: at least 0.

    Returns:
        W of shape (..., N, C).

    Raises:
        ValueError: for a ridge below 0, no examples, numbers of examples that differ, or features
            that are not finite.

    Source: Rahimi and Recht 2007; Hastie, Tibshirani and Friedman, section 3.4.1.

    >>> features, targets = torch.eye(2), torch.tensor([[2.0], [4.0]])
    >>> random_feature_regression(features, targets, ridge=1.0).tolist()
    [[1.0], [2.0]]
    """
    if not ridge >= 0:
        raise ValueError(f"ridge is {ridge}; wanted 0 or more, for example 1e-3")
    if not bool(features.isfinite().all()):
        raise ValueError("features hold numbers that are not finite; leave out runs that diverged")
    fits = min(features.ndim, targets.ndim) >= 2 and features.shape[:-1] == targets.shape[:-1]
    if not fits or not features.shape[-2]:
        raise ValueError(
            f"features have shape {tuple(features.shape)} and targets {tuple(targets.shape)}; "
            "wanted (..., n, N) and (..., n, C) with at least one example"
        )
    left, size, right = torch.linalg.svd(features, full_matrices=False)
    # As the pseudo-inverse of numpy and torch: what rounding alone makes is no direction.
    floor = size[..., :1] * max(features.shape[-2:]) * torch.finfo(size.dtype).eps
    kept = size > floor
    gain = torch.where(kept, size / (size.square() + ridge).where(kept, 1.0), 0.0)
    return right.mT @ (gain.unsqueeze(-1) * (left.mT @ targets))


def feature_kernel(features: Tensor) -> Tensor:
    """The inner products of features, (..., n, n) from (..., n, N).

    >>> feature_kernel(torch.tensor([[1.0, 0.0], [1.0, 1.0]])).tolist()
    [[1.0, 1.0], [1.0, 2.0]]
    """
    return features @ features.mT


def tangent_kernel(apply: Apply, params: Params, inputs: Tensor) -> Tensor:
    """The empirical neural tangent kernel of one network, summed over its outputs.

    ``K[i, j] = sum_c <df_c(x_i)/dw, df_c(x_j)/dw>``, by one backward pass an output and input: for
    small networks and a few hundred inputs.

    Args:
        apply: from weights and inputs (n, ...) to outputs (n, C), for example ``model.apply``.
        params: the weights, without a run axis.
        inputs: the inputs.

    Returns:
        (n, n).

    Source: Jacot, Gabriel and Hongler 2018, arXiv 1806.07572.

    >>> linear = lambda params, x: x @ params["W"]
    >>> tangent_kernel(linear, {"W": torch.zeros(2, 3)}, torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    tensor([[3., 3.],
            [3., 6.]])
    """
    leaves = {name: one.detach().requires_grad_() for name, one in params.items()}
    with torch.enable_grad():
        outputs = apply(leaves, inputs)
        rows = torch.eye(outputs.numel(), device=outputs.device, dtype=outputs.dtype)
        jacobian = torch.autograd.grad(
            outputs,
            [*leaves.values()],
            rows.reshape(-1, *outputs.shape),
            is_grads_batched=True,
            materialize_grads=True,
        )
    flat = torch.cat([one.flatten(1) for one in jacobian], dim=1)
    by_input = flat.reshape(len(inputs), -1)  # the outputs of an input side by side
    return by_input @ by_input.mT


def kernel_alignment(first: Tensor, second: Tensor, *, centred: bool = True) -> Tensor:
    """The cosine of the angle between two kernels: 1 where one is a multiple of the other.

    ``<K, K'> / (||K|| ||K'||)`` with the inner product of Frobenius, after a constant function has
    been projected out on both sides. One minus it, between a kernel at the start of training and
    later, says how far features have moved; with the kernel of one-hot labels as the second it says
    how well they suit the task, and sees labels.

    Args:
        first, second: (..., n, n).
        centred: whether to project the constant out.

    Returns:
        (...), between 0 and 1 for kernels that are positive semi-definite.

    Raises:
        ValueError: for shapes that are not square or differ, or a kernel that is zero, or constant
            with ``centred``, but for rounding.

    Source: Cortes, Mohri and Rostamizadeh 2012, arXiv 1203.0550.

    >>> one, other = torch.diag(torch.tensor([1.0, 0.0])), torch.eye(2)
    >>> round(kernel_alignment(one, other, centred=False).item(), 4)  # 45 degrees
    0.7071
    """
    if first.shape != second.shape or first.shape[-2:-1] != first.shape[-1:]:
        raise ValueError(
            f"the kernels have shapes {tuple(first.shape)} and {tuple(second.shape)}; wanted two "
            "of (..., n, n)"
        )
    whole = [torch.linalg.matrix_norm(one) for one in (first, second)]
    if centred:
        first, second = (
            one - one.mean(-1, keepdim=True) - one.mean(-2, keepdim=True) + one.mean((-2, -1), True)
            for one in (first, second)
        )
    sizes = [torch.linalg.matrix_norm(one) for one in (first, second)]
    floor = 8 * torch.finfo(first.dtype).eps
    if any(bool((a <= floor * b).any()) for a, b in zip(sizes, whole, strict=True)):
        raise ValueError("a kernel is zero (after centring, if asked for); it has no direction")
    return (first * second).sum((-2, -1)) / (sizes[0] * sizes[1])


def lazy_scale(apply: Apply, alpha: float, start: Params | None = None) -> Apply:
    """The same network with its outputs multiplied by α, less those at the start if it is given.

    With the loss, or the learning rate of gradient descent, divided by α², the function moves as
    fast for any α and the weights by about 1/α: the larger, the lazier.

    Args:
        apply: from weights and inputs to outputs.
        alpha: positive.
        start: the weights at which the scaled network is to be zero.

    Raises:
        ValueError: for an alpha that is not positive.

    Source: Chizat, Oyallon and Bach 2019, arXiv 1812.07956.

    >>> network = lazy_scale(lambda params, x: x @ params["W"], 10.0, {"W": torch.ones(1, 1)})
    >>> network({"W": torch.full((1, 1), 1.5)}, torch.ones(1, 1)).item()
    5.0
    """
    if not alpha > 0:
        raise ValueError(f"alpha is {alpha}; wanted a positive scale, for example 10.0")
    kept = None if start is None else {k: v.detach().clone() for k, v in start.items()}

    def scaled(params: Params, inputs: Tensor) -> Tensor:
        outputs = apply(params, inputs)
        return alpha * (outputs if kept is None else outputs - apply(kept, inputs))

    return scaled


def linearised(apply: Apply, start: Params) -> Apply:
    """The network's first-order expansion in its weights about a start, the limit of laziness.

    ``f(w0, x) + df(w0, x)/dw · (w - w0)``.

    >>> square = lambda params, x: x * params["w"] ** 2
    >>> tangent = linearised(square, {"w": torch.tensor([3.0])})
    >>> tangent({"w": torch.tensor([4.0])}, torch.tensor([1.0])).item()  # 9 + 6, not 16
    15.0
    """
    kept = {name: tensor.detach().clone() for name, tensor in start.items()}

    def tangent(params: Params, inputs: Tensor) -> Tensor:
        # Along a direction by two backward passes: forward mode takes seconds to load.
        leaves = [one.clone().requires_grad_() for one in kept.values()]
        with torch.enable_grad():
            value = apply(dict(zip(kept, leaves, strict=True)), inputs)
            if not value.requires_grad:
                raise ValueError(f"no output depends on any of the weights {', '.join(kept)}")
            dual = torch.zeros_like(value, requires_grad=True)
            back = torch.autograd.grad(
                value, leaves, dual, create_graph=True, materialize_grads=True
            )
            used = [(g, params[k] - kept[k]) for k, g in zip(kept, back, strict=True) if g.grad_fn]
            ways, moves = zip(*used, strict=True)
            change = torch.autograd.grad(ways, dual, moves, create_graph=True)[0]
        return value.detach() + change

    return tangent


def _shapes(params: Params) -> str:
    each = (f"{k} {tuple(one.shape)} on {one.device}" for k, one in sorted(params.items()))
    return ", ".join(each)
