from __future__ import annotations

import math

import pytest
import torch

from grokedu import sphere
from grokedu.measures import l2_norm
from grokedu.tasks import Task

ANGLE = 1.1  # between the train and the test input


def linear(params: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
    """Two classes, told apart by the sign of <w, x>."""
    score = torch.einsum("si,ni->sn", params["w"], inputs)
    return torch.stack([score, -score], dim=-1)


def data() -> Task:
    """For uniform w the share of fitting w that get the test right is 1 - ANGLE / pi."""
    x = torch.tensor([[1.0, 0.0, 0.0]])
    y = torch.tensor([[math.cos(ANGLE), math.sin(ANGLE), 0.0]])
    zero, one = torch.tensor([0]), torch.tensor([1])
    return Task(torch.cat([x, y]), torch.tensor([0, 0]), zero, one, 2, "half spheres")


def share(task: Task, count: int, radius: float, seed: int = 0) -> tuple[int, float]:
    """Guess and check with this many points."""
    points = sphere.random_on_sphere(
        {"w": (3,)}, radius, count, torch.Generator().manual_seed(seed)
    )
    logits = linear(points, task.inputs)
    return sphere.generalising_share(
        logits[:, task.train], task.targets[task.train],
        logits[:, task.test], task.targets[task.test], 1.0,
    )  # fmt: skip


EXACT = 1 - ANGLE / math.pi


def test_points_are_uniform_on_the_sphere() -> None:
    generator, count, d = torch.Generator().manual_seed(0), 20_000, 7
    shapes = {"A": (2, 3), "b": (1,)}
    points = sphere.random_on_sphere(shapes, 3.0, count, generator, torch.float64)
    torch.testing.assert_close(torch.vmap(l2_norm)(points), torch.full((count,), 3.0).double())
    flat = torch.cat([points["A"].flatten(1), points["b"]], dim=1) / 3
    # E x_i = 0, E x_i^2 = 1/d with variance 2 (d - 1) / (d^2 (d + 2)); six standard errors
    assert flat.mean(0).abs().max() < 6 * math.sqrt(1 / d / count)
    error = math.sqrt(2 * (d - 1) / (d**2 * (d + 2)) / count)
    assert (flat.square().mean(0) - 1 / d).abs().max() < 6 * error


def test_guessing_finds_the_exact_density() -> None:
    fitting, found = share(data(), 25_000, 2.0)
    error = math.sqrt(0.25 / 25_000)
    assert fitting / 25_000 == pytest.approx(0.5, abs=6 * error)
    assert found == pytest.approx(EXACT, abs=6 * math.sqrt(EXACT * (1 - EXACT) / 12_000))


def test_where_nothing_fits_there_is_no_share() -> None:
    x = torch.tensor([[1.0, 0.0, 0.0]]).expand(4, 3)
    contradictory = Task(
        x, torch.tensor([0, 1, 0, 1]), torch.tensor([0, 1]), torch.tensor([2, 3]), 2, "none"
    )
    fitting, found = share(contradictory, 100, 1.0)
    assert fitting == 0
    assert math.isnan(found)


def test_a_radius_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match=r"radius is 0\.0"):
        sphere.random_on_sphere({"w": (3,)}, 0.0, 2, torch.Generator())
