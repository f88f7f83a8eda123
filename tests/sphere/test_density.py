from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch

from grokedu import sphere
from grokedu.measures import l2_norm
from grokedu.sphere import Split

ANGLE = 1.1  # between the train and the test input


def linear(params: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """Two classes, told apart by the sign of <w, x>."""
    score = torch.einsum("si,ni->sn", params["w"], inputs)
    return torch.stack([score, -score], dim=-1)


def data() -> Split:
    """For uniform w the share of fitting w that get the test right is 1 - ANGLE / pi."""
    x = torch.tensor([[1.0, 0.0, 0.0]])
    y = torch.tensor([[math.cos(ANGLE), math.sin(ANGLE), 0.0]])
    return Split(x, torch.tensor([0]), y, torch.tensor([0]))


EXACT = 1 - ANGLE / math.pi


def test_points_are_uniform_on_the_sphere() -> None:
    generator, count, d = torch.Generator().manual_seed(0), 20_000, 7
    shapes = {"A": (2, 3), "b": (1,)}
    points = sphere.random_on_sphere(shapes, 3.0, count, generator, torch.float64)
    torch.testing.assert_close(l2_norm(points, run_axis=True), torch.full((count,), 3.0).double())
    flat = torch.cat([points["A"].flatten(1), points["b"]], dim=1) / 3
    # E x_i = 0, E x_i^2 = 1/d with variance 2 (d - 1) / (d^2 (d + 2)); six standard errors
    assert flat.mean(0).abs().max() < 6 * math.sqrt(1 / d / count)
    error = math.sqrt(2 * (d - 1) / (d**2 * (d + 2)) / count)
    assert (flat.square().mean(0) - 1 / d).abs().max() < 6 * error


def test_guessing_finds_the_exact_density() -> None:
    generator = torch.Generator().manual_seed(0)
    found = sphere.guess_and_check(
        linear,
        lambda count: sphere.random_on_sphere({"w": (3,)}, 2.0, count, generator),
        data(),
        attempts=25_000,
    )
    assert found.attempts == 25_000
    error = math.sqrt(0.25 / 25_000)
    assert found.fitting / found.attempts == pytest.approx(0.5, abs=6 * error)
    assert found.share == pytest.approx(EXACT, abs=6 * math.sqrt(EXACT * (1 - EXACT) / 12_000))
    assert found.low < found.share < found.high
    # close to the normal interval where there are many
    half = 1.96 * math.sqrt(found.share * (1 - found.share) / found.fitting)
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=1e-3)
    assert len(found.test_accuracies) == found.fitting


def test_the_walk_stays_fitting_on_its_sphere_and_finds_the_same_density() -> None:
    generator, walkers, steps = torch.Generator().manual_seed(1), 4000, 60
    start = {"w": torch.tensor([[2.0, 0.0, 0.0]]).expand(walkers, 3).double()}
    split = Split(*(t.double() if t.is_floating_point() else t for t in data()))
    found, points, accepted = sphere.walk_among_fitting(
        linear, start, split, steps=steps, angle=0.6, generator=generator, every=steps
    )
    torch.testing.assert_close(l2_norm(points, run_axis=True), torch.full((walkers,), 2.0).double())
    assert (points["w"][:, 0] > 0).all()
    assert 0.5 < accepted < 1
    # walkers are independent, and 60 turns of 0.6 rad mix on a half sphere
    assert found.fitting == walkers
    assert found.share == pytest.approx(EXACT, abs=6 * math.sqrt(EXACT * (1 - EXACT) / walkers))


def test_a_free_walk_forgets_its_start_as_fast_as_the_docstring_says() -> None:
    walkers, steps, angle = 4000, 5, 0.3
    start = torch.tensor([[2.0, 0.0, 0.0]]).expand(walkers, 3).double()

    def always(params: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
        return torch.tensor([1.0, 0.0]).expand(len(params["w"]), len(inputs), 2)

    _, points, accepted = sphere.walk_among_fitting(
        always, {"w": start}, data(), steps=steps, angle=angle,
        generator=torch.Generator().manual_seed(2),
    )  # fmt: skip
    cosine = (points["w"] * start).sum(1) / 4
    assert accepted == 1
    error = cosine.std().item() / math.sqrt(walkers)
    assert cosine.mean().item() == pytest.approx(math.cos(angle) ** steps, abs=6 * error)


def test_where_nothing_fits_there_is_no_share() -> None:
    x = torch.tensor([[1.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    split = Split(x, torch.tensor([0, 1]), x, torch.tensor([0, 1]))  # contradictory
    generator = torch.Generator().manual_seed(0)
    found = sphere.guess_and_check(
        linear,
        lambda count: sphere.random_on_sphere({"w": (3,)}, 1.0, count, generator),
        split,
        attempts=100,
    )
    assert found.fitting == 0
    assert math.isnan(found.share)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sphere.guess_and_check(linear, lambda n: {}, data(), attempts=0), "attempts=0"),
        (
            lambda: sphere.walk_among_fitting(
                linear, {"w": torch.tensor([[-1.0, 0.0, 0.0]])}, data(), steps=1, angle=0.1,
                generator=torch.Generator(),
            ),
            "1 of 1 starting points do not fit",
        ),
        (
            lambda: sphere.walk_among_fitting(
                linear, {"w": torch.ones(1, 3)}, data(), steps=1, angle=0.0,
                generator=torch.Generator(),
            ),
            "angle=0.0",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
