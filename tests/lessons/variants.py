"""Right answers written in other ways: each must be accepted by its exercise's check."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tests.lessons import sphere_variants, symmetry_variants

NAN = float("nan")


def _norm_loop(weights):
    total = 0.0
    for weight in weights.flatten().tolist():
        total += weight * weight
    return math.sqrt(total)


def _norm_in_place(weights):
    return weights.clone().pow_(2).sum().sqrt_()


def _norm_of_squares(weights):
    return weights.square().sum().sqrt()


def _addition_loop(p):
    if p < 2:
        raise ValueError("p")
    pairs = [(a, b) for a in range(p) for b in range(p)]
    return torch.tensor(pairs), torch.tensor([(a + b) % p for a, b in pairs])


def _addition_grid(p):
    assert isinstance(p, int)
    if p < 2:
        raise ValueError
    a, b = torch.meshgrid(torch.arange(p), torch.arange(p), indexing="ij")
    pairs = torch.stack([a.flatten(), b.flatten()], dim=1)
    return [pairs, (a + b).flatten().remainder(p)]


def _addition_int32(p):
    if p < 2:
        raise ValueError
    row = torch.arange(p * p, dtype=torch.int32)
    pairs = torch.stack([row // p, row % p], dim=1)
    return pairs, (pairs[:, 0] + pairs[:, 1]) % p


def _split_sorted(n, fraction, generator):
    size = round(fraction * n)
    if size in (0, n):
        raise ValueError
    chosen = torch.rand(n, generator=generator).argsort()
    return chosen[:size].sort().values, chosen[size:].sort().values


def _split_mask(n, fraction, generator):
    size = round(fraction * n)
    if size <= 0 or size >= n:
        raise ValueError
    mask = torch.zeros(n, dtype=torch.bool)
    mask[torch.randperm(n, generator=generator)[:size]] = True
    return mask.nonzero().squeeze(1), (~mask).nonzero().squeeze(1)


def _split_loop(n, fraction, generator):
    size = round(fraction * n)
    if not 0 < size < n:
        raise ValueError
    left, train = list(range(n)), []
    for _ in range(size):
        train.append(left.pop(int(torch.randint(len(left), (1,), generator=generator))))
    return [torch.tensor(train), torch.tensor(left)]


def _forward_one_hot(params, pairs):
    p = len(params["A"])
    a, b = F.one_hot(pairs[:, 0], p), F.one_hot(pairs[:, 1], p)
    hidden = a.to(params["A"].dtype) @ params["A"] + b.to(params["B"].dtype) @ params["B"]
    return hidden**2 @ params["W"]


def _forward_loop(params, pairs):
    rows = []
    for a, b in pairs.tolist():
        hidden = params["A"][a] + params["B"][b]
        rows.append((hidden * hidden) @ params["W"])
    return torch.stack(rows)


def _forward_in_place(params, pairs):
    hidden = params["A"].index_select(0, pairs[:, 0])
    hidden += params["B"].index_select(0, pairs[:, 1])
    return torch.einsum("nh,hp->np", hidden.pow_(2), params["W"])


def _forward_float32(params, pairs):
    small = {name: value.float() for name, value in params.items()}
    return _forward_one_hot(small, pairs)


def _entropy_library(logits, labels):
    return F.cross_entropy(logits, labels)


def _entropy_shift(logits, labels):
    shifted = logits - logits.amax(-1, keepdim=True)
    log_z = shifted.exp().sum(-1).log()
    hot = F.one_hot(labels, logits.shape[-1]).bool()
    return (log_z - torch.where(hot, shifted, 0.0).sum(-1)).mean()


def _entropy_loop(logits, labels):
    log_probs = logits.log_softmax(-1)
    return -sum(log_probs[i, c] for i, c in enumerate(labels.tolist())) / len(labels)


def _log_prob_softmax(logits):
    return torch.log_softmax(logits, dim=-1).mean(-1).mean(-1)


def _log_prob_pieces(logits):
    return logits.mean() - torch.logsumexp(logits, -1).mean()


def _log_prob_loop(logits):
    classes = logits.shape[-1]
    columns = [logits[:, c] - logits.logsumexp(-1) for c in range(classes)]
    return (sum(columns) / classes).mean()


def _step_none(optimizer, compute_loss):
    optimizer.zero_grad(set_to_none=False)
    loss = compute_loss()
    loss.backward()
    optimizer.step()
    return loss.detach()


def _step_after(optimizer, compute_loss):
    value = compute_loss()
    for group in optimizer.param_groups:
        for weight in group["params"]:
            weight.grad = None
    value.backward()
    optimizer.step()
    return float(value)


def _step_closure(optimizer, compute_loss):
    def closure():
        optimizer.zero_grad()
        loss = compute_loss()
        loss.backward()
        return loss

    return optimizer.step(closure).item()


def _first(steps, accuracy, threshold):
    for step, value in zip(steps.tolist(), accuracy.tolist(), strict=True):
        if value >= threshold:
            return step
    return None


def _delay_loop(steps, train_accuracy, test_accuracy, threshold=0.99):
    if not len(steps) == len(train_accuracy) == len(test_accuracy):
        raise ValueError
    fitted = _first(steps, train_accuracy, threshold)
    grokked = _first(steps, test_accuracy, threshold)
    return NAN if fitted is None or grokked is None else grokked - fitted


def _delay_argmax(steps, train_accuracy, test_accuracy, threshold=0.99):
    if not len(steps) == len(train_accuracy) == len(test_accuracy):
        raise ValueError
    train, test = train_accuracy >= threshold, test_accuracy >= threshold
    if not train.any() or not test.any():
        return torch.tensor(NAN)
    return steps[test.int().argmax()] - steps[train.int().argmax()]


def _delay_numpy(steps, train_accuracy, test_accuracy, threshold=0.99):
    if not len(steps) == len(train_accuracy) == len(test_accuracy):
        raise ValueError
    steps = np.asarray(steps, dtype=float)
    ends = [steps[np.asarray(c) >= threshold] for c in (train_accuracy, test_accuracy)]
    return np.float64(ends[1][0] - ends[0][0]) if min(map(len, ends)) else np.nan


def _median_quantile(values):
    filled = values.nan_to_num(nan=1e30)
    found = float(filled.quantile(0.5))
    return found if found < 1e29 else NAN


def _median_loop(values):
    ordered = sorted(math.inf if v != v else v for v in values.tolist())
    size = len(ordered)
    middle = ordered[size // 2]
    if size % 2 == 0:
        middle = (middle + ordered[size // 2 - 1]) / 2
    return NAN if math.isinf(middle) else middle


def _median_numpy(values):
    filled = np.where(np.isnan(values.numpy()), np.inf, values.numpy())
    found = np.median(filled)
    return found if np.isfinite(found) else np.nan


VARIANTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "00_start_here/weight_norm": (_norm_loop, _norm_in_place, _norm_of_squares),
    "01_grokking/modular_addition": (_addition_loop, _addition_grid, _addition_int32),
    "01_grokking/train_test_split": (_split_sorted, _split_mask, _split_loop),
    "01_grokking/forward": (_forward_one_hot, _forward_loop, _forward_in_place, _forward_float32),
    "01_grokking/cross_entropy": (_entropy_library, _entropy_shift, _entropy_loop),
    "01_grokking/average_log_prob": (_log_prob_softmax, _log_prob_pieces, _log_prob_loop),
    "01_grokking/train_step": (_step_none, _step_after, _step_closure),
    "01_grokking/grokking_delay": (_delay_loop, _delay_argmax, _delay_numpy),
    "01_grokking/censored_median": (_median_quantile, _median_loop, _median_numpy),
    **symmetry_variants.VARIANTS,
    **sphere_variants.VARIANTS,
}
