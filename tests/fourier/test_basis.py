from __future__ import annotations

import math

import pytest
import torch

from grokedu.fourier import (
    clock_logits,
    explained_by_sum,
    fourier_basis,
    frequency_mask,
    frequency_power,
    key_frequencies,
    sum_means,
    sum_power,
)
from grokedu.fourier.basis import modulus_of
from grokedu.tasks import modular_addition, random_stream

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=random_stream(0, "noise"), dtype=torch.float64)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("p", [3, 31, 113])
def test_the_basis_is_orthonormal_and_made_of_the_waves(p: int, device: str) -> None:
    basis = fourier_basis(p, device=device).cpu()
    torch.testing.assert_close(basis @ basis.T, torch.eye(p, dtype=torch.float64))
    k, n = (p - 1) // 2, p - 1  # the last frequency and the last residue are there too
    assert basis[-2, n].item() == pytest.approx(math.cos(2 * math.pi * k / p) * (2 / p) ** 0.5)
    assert basis[-1, n].item() == pytest.approx(-math.sin(2 * math.pi * k / p) * (2 / p) ** 0.5)
    assert fourier_basis(p, torch.float32).dtype == torch.float32


@pytest.mark.parametrize("p", [2, 9, 1, 15])
def test_a_modulus_that_is_no_odd_prime_is_refused(p: int) -> None:
    with pytest.raises(ValueError, match="need an odd prime"):
        fourier_basis(p)
    with pytest.raises(ValueError, match="need an odd prime"):
        sum_power(torch.zeros(p * p, 2))


def test_rows_that_are_no_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match=r"got \(30, 5\); wanted \(..., p\*p, n\)"):
        modulus_of(torch.zeros(30, 5))
    with pytest.raises(ValueError, match="wanted"):
        modulus_of(torch.zeros(9))  # one axis
    with pytest.raises(ValueError, match=r"wanted \(\.\.\., p, n\)"):
        frequency_power(torch.zeros(7))
    with pytest.raises(ValueError, match="need a floating one"):
        frequency_power(torch.zeros(7, 2, dtype=torch.int64))


@pytest.mark.parametrize("k", [1, 7, 15])
def test_a_wave_has_its_power_at_its_frequency_alone(k: int) -> None:
    n = torch.arange(31, dtype=torch.float64)
    angle = 2 * math.pi * k * n / 31
    table = torch.stack([3 * (angle + 0.4).cos(), 4 * (angle - 1).sin()], dim=1)
    wanted = torch.zeros(16, dtype=torch.float64)
    wanted[k] = (9 + 16) * 31 / 2
    torch.testing.assert_close(frequency_power(table), wanted)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_power_is_the_squared_norm_run_by_run(dtype: torch.dtype) -> None:
    table = noise(4, 13, 6).to(dtype)
    power = frequency_power(table)
    assert power.shape == (4, 7)
    assert power.dtype == dtype
    torch.testing.assert_close(power.sum(dim=-1), table.square().sum(dim=(1, 2)))
    torch.testing.assert_close(power[2], frequency_power(table[2]))


def test_sum_means_are_means_over_the_pairs_of_a_sum() -> None:
    grid, (_, sums) = noise(2, 49, 3), modular_addition(7)
    wanted = torch.stack([grid[:, sums == s].mean(dim=1) for s in range(7)], dim=1)
    torch.testing.assert_close(sum_means(grid), wanted)


def test_sum_power_is_the_projection_on_both_waves() -> None:
    p, grid = 7, noise(49, 3)
    sums = modular_addition(p)[1].double()
    for k, power in enumerate(sum_power(grid).tolist()):
        angle = 2 * math.pi * k * sums / p
        waves = torch.stack([angle.cos(), angle.sin()])[: 2 if k else 1]
        unit = waves / waves.norm(dim=1, keepdim=True)
        assert power == pytest.approx((unit @ grid).square().sum().item())


def test_what_is_explained_by_sums_of_a_mixture_is_known() -> None:
    p = 11
    pairs, _ = modular_addition(p)
    angle = 2 * math.pi / p * pairs.double()
    # cos(a+b) has variance 1/2, 2 cos(3(a+b)) has 2, and cos(a-b) has 1/2: no function of a+b.
    total = angle.sum(dim=1)
    signal = 5 + total.cos() + 2 * (3 * total).cos() + (angle[:, 0] - angle[:, 1]).cos()
    wanted = torch.tensor([0, 0.5, 0, 2, 0, 0], dtype=torch.float64) / 3
    torch.testing.assert_close(explained_by_sum(signal[:, None]), wanted)
    for constant in (torch.ones(25, 3), torch.full((961, 31), 0.1), torch.zeros(25, 3)):
        with pytest.raises(ValueError, match="same for every input"):
            explained_by_sum(constant)
    # A run that has diverged leaves the others as they are.
    both = torch.stack([signal[:, None], torch.full((p * p, 1), torch.nan)])
    torch.testing.assert_close(explained_by_sum(both)[0], wanted)
    assert explained_by_sum(both)[1, 1:].isnan().all()


def test_key_frequencies_are_the_fewest_and_the_last_one_counts() -> None:
    # The published loop over frequencies left out k = (p-1)/2.
    keys = [14, 35, 41, 42, 52, 56]
    found = key_frequencies(sum_power(clock_logits(113, keys)))
    assert found.nonzero().flatten().tolist() == keys
    power = torch.tensor([[9.0, 5.0, 3.0, 2.0], [9.0, 0.0, 1.0, 0.0]])
    assert key_frequencies(power, 0.5).tolist() == [[0, 1, 0, 0], [0, 0, 1, 0]]
    assert key_frequencies(power, 0.8).tolist() == [[0, 1, 1, 0], [0, 0, 1, 0]]
    assert key_frequencies(power, 1.0).tolist() == [[0, 1, 1, 1], [0, 0, 1, 0]]


@pytest.mark.parametrize("share", [0, 1.1, float("nan")])
def test_bad_shares_and_powers_are_refused(share: float) -> None:
    with pytest.raises(ValueError, match="above 0 and at most 1"):
        key_frequencies(torch.ones(4), share)
    for power in ([1.0, 0.0, 0.0], [1.0, -1.0, 2.0], [1.0, float("nan"), 2.0]):
        with pytest.raises(ValueError, match="must be non-negative"):
            key_frequencies(torch.tensor(power))


def test_a_mask_of_frequencies_that_are_not_there_is_refused() -> None:
    for k in (0, 4, -1):
        with pytest.raises(ValueError, match="wanted 1 to 3"):
            frequency_mask(7, [k])
