"""What a chain draws is its own, whoever is beside it and wherever it runs."""

from __future__ import annotations

import pytest
import torch

from grokedu.llc.sampling.streams import LONGEST, draw, open_streams
from tests.llc.sampling.cases import DEVICES


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1, 5, 3000])
def test_a_chain_draws_bit_for_bit_the_same_alone_beside_others_and_on_cuda(
    size: int, dtype: torch.dtype, device: str
) -> None:
    beside = open_streams([7, 8, 9], torch.zeros(3, size, dtype=dtype, device=device), 4)
    alone = open_streams([8], torch.zeros(1, size, dtype=dtype), 4)
    steps = beside["normals"].shape[1]
    assert 1 < steps <= LONGEST
    for _ in range(steps + 2):  # into the second block
        many, beside = draw(beside, 10)
        one, alone = draw(alone, 10)
        for found, wanted in zip(many, one, strict=True):
            assert torch.equal(found[1:2].cpu(), wanted)
        assert many.normals.dtype == dtype
        assert not torch.equal(many.normals[0], many.normals[1])
        assert many.rows.min() >= 0
        assert many.rows.max() < 10


def test_drawing_leaves_the_state_as_it_was_and_no_two_draws_are_the_same() -> None:
    state = open_streams([0], torch.zeros(1, 4))
    kept = {name: tensor.clone() for name, tensor in state.items() if name in ("stream", "drawn")}
    first, following = draw(state)
    again, _ = draw(state)
    assert torch.equal(first.normals, again.normals)
    assert all(torch.equal(state[name], tensor) for name, tensor in kept.items())
    seen = [first.normals]
    for _ in range(2 * LONGEST):
        drawn, following = draw(following)
        seen.append(drawn.normals)
    assert len(torch.cat(seen).unique()) == 4 * len(seen)


def test_the_rows_are_every_example_as_often() -> None:
    drawn, _ = draw(open_streams([0], torch.zeros(1, 1), 10_000), 5)
    counts = drawn.rows.flatten().bincount(minlength=5)
    # Multinomial: each count has the standard error 40.
    assert (counts - 2000).abs().max() < 4 * 40


def test_one_seed_a_chain_is_wanted() -> None:
    with pytest.raises(ValueError, match="got 1 seeds for 2 chains; wanted one a chain"):
        open_streams([0], torch.zeros(2, 1))
