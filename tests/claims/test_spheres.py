"""The claims about norms and spheres: what they conclude from given numbers, and small runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from grokedu.claims import effective_learning_rate, mnist_landscape, modular_sphere
from grokedu.figures import Arm
from grokedu.measures import l2_norm
from grokedu.models.mlp import MLP
from grokedu.models.two_layer import TwoLayer
from grokedu.sphere import Landscape, sphere_step
from grokedu.tasks import mnist_task, random_stream
from grokedu.tasks.mnist import TEST

nan = float("nan")


def arm(fitted: list[float], generalised: list[float], last: int = 1000) -> Arm:
    return Arm(np.array(fitted), np.array(generalised), last)


@pytest.mark.parametrize(
    ("sphere", "free", "verdict"),
    [
        (arm([200, 210], [220, 260]), arm([100, 110], [900, nan]), "holds"),
        (arm([200, 210], [220, 900]), arm([100, 110], [900, nan]), "fails"),
        (arm([200, nan], [220, nan]), arm([100, 110], [900, nan]), "undecided"),
        (arm([200, 210], [220, 260]), arm([100, nan], [900, nan]), "undecided"),
        (arm([200, 210], [220, 230]), arm([100, 110], [120, 130]), "fails"),  # none to remove
    ],
)
def test_a_sphere_removes_a_delay_where_there_is_one(sphere: Arm, free: Arm, verdict: str) -> None:
    arms = {"net, sphere α = 1": sphere, "net, free": free}
    assert modular_sphere.judge(arms)[0] == verdict
    stays = {"other, sphere norm 50": free, "other, free": free}
    expected = {"holds": "holds in a window"}.get(verdict, verdict)
    assert modular_sphere.judge(arms | stays)[0] == expected


@pytest.mark.parametrize(
    ("fitted", "words"),
    [
        ([100, 120, 110], "more than 880 steps in 3 of 3 runs free"),
        ([100, 120, nan], "1 of 3 runs not fitted by step 1000 free"),
    ],
)
def test_the_delays_are_said_with_what_was_censored(fitted: list[float], words: str) -> None:
    sphere, free = arm([200, 210, 220], [220, 230, 240]), arm(fitted, [nan, nan, nan])
    says = modular_sphere.judge({"net, sphere α = 1": sphere, "net, free": free})[1]
    assert "20 [20, 20] steps on the sphere α = 1" in says
    assert words in says


@pytest.mark.parametrize("step", [None, sphere_step])
@pytest.mark.parametrize("held", [False, True])
def test_an_arm_finds_the_steps_of_fitting_and_generalising(held: bool, step: Any) -> None:
    setting = modular_sphere.Setting(
        TwoLayer(7, 64), 0.9, "cross_entropy", 0.05, 0.0 if held else 0.5, held, 60, 2,
        radius=8.0 if held else None,
    )  # fmt: skip
    arms = {"one": setting, "other": setting}
    found = modular_sphere.measure(arms, [0, 1], sphere_step=step)["other"]
    assert found.last == 60
    assert (found.fitted <= 60).all()
    assert (found.fitted % 2 == 0).all()
    again = modular_sphere.measure({"one": setting}, [1], sphere_step=step)["one"]
    assert again.fitted[0] == found.fitted[1]  # a seed is a run


def test_every_sphere_has_its_free_twin_and_a_key_of_its_own() -> None:
    for quick in (True, False):
        names = [*modular_sphere.settings(quick)]
        kinds = {name.rpartition(", ")[0] for name in names}
        assert all(f"{kind}, free" in names for kind in kinds)
        keys = {modular_sphere._key(name) for name in names}
        assert len(keys) == len(names)
        assert "transformer_sphere_alpha_0_8" in keys


def test_mnist_is_split_anew_for_each_seed_and_nested_over_sizes() -> None:
    small, large, other = mnist_task(50, 0), mnist_task(3000, 0), mnist_task(50, 1)
    train, test = large.inputs[large.train], large.inputs[large.test]
    assert train.shape == (3000, 784)
    assert len(small.test) == TEST
    assert torch.equal(small.inputs[small.train], train[:50])
    assert torch.equal(small.inputs[small.test], test)
    assert not torch.equal(small.targets[small.train], other.targets[other.train])
    assert 0 <= float(train.min()) < float(train.max()) <= 1
    rows = {one.numpy().tobytes() for one in train}
    assert not any(one.numpy().tobytes() in rows for one in test)
    with pytest.raises(ValueError, match="wanted 1 to 3000"):
        mnist_task(3001, 0)


def test_the_published_networks_norm() -> None:
    # E|w|^2 = sum over layers of (in + 1) out / (3 in); published code: 11.709 at a scale of 1
    params = MLP((784, 200, 200, 10)).init(random_stream(0, "init"))
    norms = l2_norm(params) * torch.tensor([1.0, 8.0])
    # the relative standard deviation of one draw is below sqrt(4/5 / 199210) / 2 = 0.1 %
    assert norms.tolist() == pytest.approx([11.709, 93.67], rel=6e-3)


def curve(values: list[list[float]]) -> Any:
    return 1 - np.array(values)[None]


def shaped(train: list[list[float]], test: list[list[float]]) -> Landscape:
    same = curve(train) * 0
    return Landscape(
        np.array([0.1, 1.0, 10.0]), np.array([200.0]), np.arange(3.0),
        same, same, curve(train), curve(test), same,
    )  # fmt: skip


def test_the_shapes_are_told_from_errors() -> None:
    low, none = [0.9, 0.91, 0.92], [0.0, 0.0, 0.0]
    found = mnist_landscape.cell(shaped([low, none, none], [low, [0.1, 0.12, 0.11], low]), 0)
    assert found["l_shaped"]
    assert found["u_shaped"]
    assert found["best_alpha"] == 1.0
    assert found["unfitted_up_to"] == 0.1
    assert found["gap_at_largest"]["value"] == pytest.approx(0.91)
    flat = mnist_landscape.cell(shaped([low, none, none], [low, none, none]), 0)
    assert flat["l_shaped"]
    assert not flat["u_shaped"]
    rising = mnist_landscape.cell(shaped([low, none, low], [low, none, low]), 0)
    assert not rising["l_shaped"]
    assert rising["unfitted_up_to"] == 0.1
    assert rising["fitted_right"] is None
    right = mnist_landscape.cell(shaped([low, none, none], [low, none, [0.5, 0.5, 0.6]]), 0)
    assert right["fitted_right"] == 10.0
    never = mnist_landscape.cell(shaped([low, low, low], [low, none, low]), 0)
    assert not never["l_shaped"]
    assert never["unfitted_up_to"] == 10.0


@pytest.mark.parametrize(
    ("l_shaped", "u_shaped", "fitted_right", "collapses", "verdict"),
    [
        (True, True, 10.0, True, "holds"),
        (True, True, 10.0, False, "holds in a window"),
        (False, True, 3.0, True, "holds in a window"),
        (False, True, None, True, "fails"),
        (True, False, 10.0, True, "fails"),
    ],
)
def test_the_landscapes_verdict(
    l_shaped: bool, u_shaped: bool, fitted_right: float | None, collapses: bool, verdict: str
) -> None:
    one = {"l_shaped": l_shaped, "u_shaped": u_shaped, "fitted_right": fitted_right}
    assert mnist_landscape.judge([one, one], collapses) == verdict


def test_the_share_a_remedy_takes_away() -> None:
    found = {
        "α = 1": {"train_loss": np.array([0.0, 0.1, 0.5])},
        "α = 8": {"train_loss": np.array([0.4, 0.5, 0.5])},
        "rate × 8": {"train_loss": np.array([0.0, 0.3, 0.1])},
    }
    shares = effective_learning_rate.explained(found, "rate × 8", "train_loss")
    np.testing.assert_allclose(shares, [1.0, 0.5, nan])  # no cost, no share


@pytest.mark.parametrize(
    ("train", "test", "verdict"),
    [(1.0, 0.95, "holds"), (1.0, 0.5, "holds in a window"), (0.5, 0.95, "fails")],
)
def test_the_step_size_explains_all_or_a_part(train: float, test: float, verdict: str) -> None:
    shares = {
        "a": {"train_loss": {"value": train}, "test_error": {"value": test}},
        "b": {"train_loss": {"value": 0.1}, "test_error": {"value": 0.1}},
    }
    assert effective_learning_rate.judge(shares) == (verdict, "a")


def test_a_scaled_rate_turns_a_large_sphere_as_far() -> None:
    arms = {name: effective_learning_rate.ARMS[name] for name in ("α = 1", "α = 8", "rate × 8")}
    measured = effective_learning_rate.measure(arms, [0], steps=4)
    angles = {name: float(one["angular_step"][0]) for name, one in measured.items()}
    bound = 1e-3 * 199210**0.5 / 11.709  # a step of the learning rate in every coordinate
    assert angles["α = 1"] <= bound
    assert angles["α = 8"] <= bound / 8
    assert angles["rate × 8"] > 4 * angles["α = 8"]
