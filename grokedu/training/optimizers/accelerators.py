"""Ways to make grokking come sooner, to compare with: Grokfast's filters, ⊥Grad and StableMax.

A gradient transform is a frozen set of numbers with two functions: ``init(params)`` gives a state,
a flat dictionary of tensors, and ``step(params, grads, state)`` returns the gradients to hand to
any optimizer, and the next state. Grokfast's work entry by entry, so that tensors may have a
leading axis that counts runs. :func:`transform_gradients`
does the same to the ``.grad`` of a ``torch.nn.Module``, between ``backward`` and ``step``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from grokedu.measures.losses import require_labels
from grokedu.models.parameters import Params, State


class GradientTransform(Protocol):
    """What stands between the gradient and the optimizer."""

    def init(self, params: Params) -> State:
        """The state before the first step."""
        ...

    def step(self, params: Params, grads: Params, state: State) -> tuple[dict[str, Tensor], State]:
        """The gradients to use, and the next state."""
        ...


@dataclass(frozen=True)
class GrokfastEMA:
    """Amplify the slow part of the gradient, an exponential moving average of it.

    With h the average, which starts at the first gradient::

        h <- decay * h + (1 - decay) * g,    g <- g + amplify * h

    Source: Lee et al. 2024 (arXiv 2405.20233), whose modular addition used decay 0.98, amplify 2.

    Raises:
        ValueError: for a decay outside [0, 1) or a negative amplification.

    >>> filter, weights = GrokfastEMA(decay=0.5, amplify=2.0), {"w": torch.zeros(1)}
    >>> state = filter.init(weights)
    >>> grads, state = filter.step(weights, {"w": torch.tensor([1.0])}, state)
    >>> grads["w"].item()  # the average of one gradient is itself: 1 + 2 * 1
    3.0
    >>> filter.step(weights, {"w": torch.tensor([0.0])}, state)[0]["w"].item()  # 0 + 2 * 0.5
    1.0
    """

    decay: float = 0.98
    amplify: float = 2.0

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1 or not self.amplify >= 0:
            raise ValueError(
                f"decay={self.decay}, amplify={self.amplify}; wanted 0 <= decay < 1 and amplify "
                ">= 0, for example 0.98 and 2.0"
            )

    def init(self, params: Params) -> State:
        """Averages of zero, and for each tensor a count of zero steps."""
        state = {f"average/{name}": torch.zeros_like(weight) for name, weight in params.items()}
        return state | _no_steps(params)

    def step(self, params: Params, grads: Params, state: State) -> tuple[dict[str, Tensor], State]:
        """The amplified gradients and the next state."""
        _require_same_tensors(params, grads)
        amplified, after = {}, dict(state)
        for name, grad in grads.items():
            steps, average = state[f"steps/{name}"], state[f"average/{name}"]
            share = 1.0 if int(steps) == 0 else 1 - self.decay
            after[f"average/{name}"] = average.lerp(grad, share)
            after[f"steps/{name}"] = steps + 1
            amplified[name] = grad + self.amplify * after[f"average/{name}"]
        return amplified, after


@dataclass(frozen=True)
class GrokfastMA:
    """Amplify the slow part of the gradient, its mean over the last ``window`` steps.

    Until the window is full the gradient passes unchanged. It keeps ``window`` copies of every
    gradient: Lee et al. 2024 (arXiv 2405.20233), with window 100 and amplify 5, need fewer steps
    than with the exponential average, but each takes longer.

    Raises:
        ValueError: for a window below 1 or a negative amplification.

    >>> filter, weights = GrokfastMA(window=2, amplify=1.0), {"w": torch.zeros(1)}
    >>> state = filter.init(weights)
    >>> for g in (1.0, 3.0, 5.0):
    ...     grads, state = filter.step(weights, {"w": torch.tensor([g])}, state)
    ...     print(grads["w"].item())  # alone, then 3 + mean(1, 3), then 5 + mean(3, 5)
    1.0
    5.0
    9.0
    """

    window: int = 100
    amplify: float = 5.0

    def __post_init__(self) -> None:
        if self.window < 1 or not self.amplify >= 0:
            raise ValueError(
                f"window={self.window}, amplify={self.amplify}; wanted window >= 1 and amplify >= "
                "0, for example 100 and 5.0"
            )

    def init(self, params: Params) -> State:
        """Empty windows, and for each tensor a count of zero steps."""
        state = {
            f"window/{name}": weight.new_zeros(self.window, *weight.shape)
            for name, weight in params.items()
        }
        return state | _no_steps(params)

    def step(self, params: Params, grads: Params, state: State) -> tuple[dict[str, Tensor], State]:
        """The amplified gradients and the next state. The windows are updated in place."""
        _require_same_tensors(params, grads)
        amplified, after = {}, dict(state)
        for name, grad in grads.items():
            steps, window = int(state[f"steps/{name}"]), state[f"window/{name}"]
            window[steps % self.window] = grad
            after[f"steps/{name}"] = state[f"steps/{name}"] + 1
            full = steps + 1 >= self.window
            amplified[name] = grad + self.amplify * window.mean(dim=0) if full else grad
        return amplified, after


@dataclass(frozen=True)
class OrthogonalGradient:
    """⊥Grad: from each tensor's gradient the part along its weights is taken, its size restored.

    The formula, for each tensor w with gradient g::

        t = g - (<w, g> / |w|^2) w,    g <- t |g| / |t|

    Under cross-entropy that part mostly scales the logits up without changing a prediction. Where
    nothing is left (g along w), or w is zero, the gradient becomes zero or stays. Source: Prieto
    et al. 2025 (arXiv 2501.04697).

    It is for one network; ``torch.vmap`` of its step is for many.

    >>> weights, grads = {"w": torch.tensor([1.0, 0.0])}, {"w": torch.tensor([4.0, 3.0])}
    >>> OrthogonalGradient().step(weights, grads, {})[0]["w"].tolist()  # of length 5 still
    [0.0, 5.0]
    """

    def init(self, params: Params) -> State:
        """Nothing."""
        return {}

    def step(self, params: Params, grads: Params, state: State) -> tuple[dict[str, Tensor], State]:
        """The orthogonal gradients; the state stays."""
        _require_same_tensors(params, grads)
        return {name: self._orthogonal(params[name], grad) for name, grad in grads.items()}, state

    def _orthogonal(self, weight: Tensor, grad: Tensor) -> Tensor:
        tiny = torch.finfo(grad.dtype).tiny  # 0 / tiny is 0
        w, g = weight.detach(), grad.detach()
        along = (w * g).sum() / w.square().sum().clamp_min(tiny)
        rest = g - along * w
        size = torch.linalg.vector_norm(g)
        # What rounding leaves of a gradient along w is no direction, and must not be blown up.
        length = torch.linalg.vector_norm(rest)
        noise = 4 * torch.finfo(grad.dtype).eps * size
        scale = torch.where(length > noise, size / length.clamp_min(tiny), 0.0)
        return rest * scale


def stablemax(logits: Tensor) -> Tensor:
    """Probabilities that grow with the logits themselves, not with their exponentials.

    The formula::

        s(x) = x + 1  for x >= 0,   1 / (1 - x)  for x < 0;    probabilities s(x_c) / sum_k s(x_k)

    Args:
        logits: (..., classes).

    Source: Prieto et al. 2025 (arXiv 2501.04697).

    >>> stablemax(torch.tensor([3.0, 0.0, -1.0])).tolist()  # s is 4, 1 and 1/2
    [0.72..., 0.18..., 0.09...]
    """
    return log_stablemax(logits).exp()


def log_stablemax(logits: Tensor) -> Tensor:
    """The logarithm of :func:`stablemax`, of the same shape.

    >>> log_stablemax(torch.zeros(2)).exp().tolist()
    [0.5, 0.5]
    """
    # Not sign(x) * log1p(|x|), whose derivative at 0 would come out as 0 instead of 1.
    above, below = logits.clamp_min(0).log1p(), -(-logits).clamp_min(0).log1p()
    log_s = torch.where(logits >= 0, above, below)
    return log_s - log_s.logsumexp(dim=-1, keepdim=True)


def stablemax_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross-entropy under :func:`stablemax`, in nats.

    Args:
        logits: (..., n, classes).
        labels: int64 of shape (n,) or (..., n).

    Returns:
        The loss, of shape (...).

    Raises:
        ValueError: for no examples, or labels that do not belong to these logits.

    >>> loss = stablemax_cross_entropy(torch.zeros(5, 2), torch.tensor([0, 1, 0, 1, 0]))
    >>> round(loss.item(), 4)  # log 2
    0.6931
    """
    require_labels(logits, labels)
    labels = labels.expand(logits.shape[:-1])
    chosen = log_stablemax(logits).gather(-1, labels.unsqueeze(-1)).squeeze(-1)
    return -chosen.mean(dim=-1)


