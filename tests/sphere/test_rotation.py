from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from grokedu import sphere
from grokedu.training.optimizers import SGD, Adam, AdamW


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
    found = sphere.angular_step(before, after, run_axis=True)
    torch.testing.assert_close(found, torch.tensor([math.pi / 2, math.pi / 4]).double())


@pytest.mark.parametrize("betas", [(0.9, 0.98), (0.5, 0.9)])
def test_the_bound_on_adams_step_is_reached_by_the_worst_gradients(
    betas: tuple[float, float],
) -> None:
    bound, ratio = sphere.adam_step_bound(betas), betas[1] / betas[0]
    params = {"w": torch.zeros(2, dtype=torch.float64)}
    optimizer = Adam(lr=1.0, betas=betas, eps=0.0)
    state, largest = optimizer.init(params), 0.0
    generator = torch.Generator().manual_seed(0)
    for step in range(1, 601):
        before = params["w"].clone()
        noise = torch.randn(1, generator=generator, dtype=torch.float64)
        grads = {"w": torch.cat([torch.tensor([ratio**step], dtype=torch.float64), noise])}
        params, state = optimizer.step(params, grads, state)
        moved = (params["w"] - before).abs()
        # late enough for the bias correction to be nothing
        largest = max(largest, float(moved[1])) if step > 300 else largest
    assert float(moved[0]) == pytest.approx(bound, rel=1e-4)
    assert largest < bound


def scale_invariant_steps(optimizer: Any, steps: int, d: int = 4000) -> float:
    """The mean angle over the last half, for random gradients across the weights of size 1/|w|."""
    generator = torch.Generator().manual_seed(0)

    def normal() -> torch.Tensor:
        return torch.randn(1, d, generator=generator, dtype=torch.float64)

    params = {"w": normal()}
    state, total = optimizer.init(params), 0.0
    for step in range(steps):
        before = {"w": params["w"].clone()}
        along = sphere.tangent(before, {"w": normal()}, run_axis=True)["w"]
        grads = {"w": along / before["w"].norm()}
        params, state = optimizer.step(params, grads, state)
        if step >= steps // 2:
            total += float(sphere.angular_step(before, params))
    return total / (steps - steps // 2)


@pytest.mark.parametrize(
    ("optimizer", "settings"),
    [
        (SGD(lr=0.1, weight_decay=0.1), {}),
        (SGD(lr=0.1, weight_decay=0.05, momentum=0.8), {"momentum": 0.8}),
        (AdamW(lr=0.02, weight_decay=0.5, betas=(0.8, 0.99)), {"betas": (0.8, 0.99)}),
    ],
)
def test_the_angle_settles_where_decay_and_growth_balance(
    optimizer: Any, settings: dict[str, Any]
) -> None:
    wanted = sphere.equilibrium_angle(optimizer.lr, optimizer.weight_decay, **settings)
    found = scale_invariant_steps(optimizer, 1500)
    # the formula holds up to terms of relative size lr * wd / (1 - momentum)
    assert found == pytest.approx(wanted, rel=0.05)


def test_effective_rates_turn_by_equal_angles_at_every_radius() -> None:
    generator = torch.Generator().manual_seed(0)
    u = torch.randn(1, 50, generator=generator, dtype=torch.float64)
    u, g = u / u.norm(), torch.randn(1, 50, generator=generator, dtype=torch.float64)
    g = sphere.tangent({"w": u}, {"w": g}, run_axis=True)["w"]
    kinds = {"sgd": (SGD, lambda r: g / r), "adam": (Adam, lambda r: g / r)}
    for kind, (make, gradient) in kinds.items():
        angles = []
        for radius in (1.0, 8.0):
            lr = sphere.scaled_lr(1e-3, radius, 1.0, kind)  # type: ignore[arg-type]
            before = {"w": radius * u}
            optimizer = make(lr=lr)
            params = {"w": before["w"].clone()}
            after, _ = optimizer.step(params, {"w": gradient(radius)}, optimizer.init(params))
            row = sphere.update_measures(before, after, lr=lr, kind=kind, run_axis=True)
            angles.append(float(row["angular_step"]))
            assert float(row["effective_lr"]) == pytest.approx(1e-3)
        assert angles[0] == pytest.approx(angles[1], rel=1e-5)


def test_recorded_measures_tell_radial_from_tangential() -> None:
    before = {"w": torch.tensor([[3.0, 4.0], [3.0, 4.0], [3.0, 4.0]])}
    after = {"w": torch.tensor([[6.0, 8.0], [-1.0, 7.0], [3.0, 4.0]])}
    row = sphere.update_measures(before, after, lr=0.5, kind="sgd", run_axis=True)
    torch.testing.assert_close(row["radial_share"], torch.tensor([1.0, 0.0, 0.0]).double())
    torch.testing.assert_close(row["l2_norm"], torch.full((3,), 5.0).double())
    torch.testing.assert_close(row["effective_lr"], torch.full((3,), 0.02).double())
    assert row["angular_step"][1].item() == pytest.approx(math.pi / 4)


def test_the_order_of_the_names_does_not_matter() -> None:
    before = {"a": torch.tensor([1.0]), "b": torch.tensor([0.0])}
    after = {"b": torch.tensor([0.0]), "a": torch.tensor([2.0])}
    assert sphere.angular_step(before, after) == 0
    row = sphere.update_measures(before, after, lr=0.1, kind="adam")
    assert (row["angular_step"], row["radial_share"]) == (0, 1)


def test_what_a_diverged_run_did_is_nan_and_the_others_are_told() -> None:
    before, after = {"w": torch.ones(2, 3)}, {"w": torch.ones(2, 3)}
    after["w"][0] = torch.nan
    row = sphere.update_measures(before, after, lr=0.1, kind="adam", run_axis=True)
    assert row["angular_step"].isnan().tolist() == [True, False]
    again = sphere.update_measures(after, before, lr=0.1, kind="adam", run_axis=True)
    assert again["effective_lr"].isnan().tolist() == [True, False]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sphere.angular_step({"w": torch.zeros(2)}, {"w": torch.ones(2)}), "no direction"),
        (
            lambda: sphere.angular_step({"w": torch.ones(2)}, {"v": torch.ones(2)}),
            "wanted them alike",
        ),
        (lambda: sphere.effective_learning_rate(0.1, 0.0, "sgd"), "norm is 0.0"),
        (lambda: sphere.effective_learning_rate(0.1, 1.0, "lion"), "wanted 'sgd' or 'adam'"),  # type: ignore[arg-type]
        (lambda: sphere.effective_learning_rate(0.1, 1.0, "sgd", 1.0), "momentum is 1.0"),
        (lambda: sphere.scaled_lr(0.1, -1.0, 1.0), "must be positive"),
        (lambda: sphere.adam_step_bound((0.9, 0.5)), "wanted beta1"),
        (lambda: sphere.equilibrium_angle(0.0, 0.1), "wanted lr > 0"),
        (lambda: sphere.equilibrium_angle(0.1, 0.1, momentum=-1.0), "each from 0 to below 1"),
        (lambda: sphere.equilibrium_angle(0.1, 0.1, betas=(1.0, 0.9)), "each from 0 to below 1"),
        (
            lambda: sphere.equilibrium_angle(0.1, 0.1, momentum=0.9, betas=(0.9, 0.9)),
            "wanted one of them",
        ),
        (
            lambda: sphere.angular_step({"w": torch.ones(2)}, {"w": torch.ones(2, device="meta")}),
            "different devices",
        ),
    ],
)
def test_bad_input_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
