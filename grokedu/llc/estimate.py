"""Estimates of the local learning coefficient, with nothing to tune."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import cast

from torch import Tensor, nn

from grokedu.llc.sampling.batch import estimate_at
from grokedu.llc.sampling.chains import Sampler
from grokedu.llc.sampling.module_loss import Inputs, ModuleLoss
from grokedu.llc.sampling.potential import Loss, LossAndGradient, Potential, differentiated
from grokedu.llc.sampling.result import LLC
from grokedu.models.parameters import Params

PlainLoss = Callable[[Params], Tensor]


def estimate_llc(
    model: nn.Module | PlainLoss | LossAndGradient,
    inputs: Inputs | None = None,
    targets: Tensor | None = None,
    loss: Loss | None = None,
    *,
    params: Params | None = None,
    parameters: Sequence[str] | None = None,
    n: float | None = None,
    nbeta: float | None = None,
    gamma: float = 1.0,
    weight_decay: float = 0.0,
    chains: int | None = None,
    gradients: int | None = None,
    seconds: float | None = None,
    target_error: float | None = None,
    sampler: Callable[[Potential], Sampler] | None = None,
    heat: float | None = None,
    seed: int = 0,
    progress: bool = True,
) -> LLC:
    """The local learning coefficient of a model at its present weights w*.

    Chains draw weights from the density proportional to ``exp(-U)``, and the value is::

        U(w) = nbeta * L(w) + gamma / 2 * |w - w*|^2,    value = nbeta * (E[L(w)] - L(w*))

    with L the mean loss over the n examples. It tends to the learning coefficient at w* as n grows,
    if w* is a minimum of L; otherwise it is a statistic of the neighbourhood of w* that depends on
    gamma and nbeta, and a warning says so.

    Two ways to call it::

        estimate_llc(net, x, y, torch.nn.functional.cross_entropy)
        estimate_llc(loss_of_chains, params={"w": w_star}, n=1000)

    Args:
        model: a module in evaluation mode; or a function from a dictionary of weights with a
            leading axis of C chains to the mean loss of each, (C,). For gradients of your own give
            a :class:`~grokedu.llc.sampling.potential.LossAndGradient`.
        inputs, targets: of a module, one row an example; a tuple of inputs is ``model(*inputs)``.
        loss: of a module: from outputs and targets to the mean over examples.
        params: w*, for a function; without the axis of chains.
        parameters: the names of those parameters of a module that are varied; the others stay at
            w*.
        n: the number of examples, ``len(targets)`` for a module; more for a loss that stands for a
            larger sample.
        nbeta: n times the inverse temperature; n / log(n) unless given.
        gamma: the precision of the Gaussian around w*. In a singular model the value depends on it
            at every finite n: compare models at one gamma, and look at several with
            :func:`grokedu.llc.llc_grid`. With d weights the chains move about sqrt(d / gamma).
        weight_decay: c for a term ``c / 2 * |w|^2`` inside L.
        chains: how many; by default 8 to 64, fewer for larger models.
        gradients: how many each chain may take, 1800 by default, each over all examples. Half of
            them are burn-in; with fewer than 800 the chains have rarely cooled down.
        seconds: how long it may take instead; with both, whichever ends first.
        target_error: stop at this relative standard error, 0.01 for example, and after at most
            40000 gradients.
        sampler: a sampler of your own, ``functools.partial(SGLD, step_size=1e-5)`` for example;
            by default Hamiltonian Monte Carlo that tunes itself, see
            :mod:`grokedu.llc.sampling.warm_up`.
        heat: how many times too hot the chains begin, 1000 by default and less beyond 500 weights;
            with 1 they begin at the wanted temperature.
        seed: of all random numbers.
        progress: whether to show a bar.

    The result's ``warnings`` name what may be wrong: "not a minimum", "no finite minimum", "saddle"
    and "negative" are about w*; "not converged" (split R-hat above 1.2), "drift", "noisy" (a
    relative error above 2.5 %, or the target), "stuck", "step size" and "diverged" are about the
    chains. A module
    that :func:`torch.func.vmap` cannot take, one with an LSTM for example, is run copy by copy.

    Raises:
        ValueError: for a loss that is not finite or not a mean, a module in train mode with dropout
            or batch norm, a missing n, or a number out of range.

    Source: Lau et al. 2023 (arXiv 2308.12108).

    >>> import torch
    >>> net = nn.Linear(12, 1, bias=False)  # linear regression: half the number of weights
    >>> x = torch.randn(1000, 12, generator=torch.Generator().manual_seed(0))
    >>> y = torch.zeros(1000, 1)
    >>> _ = nn.init.zeros_(net.weight)
    >>> found = estimate_llc(net, x, y, nn.functional.mse_loss, progress=False)
    >>> abs(found.value - 6) < 4 * found.standard_error + 0.02, found.warnings
    (True, ())
    """
    both, center, n = target_of(model, inputs, targets, loss, params, parameters, n)
    return estimate_at(
        both,
        {name: tensor.detach().unsqueeze(0) for name, tensor in center.items()},
        n=n,
        nbeta=nbeta,
        gamma=gamma,
        weight_decay=weight_decay,
        chains=chains,
        gradients=gradients,
        seconds=seconds,
        target_error=target_error,
        sampler=sampler,
        heat=heat,
        seed=seed,
        progress=progress,
    )[0]


def target_of(
    model: nn.Module | PlainLoss | LossAndGradient,
    inputs: Inputs | None,
    targets: Tensor | None,
    loss: Loss | None,
    params: Params | None,
    parameters: Sequence[str] | None,
    n: float | None,
) -> tuple[LossAndGradient, Params, float]:
    """The loss of many copies, w* and n, from what :func:`estimate_llc` was given.

    Raises:
        ValueError: where something is missing, or belongs to the other way to call it.

    >>> import torch
    >>> net, x, y = nn.Linear(2, 1, bias=False), torch.ones(8, 2), torch.ones(8, 1)
    >>> both, center, n = target_of(net, x, y, nn.functional.mse_loss, None, None, None)
    >>> center["weight"].shape, n
    (torch.Size([1, 2]), 8)
    """
    if isinstance(model, nn.Module):
        if inputs is None or targets is None or loss is None:
            raise ValueError(
                "a module needs inputs, targets and a loss, such as F.cross_entropy; at least one "
                "of them is missing"
            )
        if params is not None:
            raise ValueError("params are for a loss function; a module's own weights are w*")
        of_module = ModuleLoss(model, inputs, targets, loss, parameters)
        center = {name: tensor[0] for name, tensor in of_module.center.items()}
        return of_module, center, len(targets) if n is None else n
    if params is None or n is None:
        raise ValueError("a loss function needs params, the weights w*, and n, for example n=1000")
    if not (inputs is None and targets is None and loss is None and parameters is None):
        raise ValueError("inputs, targets, loss and parameters are for a module")
    return as_loss_and_gradient(model), params, n


def as_loss_and_gradient(loss: PlainLoss | LossAndGradient) -> LossAndGradient:
    """A loss with its gradient: the given one if it takes rows as well, else differentiated.

    Raises:
        ValueError: if it can be called neither with one argument nor with two.

    >>> import torch
    >>> both = as_loss_and_gradient(lambda params: params["w"].square().sum(dim=1))
    >>> both({"w": torch.tensor([[1.0, 2.0]])}, None)[1]["w"].tolist()
    [[2.0, 4.0]]
    >>> as_loss_and_gradient(both) is both
    True
    """
    try:
        needed = [
            p
            for p in inspect.signature(loss).parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        needed = []
    if len(needed) == 2:
        return cast(LossAndGradient, loss)
    if len(needed) != 1:
        raise ValueError(
            f"the loss is {loss!r}; wanted a module, or a function of a dictionary of weights"
        )

    alone = cast(PlainLoss, loss)

    def of_all(params: Params, rows: Tensor | None) -> Tensor:
        if rows is not None:
            raise ValueError("a loss of the weights alone has no minibatches; leave batch_size out")
        return alone(params)

    return differentiated(of_all)