def transform_gradients(module: nn.Module, transform: GradientTransform, state: State) -> State:
    """Replace the gradients of a module's parameters by the transformed ones; return the state.

    Args:
        module: after ``backward``; parameters without a gradient are left out, and keep what the
            state holds of them.
        transform, state: the state from ``transform.init(dict(module.named_parameters()))`` or the
            last call.

    >>> net, ema = nn.Linear(1, 1), GrokfastEMA(amplify=2.0)
    >>> state = ema.init(dict(net.named_parameters()))
    >>> net(torch.ones(1, 1)).sum().backward()
    >>> state = transform_gradients(net, ema, state)
    >>> net.weight.grad.item()
    3.0
    """
    having = {name: p for name, p in module.named_parameters() if p.grad is not None}
    grads = {name: p.grad for name, p in having.items() if p.grad is not None}
    with torch.no_grad():
        params = {name: p.detach() for name, p in having.items()}
        changed, state = transform.step(params, grads, state)
        for name, grad in changed.items():
            having[name].grad = grad
    return state


def _no_steps(params: Params) -> State:
    """A count for each tensor: not all have a gradient at every step."""
    return {f"steps/{name}": torch.zeros((), dtype=torch.int64) for name in params}


def _require_same_tensors(params: Params, grads: Params) -> None:
    if params.keys() != grads.keys():
        raise ValueError(f"got gradients of {[*grads]} for {[*params]}; wanted one for each")
    for name, grad in grads.items():
        if grad.shape != params[name].shape:
            raise ValueError(
                f"the gradient of {name} has shape {tuple(grad.shape)}; wanted that of the weights,"
                f" {tuple(params[name].shape)}"
            )
