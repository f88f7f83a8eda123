"""Lesson 03's exercises, answered rightly in other ways."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch.nn.utils import parameters_to_vector

from grokedu import sphere

NAN = float("nan")


def _project_flat(params, radius):
    flat = torch.cat([t.reshape(-1) for t in params.values()])
    length = torch.linalg.vector_norm(flat)
    if not radius > 0 or length == 0:
        raise ValueError
    return {k: radius * v / length for k, v in params.items()}


def _project_loop(params, radius):
    if radius <= 0:
        raise ValueError("radius")
    square = 0.0
    for value in params.values():
        square += float((value**2).sum())
    if square == 0:
        raise ValueError("no direction")
    out = {}
    for name, value in params.items():
        out[name] = value.clone().mul_(radius / math.sqrt(square))
    return out


def _project_norms(params, radius):
    if radius <= 0 or not any(bool(t.any()) for t in params.values()):
        raise ValueError
    norm = torch.stack([t.norm() for t in params.values()]).norm()
    return {k: t / norm * radius for k, t in params.items()}


def _tangent_flat(params, grads):
    w, g = (torch.cat([one[k].flatten() for k in params]) for one in (params, grads))
    rest = g - torch.dot(w, g) / torch.dot(w, w) * w
    parts = rest.split([t.numel() for t in params.values()])
    return {k: part.reshape(params[k].shape) for k, part in zip(params, parts, strict=True)}


def _tangent_unit(params, grads):
    norm = math.sqrt(sum(float((t * t).sum()) for t in params.values()))
    unit = {k: t / norm for k, t in params.items()}
    along = sum((unit[k] * grads[k]).sum() for k in unit)
    return {k: grads[k] - along * unit[k] for k in unit}


def _tangent_sub(params, grads):
    factor = sum((params[k] * grads[k]).sum() for k in params)
    factor = factor / sum(torch.sum(t**2) for t in params.values())
    return {k: torch.sub(grads[k], params[k] * factor) for k in params}


def _step_data(optimizer, compute_loss, radius):
    for group in optimizer.param_groups:
        for w in group["params"]:
            w.grad = None
    loss = compute_loss()
    loss.backward()
    optimizer.step()
    every = [w for group in optimizer.param_groups for w in group["params"]]
    norm = math.sqrt(sum(w.data.square().sum().item() for w in every))
    for w in every:
        w.data.mul_(radius / norm)
    return float(loss)


def _step_closure(optimizer, compute_loss, radius):
    def closure():
        optimizer.zero_grad()
        loss = compute_loss()
        loss.backward()
        return loss

    before = optimizer.step(closure)
    every = [w for group in optimizer.param_groups for w in group["params"]]
    length = parameters_to_vector(every).detach().norm()
    with torch.no_grad():
        for w in every:
            w.copy_(w * radius / length)
    return before.item()


def _step_library(optimizer, compute_loss, radius):
    optimizer.zero_grad(set_to_none=False)
    loss = compute_loss()
    loss.backward()
    optimizer.step()
    every = {
        (i, j): w
        for i, group in enumerate(optimizer.param_groups)
        for j, w in enumerate(group["params"])
    }
    with torch.no_grad():
        for key, value in sphere.project_to_sphere(every, radius).items():
            every[key][...] = value
    return loss.detach()


def _polar_projected(direction, radius, pairs, labels):
    unit = sphere.project_to_sphere(direction, 1.0)
    return _entropy(_logits({k: radius * t for k, t in unit.items()}, pairs), labels)


def _polar_cubed(direction, radius, pairs, labels):
    norm = parameters_to_vector(direction.values()).norm()
    return _entropy((radius / norm) ** 3 * _logits(direction, pairs), labels)


def _polar_log_softmax(direction, radius, pairs, labels):
    square = sum((t**2).sum() for t in direction.values())
    w = {k: t * (radius * square**-0.5) for k, t in direction.items()}
    log_probs = _logits(w, pairs).log_softmax(-1)
    return -log_probs[torch.arange(len(labels)), labels].mean()


def _logits(w, pairs):
    return (w["A"][pairs[:, 0]] + w["B"][pairs[:, 1]]) ** 2 @ w["W"]


def _entropy(logits, labels):
    return F.cross_entropy(logits, labels)


def _both(before, after):
    return (torch.cat([one[k].reshape(-1) for k in before]) for one in (before, after))


def _angle_chord(before, after):
    u, v = _both(before, after)
    u, v = u / u.norm(), v / v.norm()
    return 2 * torch.asin(((u - v).norm() / 2).clamp(max=1))


def _angle_atan(before, after):
    u, v = _both(before, after)
    u, v = u / u.norm(), v / v.norm()
    return 2 * torch.atan2((u - v).norm(), (u + v).norm())


def _angle_double(before, after):
    u, v = (one.double() for one in _both(before, after))
    chord = (u / u.norm() - v / v.norm()).norm().item()
    return 2 * math.asin(chord / 2)


def _angle_across(before, after):
    """From the part of the step across the weights, and the part along them."""
    u, v = _both(before, after)
    u = u / u.norm()
    along = u @ v
    return torch.atan2((v - u * along).norm(), along)


def _rate_dictionary(lr, norm, kind, momentum=0.0):
    if not norm > 0 or momentum < 0 or momentum >= 1:
        raise ValueError
    power = {"adam": 1, "sgd": 2}.get(kind)
    if power is None:
        raise ValueError(kind)
    return lr * norm**-power / (1 - momentum if kind == "sgd" else 1)


def _rate_tensor(lr, norm, kind, momentum=0.0):
    if norm <= 0 or not 0 <= momentum < 1:
        raise ValueError
    match kind:
        case "adam":
            return torch.tensor(lr, dtype=torch.float64) / norm
        case "sgd":
            return torch.tensor(lr, dtype=torch.float64) / (norm * norm * (1 - momentum))
        case _:
            raise ValueError


def _rate_series(lr, norm, kind, momentum=0.0):
    if kind not in ("adam", "sgd") or norm <= 0 or not 0 <= momentum < 1:
        raise ValueError
    if kind == "adam":
        return lr / norm
    return lr / norm / norm * math.fsum(momentum**k for k in range(2000))


def _share_loop(one, large, remedied):
    rows = zip(one.tolist(), large.tolist(), remedied.tolist(), strict=True)
    shares = [(b - c) / (b - a) if b > a else NAN for a, b, c in rows]
    return torch.tensor(shares, dtype=one.dtype)


def _share_mask(one, large, remedied):
    cost = large - one
    out = torch.full_like(cost, NAN)
    out[cost > 0] = ((large - remedied)[cost > 0]) / cost[cost > 0]
    return out


def _share_left(one, large, remedied):
    share = 1 - (remedied - one) / (large - one)
    share[large <= one] = NAN
    return share


def _generalising_loop(train_logits, train_labels, test_logits, test_labels, threshold):
    fitting, general = 0, 0
    for train, test in zip(train_logits, test_logits, strict=True):
        if bool((train.argmax(-1) == train_labels).all()):
            fitting += 1
            right = (test.argmax(-1) == test_labels).sum().item()
            general += right >= threshold * len(test_labels)
    return fitting, general / fitting if fitting else NAN


def _generalising_product(train_logits, train_labels, test_logits, test_labels, threshold):
    fits = (train_logits.argmax(2) == train_labels).double().prod(dim=1).bool()
    right = (test_logits.argmax(2) == test_labels).double().mean(1) >= threshold
    return fits.sum(), (fits & right).sum() / fits.sum().double()


def _generalising_selected(train_logits, train_labels, test_logits, test_labels, threshold):
    wrong = (train_logits.argmax(-1) != train_labels).sum(-1)
    kept = test_logits[wrong == 0]
    if not len(kept):
        return [0, math.nan]
    accuracy = (kept.argmax(-1) == test_labels).float().mean(-1)
    return [len(kept), float((accuracy >= threshold).double().mean())]


VARIANTS: dict[str, tuple[Callable[..., Any], ...]] = {
    "03_sphere/project_to_sphere": (_project_flat, _project_loop, _project_norms),
    "03_sphere/tangent": (_tangent_flat, _tangent_unit, _tangent_sub),
    "03_sphere/sphere_step": (_step_data, _step_closure, _step_library),
    "03_sphere/polar_loss": (_polar_projected, _polar_cubed, _polar_log_softmax),
    "03_sphere/angular_step": (_angle_atan, _angle_double, _angle_across, _angle_chord),
    "03_sphere/effective_learning_rate": (
        _rate_dictionary,
        _rate_tensor,
        _rate_series,
    ),
    "03_sphere/share_explained": (_share_loop, _share_mask, _share_left),
    "03_sphere/generalising_share": (
        _generalising_loop,
        _generalising_product,
        _generalising_selected,
    ),
}
