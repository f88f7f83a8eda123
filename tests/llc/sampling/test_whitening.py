"""The curvature against exact Hessians, and the preconditioner against its definition."""

from __future__ import annotations

import pytest
import torch

from grokedu.llc.sampling.hamiltonian import HMC
from grokedu.llc.sampling.potential import Potential, differentiated
from grokedu.llc.sampling.whitening import WHOLE, Whitening, curvature
from grokedu.tasks import random_stream
from tests.llc.sampling.cases import DEVICES, after


def rotated(h: torch.Tensor) -> torch.Tensor:
    """A symmetric matrix with these eigenvalues."""
    noise = torch.randn(len(h), len(h), generator=random_stream(0, "basis"), dtype=torch.float64)
    basis = torch.linalg.qr(noise).Q
    return basis * h @ basis.T


def bent(matrix: torch.Tensor, centers: torch.Tensor) -> Potential:
    def loss(params, rows):
        return torch.einsum("ci,ij,cj->c", params["w"], matrix, params["w"]) / 2

    return Potential(differentiated(loss), {"w": centers}, nbeta=1.0)


@pytest.mark.parametrize("device", DEVICES)
def test_the_whole_hessian_of_a_small_model(device):
    h = torch.tensor([5.0, 2.0, 0.5, -1.0], dtype=torch.float64, device=device)
    matrix = rotated(h.cpu()).to(device)
    centers = torch.ones(2, 4, dtype=torch.float64, device=device)
    found = curvature(bent(matrix, centers[:1]), centers)
    torch.testing.assert_close(found.eigenvalues, h.expand(2, 4), rtol=1e-6, atol=1e-6)
    back = torch.einsum("pk,pki,pkj->pij", found.eigenvalues, found.vectors, found.vectors)
    torch.testing.assert_close(back, matrix.expand(2, 4, 4), rtol=1e-6, atol=1e-6)
    assert found.whole


def test_the_leading_eigenvalues_of_a_larger_one():
    size = WHOLE + 50
    h = torch.full((size,), 0.01, dtype=torch.float64)
    h[:3] = torch.tensor([9.0, 4.0, -2.0], dtype=torch.float64)
    found = curvature(
        bent(rotated(h), torch.zeros(1, size).double()), torch.zeros(1, size).double()
    )
    assert not found.whole
    assert found.eigenvalues[0, :2].tolist() == pytest.approx([9.0, 4.0], rel=1e-4)
    assert found.eigenvalues[0, -1].item() == pytest.approx(-2, rel=1e-4)
    assert found.gradients == 2 * 64


def test_the_preconditioner_is_the_inverse_root_above_the_floor():
    h = torch.tensor([8.0, 3.0, 0.5], dtype=torch.float64)
    matrix = rotated(h)
    known = curvature(bent(matrix, torch.zeros(1, 3).double()), torch.zeros(1, 3).double())
    floor = torch.tensor([1.0, 5.0, 100.0], dtype=torch.float64)
    shift = Whitening(known, 2.0, 1.0, floor)(torch.full_like(floor, 0.25))
    rows = torch.eye(3, dtype=torch.float64)
    for at, level in enumerate(floor):
        stiffness = torch.maximum(2 * h + 1, level)
        wanted = rotated(stiffness.rsqrt())
        given = torch.stack([shift(rows, row.repeat(3, 1), -2.0)[at] for row in rows])
        torch.testing.assert_close(given, rows[at] - wanted / 2, rtol=1e-5, atol=1e-7)


def test_draws_are_those_of_the_posterior_with_any_preconditioner():
    """Variances 1 / (nbeta h + gamma), along every eigenvector."""
    h = torch.tensor([4.0, 1.0, 0.01], dtype=torch.float64)
    matrix, center = rotated(h), torch.zeros(1, 3, dtype=torch.float64)
    potential = Potential(bent(matrix, center).loss, {"w": center}, nbeta=100.0, gamma=1.0)
    known = curvature(potential, center)
    chains = 400
    floor = torch.linspace(1.0, 401.0, chains, dtype=torch.float64)
    sampler = HMC(potential, 0.8, 6, Whitening(known, 100.0, 1.0, floor))
    state = sampler.init({"w": center.expand(chains, 3).clone()}, range(chains))
    draws = []
    for _ in range(30):
        state = after(sampler, state, 4)
        draws.append(state["position"] @ known.vectors[0].T)
    variance = torch.cat(draws).square().mean(dim=0)
    torch.testing.assert_close(variance * (100 * h + 1), torch.ones(3).double(), rtol=0.05, atol=0)


def test_a_loss_that_is_infinite_beside_its_minimum():
    def loss(params, rows):
        x = params["w"].squeeze(1)
        return torch.where(x < 0, torch.inf, x)

    potential = Potential(differentiated(loss), {"w": torch.zeros(1, 1)}, nbeta=1.0)
    assert curvature(potential, torch.zeros(1, 1)).eigenvalues.isfinite().all()
