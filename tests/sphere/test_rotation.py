from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from grokedu import sphere
from grokedu.training.optimizers import SGD, Adam


@pytest.mark.parametrize("angle", [1e-6, 1e-4, 0.3, 1.5, 3.0, math.pi - 1e-4])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_angles_are_right_from_tiny_to_straight(angle: float, dtype: torch.dtype) -> None:
    # Turn (1, 1, ...) within a plane, and scale: the angle sees neither norm nor tensors.
    d = 1000
    u = torch.ones(d, dtype=torch.float64) / math.sqrt(d)
    v = torch.tensor([1.0, -1.0] * (d // 2), dtype=torch.float64) / math.sqrt(d)
    turned = math.cos(angle) * u + math.sin(angle) * v
    cut = {"a": slice(0, 300), "b": slice(300, d)}
    before = {name: (5 * u[part]).to(dtype) for name, part in cut.items()}
    after = {name: (0.3 * turned[part]).to(dtype) for name, part in cut.items()}
    found = sphere.angular_step(before, after).item()
    rounding = 2 * torch.finfo(dtype).eps + 16 * torch.finfo(torch.float64).eps  # inputs, sums
    assert found == pytest.approx(angle, abs=rounding)
    if angle < 1:
        unit = [torch.cat([*w.values()]).double() for w in (before, after)]
        gap = (unit[0] / unit[0].norm() - unit[1] / unit[1].norm()).norm()
        assert found == pytest.approx(2 * math.asin(gap / 2), rel=1e-12)


def test_the_arccosine_would_be_noise_where_this_is_not() -> None:
    u, v = torch.tensor([1.0, 0.0]), torch.tensor([1.0, 1e-5])
    cosine = torch.nn.functional.cosine_similarity(u, v, dim=0)
    assert torch.arccos(cosine.clamp(max=1)).item() == 0.0
    assert sphere.angular_step({"w": u}, {"w": v}).item() == pytest.approx(1e-5, rel=1e-6)


def test_each_run_has_its_own_angle() -> None:
    before = {"w": torch.tensor([[1.0, 0.0], [1.0, 0.0]])}
    after = {"w": torch.tensor([[0.0, 1.0], [2.0, 2.0]])}
    found = torch.vmap(sphere.angular_step)(before, after)
    torch.testing.assert_close(found, torch.tensor([math.pi / 2, math.pi / 4]).double())


def test_effective_rates_turn_by_equal_angles_at_every_radius() -> None:
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(1, 50, generator=generator, dtype=torch.float64)
    u, g = u / u.norm(), torch.randn(1, 50, generator=generator, dtype=torch.float64)
    g = sphere.tangent({"w": u}, {"w": g})["w"]
    kinds = {"sgd": (SGD, lambda r: g / r), "adam": (Adam, lambda r: g / r)}
    for kind, (make, gradient) in kinds.items():
        angles = []
        for radius in (1.0, 8.0):
            lr = sphere.scaled_lr(1e-3, radius, 1.0, kind)
            before = {"w": radius * u}
            optimizer = make(lr=lr)
            params = {"w": before["w"].clone()}
            after, _ = optimizer.step(params, {"w": gradient(radius)}, optimizer.init(params))
            angles.append(float(sphere.angular_step(before, after)))
            assert sphere.effective_learning_rate(lr, radius, kind) == pytest.approx(1e-3)
        assert angles[0] == pytest.approx(angles[1], rel=1e-5)


def test_the_order_of_the_names_does_not_matter() -> None:
    before = {"a": torch.tensor([1.0]), "b": torch.tensor([0.0])}
    after = {"b": torch.tensor([0.0]), "a": torch.tensor([2.0])}
    assert sphere.angular_step(before, after) == 0


def test_what_a_diverged_run_did_is_nan_and_the_others_are_told() -> None:
    before, after = {"w": torch.ones(2, 3)}, {"w": torch.ones(2, 3)}
    after["w"][0] = torch.nan
    found = torch.vmap(sphere.angular_step)(before, after)
    assert found.isnan().tolist() == [True, False]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sphere.effective_learning_rate(0.1, 0.0, "sgd"), "norm is 0.0"),
        (lambda: sphere.effective_learning_rate(0.1, 1.0, "lion"), "wanted 'sgd' or 'adam'"),
        (lambda: sphere.effective_learning_rate(0.1, 1.0, "sgd", 1.0), "momentum is 1.0"),
        (lambda: sphere.scaled_lr(0.1, -1.0, 1.0), "must be positive"),
    ],
)
def test_bad_input_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
