"""The experiments of lesson 03 that are no claim of a source: verdicts, and small runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from grokedu import sphere
from grokedu.claims import density, memorising_on_sphere, mnist_landscape, radius_dial, rays
from grokedu.claims.memorising_on_sphere import Memorised
from grokedu.figures import Arm
from grokedu.models.two_layer import TwoLayer
from grokedu.tasks import random_stream

nan = float("nan")


def dial(scale: float, angle: float, fitted: float = 100.0) -> dict[str, Arm]:
    """Arms whose delay is 100 at radius 25, and so many times that with one thing changed."""
    delays = {
        "radius 50": scale * angle,
        "radius 25, logits × 8, rate / 2": scale * angle,
        "radius 25, logits × 8": scale,
        "radius 25, rate / 2": angle,
        "radius 25": 1.0,
    }
    at = np.array([fitted, 120.0])
    return {name: Arm(at, at + 100 * factor, 4000) for name, factor in delays.items()}


@pytest.mark.parametrize(
    ("arms", "verdict"),
    [
        (dial(4.0, 1.0), "holds"),
        (dial(4.0, 2.0), "holds in a window"),
        (dial(1.0, 4.0), "fails"),
        (dial(math.inf, 1.0), "holds"),  # censored runs waited the longest
        (dial(4.0, 1.0, fitted=nan), "undecided"),
    ],
)
def test_the_radius_dial_tells_scale_from_angle(arms: dict[str, Arm], verdict: str) -> None:
    if arms["radius 25, logits × 8"].generalised.max() == math.inf:
        arms["radius 25, logits × 8"].generalised[:] = nan
    assert radius_dial.judge(arms)[0] == verdict


def test_sharper_logits_and_half_the_rate_are_twice_the_radius() -> None:
    settings = radius_dial.settings(steps=60)
    pair = {name: settings[name] for name in ("radius 50", "radius 25, logits × 8, rate / 2")}
    found = [*radius_dial.measure(pair, [0]).values()]
    assert found[0].fitted[0] == found[1].fitted[0]
    small = TwoLayer(5, 8)
    sharp, weights = radius_dial.Sharpened(small, 8.0), small.init([random_stream(0, "init")])
    pairs = torch.tensor([[1, 2]])
    torch.testing.assert_close(sharp.apply(weights, pairs), 8 * small.apply(weights, pairs))


@pytest.mark.parametrize(
    ("dip", "verdict"), [(0.01, "holds"), (0.5, "holds in a window"), (1.1, "fails")]
)
def test_how_much_less_a_sphere_memorises(dip: float, verdict: str) -> None:
    free, right = np.array([1.0, 2.0, 1.5]), np.array([0.1, 0.2, nan])
    found = {"free": Memorised(free, right), "sphere": Memorised(dip * free, right)}
    assert memorising_on_sphere.judge(found)[0] == verdict
    assert memorising_on_sphere.lines(found)[0].endswith("0.10, 0.20, never fitted")


def test_memorising_is_measured_along_both_arms() -> None:
    found = memorising_on_sphere.measure([0], steps=20, sphere_step=sphere.sphere_step)
    assert set(found) == {"free", "sphere"}
    assert all(one.dip.shape == (1,) and np.isfinite(one.dip).all() for one in found.values())


def test_the_share_that_generalises_is_the_same_at_every_radius_without_biases() -> None:
    found = density.measure([0, 1], count=300)
    assert found[False, 0.1] == found[False, 1.0] == found[False, 8.0]
    assert all(fit > 0 for fit, _ in found[False, 1.0])
    assert density.judge(found)[1].endswith("without biases not fewer")
    assert density.change(found, False)["value"] == 0


def test_along_a_ray_no_answer_changes_and_the_slope_has_no_radial_part() -> None:
    radii, along, slopes = rays.measure(steps=70)
    assert [*along] == ["step 60, test pairs", "step 70, test pairs"]
    for ray in along.values():
        assert len({*ray.accuracy.tolist()}) == 1
        assert len(ray.loss) == len(radii)
    assert all(np.isfinite([one.radial, one.along]).all() for one in slopes.values())


def test_the_right_of_the_best_scale() -> None:
    error = np.array([[0.5, 0.5, 0.5], [0.1, 0.1, 0.1], [0.3, 0.3, 0.3], [0.1, 0.1, 0.1]])
    none = np.zeros((1, 4, 3))
    found = sphere.Landscape(
        np.array([0.5, 1.0, 2.0, 4.0]), np.array([200.0]), np.arange(3.0),
        none, none, 1 - none, 1 - error[None], none,
    )  # fmt: skip
    lines, bad = mnist_landscape.right_of_best(found)
    assert bad == [True, False]
    assert lines[0].startswith("best at α = 1")
    assert mnist_landscape.judge_right(bad)[0] == "holds in a window"
    assert mnist_landscape.judge_right([True])[0] == "holds"
    assert mnist_landscape.judge_right([False])[0] == "fails"
