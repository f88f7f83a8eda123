from __future__ import annotations

import math

import pytest
import torch

from grokedu.fourier import (
    clock_logits,
    excluded_logits,
    excluded_loss,
    frequency_mask,
    restricted_logits,
    restricted_loss,
    sum_component,
)
from grokedu.measures import cross_entropy
from grokedu.tasks import modular_addition, random_stream

P = 7
LABELS = modular_addition(P)[1]
KEYS = frequency_mask(P, [1, 3])
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def logits(*shape: int, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    drawn = torch.randn(*shape, P * P, P, generator=random_stream(1, "noise"), dtype=torch.float64)
    return (2 * drawn + 1).to(dtype)


def by_the_book(grid: torch.Tensor, keys: list[int]) -> torch.Tensor:
    """The projection as the paper writes it: wave by wave over the flattened pairs."""
    total = torch.zeros_like(grid)
    for k in keys:
        angle = 2 * math.pi * k * LABELS.double() / P
        for wave in (angle.cos(), angle.sin()):
            unit = (wave / wave.norm())[:, None]
            total += unit * (unit * grid).sum(dim=0)
    return total


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_restricted_and_excluded_are_the_papers(dtype: torch.dtype, device: str) -> None:
    grid = logits(dtype=dtype)
    kept = by_the_book(grid.double(), [1, 3])
    there = grid.to(device)
    torch.testing.assert_close(sum_component(there, KEYS.to(device)).cpu(), kept.to(dtype))
    corrected = kept + (grid.double() - kept).mean(dim=0)
    assert restricted_loss(there, LABELS.to(device), KEYS.to(device)).item() == pytest.approx(
        cross_entropy(corrected, LABELS).item(), rel=1e-12
    )
    train = torch.tensor([3, 4, 40])
    moved = [tensor.to(device) for tensor in (LABELS, train, KEYS)]
    assert excluded_loss(there, *moved).item() == pytest.approx(
        cross_entropy((grid.double() - kept)[train], LABELS[train]).item(), rel=1e-12
    )


def test_the_two_parts_are_orthogonal_and_make_the_whole() -> None:
    grid = logits(4)
    kept, rest = sum_component(grid, KEYS), excluded_logits(grid, KEYS)
    torch.testing.assert_close(kept + rest, grid)
    torch.testing.assert_close((kept * rest).sum(dim=(1, 2)), torch.zeros(4).double())
    torch.testing.assert_close(sum_component(kept, KEYS), kept)
    torch.testing.assert_close(restricted_logits(grid, KEYS).mean(dim=1), grid.mean(dim=1))


def test_keys_may_differ_between_runs() -> None:
    grid = logits(2)
    keys = torch.stack([frequency_mask(P, [2]), frequency_mask(P, [1, 3])])
    found = restricted_loss(grid, LABELS, keys)
    for run in range(2):
        torch.testing.assert_close(found[run], restricted_loss(grid[run], LABELS, keys[run]))


def test_a_clock_restricted_to_its_frequencies_keeps_its_loss_and_without_them_is_flat() -> None:
    clock = 5 * clock_logits(P, [1, 3])
    # At the answer 2 * 5; cos w1 d + cos w3 d at the distances 1, 2 and 3, twice each.
    angles = 2 * math.pi / P * torch.arange(7).double()
    row = 5 * (angles.cos() + (3 * angles).cos())
    wanted = (row.logsumexp(0) - 10).item()
    assert restricted_loss(clock, LABELS, KEYS).item() == pytest.approx(wanted, rel=1e-9)
    memorised = 30.0 * torch.nn.functional.one_hot(LABELS, P).double()
    everywhere = torch.arange(P * P)
    flat = excluded_loss(clock, LABELS, everywhere, KEYS).item()
    assert flat == pytest.approx(math.log(P), rel=1e-12)
    # One-hot answers are (1/p)(1 + 2 sum_k cos): without two of three frequencies a third stays.
    left = 30 / P * (1 + 2 * (2 * angles).cos())
    found = excluded_loss(memorised, LABELS, everywhere, KEYS).item()
    assert found == pytest.approx((left.logsumexp(0) - left[0]).item(), rel=1e-9)


def test_test_pairs_alone_are_projected_by_least_squares() -> None:
    grid, rows = logits(), torch.randperm(P * P, generator=random_stream(0, "split"))[:30]
    angle = 2 * math.pi / P * LABELS[rows].double()
    every = torch.stack([f(k * angle) for k in (1, 2, 3) for f in (torch.cos, torch.sin)], dim=1)
    design = torch.cat([torch.ones(30, 1).double(), every], dim=1)
    fit = torch.linalg.lstsq(design, grid[rows]).solution
    fit[[0, 3, 4]] = 0  # the constant, and frequency 2 which is no key
    part = design @ fit
    torch.testing.assert_close(sum_component(grid, KEYS, rows), part)
    corrected = part + (grid[rows] - part).mean(dim=0)
    assert restricted_loss(grid, LABELS, KEYS, rows).item() == pytest.approx(
        cross_entropy(corrected, LABELS[rows]).item(), rel=1e-12
    )
    everything = torch.randperm(P * P, generator=random_stream(1, "split"))
    torch.testing.assert_close(
        restricted_loss(grid, LABELS, KEYS, everything), restricted_loss(grid, LABELS, KEYS)
    )
    with pytest.raises(ValueError, match="no chosen pair has the sum"):
        restricted_loss(grid, LABELS, KEYS, rows[:5])


def test_a_memoriser_fools_the_published_restricted_loss_but_not_the_one_of_test_pairs() -> None:
    order = torch.randperm(P * P, generator=random_stream(2, "split"))
    train, test = order[:24], order[24:]
    memorised = torch.zeros(P * P, P, dtype=torch.float64)
    memorised[train] = 60.0 * torch.nn.functional.one_hot(LABELS[train], P).double()
    every = frequency_mask(P, [1, 2, 3])
    assert cross_entropy(memorised[test], LABELS[test]).item() == pytest.approx(math.log(P))
    assert restricted_loss(memorised, LABELS, every) < 0.1
    held_out = restricted_loss(memorised, LABELS, every, test).item()
    assert held_out == pytest.approx(math.log(P))


def test_bad_keys_and_an_empty_train_part_are_refused() -> None:
    for keys in (KEYS[:-1], KEYS.double(), torch.ones(4, dtype=torch.bool), KEYS[None]):
        with pytest.raises(ValueError, match=r"wanted bool, \(..., 4\) for p = 7"):
            restricted_loss(logits(), LABELS, keys)
    with pytest.raises(ValueError, match="train is empty"):
        excluded_loss(logits(), LABELS, torch.zeros(0, dtype=torch.int64), KEYS)
    for labels in (LABELS[:1], LABELS[:, None]):
        with pytest.raises(ValueError, match="one for each pair"):
            restricted_loss(logits(), labels, KEYS)
        with pytest.raises(ValueError, match="one for each pair"):
            excluded_loss(logits(), labels, torch.tensor([0, 1]), KEYS)
