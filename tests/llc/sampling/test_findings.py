"""Every finding is made where it is due, and none where all is well."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch

from grokedu.llc import estimate_llc
from grokedu.llc.sampling.metropolis import MALA
from tests.llc.losses import N, deep_linear, quadratic

quiet = partial(estimate_llc, progress=False)


def names(estimate):
    return [finding.name for finding in estimate.warnings]


@pytest.mark.parametrize("seed", range(5))
def test_nothing_is_found_where_nothing_is_wrong(seed):
    loss, center = quadratic([1.0, 0.1, 0.01, 1.0, 0.5, 0.2, 1.0, 1.0])
    assert names(quiet(loss, params=center, n=N, seed=seed)) == []


def test_a_point_beside_the_minimum_and_by_how_much():
    """On a quadratic the value is too low by nbeta * h * distance^2 / 2: so says the finding."""
    loss, center = quadratic([1.0] * 10)
    away = {"w": center["w"] + torch.tensor([0.01] + [0.0] * 9)}
    found = quiet(loss, params=away, n=N, gamma=0.0)
    fall = found.nbeta * 0.01**2 / 2
    assert names(found)[0] == "not a minimum"
    assert found.value == pytest.approx(5 - fall, abs=4 * found.standard_error)
    assert f"{fall:.3g}" in found.warnings[0].text


def test_the_fall_is_known_in_many_dimensions_too():
    loss, center = quadratic([1.0] * 300)
    away = {"w": center["w"] + 0.002}
    found = quiet(loss, params=away, n=N, gamma=0.0, gradients=800)
    fall = found.nbeta * 300 * 0.002**2 / 2
    assert "not a minimum" in names(found)
    assert f"{fall:.3g}" in found.warnings[0].text


def test_a_saddle():
    loss = lambda p: p["w"][:, 0] ** 2 - p["w"][:, 1] ** 2 + p["w"][:, 1] ** 4  # noqa: E731
    found = quiet(loss, params={"w": torch.zeros(2)}, n=N)
    assert names(found)[0] == "saddle"
    assert "negative" in names(found)


def test_a_loss_without_a_finite_minimum():
    """One example, right and ever more so along the ray through w*."""
    loss = lambda p: torch.nn.functional.softplus(-p["w"].sum(dim=1))  # noqa: E731
    found = quiet(loss, params={"w": torch.full((4,), 2.0)}, n=1000)
    assert names(found)[0] == "no finite minimum"
    assert "at this gamma and nbeta" in str(found)


def test_a_loss_that_rises_along_the_ray_has_one():
    loss = lambda p: (p["w"] - 1).square().sum(dim=1) + 0.1  # noqa: E731
    assert names(quiet(loss, params={"w": torch.ones(16)}, n=N)) == []


def test_too_few_gradients_for_a_slow_posterior():
    loss, center = deep_linear((6,) * 6, 2)
    assert names(quiet(loss, params=center, n=N, gradients=150))


def test_noise():
    loss, center = quadratic([1.0, 1.0])
    assert "noisy" in names(quiet(loss, params=center, n=N, gradients=100, chains=2))


def test_a_place_in_which_some_chains_are_left_behind():
    """A second well, 54 / nbeta higher, beyond a barrier: at 1 / nbeta no chain comes back."""

    def loss(params):
        x = params["w"]
        return torch.minimum((x + 1).square(), (x - 1).square() + 0.05).sum(dim=1)

    found = quiet(loss, params={"w": -torch.ones(4)}, n=1e4, gamma=0.01)
    assert "not converged" in names(found)


def test_a_chain_that_rejects_everything():
    loss, center = quadratic([1.0] * 4)
    found = quiet(
        loss, params=center, n=N, gradients=400, sampler=partial(MALA, step_size=10.0), chains=4
    )
    assert "stuck" in names(found)


def test_every_finding_says_what_to_do():
    loss, center = quadratic([1.0] * 10)
    found = quiet(loss, params={"w": center["w"] + 0.01}, n=N, gradients=150, chains=2)
    assert len(found.warnings) >= 2
    assert all(finding.advice and str(finding) in str(found) for finding in found.warnings)
    assert math.isfinite(found.value)
