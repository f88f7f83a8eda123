from __future__ import annotations

import math

import pytest
import torch

from grokedu.fourier import (
    clock_logits,
    distance_irrelevance,
    gradient_symmetricity,
    neuron_frequencies,
    neuron_power,
    pizza_logits,
    second_harmonic,
)
from grokedu.tasks import modular_addition, random_stream

P = 11
PAIRS, SUMS = modular_addition(P)


def angles(k: int) -> tuple[torch.Tensor, torch.Tensor]:
    return (2 * math.pi * k / P * PAIRS.double()).unbind(1)


def test_a_neuron_of_one_frequency_is_found_and_a_mixture_is_split() -> None:
    a, b = angles(3)
    c, _ = angles(5)
    neurons = torch.stack(
        [
            2 + a.cos() - 0.3 * b.sin() + a.cos() * b.sin(),
            a.sin() * b.sin() + 0.5 * c.cos(),  # variances 1/4 and 1/8
            a.cos() * c.sin(),  # mixes two frequencies of a: the sum and difference, 8 = 3 and 2
            torch.full((P * P,), 7.3).double(),
        ],
        dim=1,
    )
    power = neuron_power(neurons)
    assert power.shape == (6, 4)
    wanted = torch.zeros(6, 3, dtype=torch.float64)
    wanted[3, 0] = 1
    wanted[3, 1], wanted[5, 1] = 2 / 3, 1 / 3
    wanted[3, 2], wanted[2, 2] = 1 / 2, 1 / 2
    torch.testing.assert_close(power[:, :3], wanted)
    frequency, explained = neuron_frequencies(neurons[:, [0, 1, 3]])
    assert frequency.tolist() == [3, 3, 0]
    assert explained[:2].tolist() == pytest.approx([1, 2 / 3])
    assert explained[2].isnan()


def test_directions_that_mix_frequencies_belong_to_none() -> None:
    a, _ = angles(1)
    _, b = angles(2)
    assert neuron_power((a.cos() * b.cos())[:, None]).abs().max() < 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_neuron_power_keeps_runs_and_dtype_and_sees_dead_neurons(dtype: torch.dtype) -> None:
    drawn = torch.randn(3, P * P, 4, generator=random_stream(0, "noise"), dtype=torch.float64)
    drawn[1, :, 2] = 0
    power = neuron_power(drawn.to(dtype))
    assert power.shape == (3, 6, 4)
    assert power.dtype == dtype
    assert power.isnan().sum() == 6
    assert power[1, :, 2].isnan().all()
    torch.testing.assert_close(power[2], neuron_power(drawn[2].to(dtype)))
    assert (power.nan_to_num().sum(dim=1) < 1).all()


def test_the_second_harmonic_tells_pizza_from_clock() -> None:
    clock, pizza = clock_logits(101, [3, 20]), pizza_logits(101, [3, 20])
    assert second_harmonic(clock)[[3, 20]].abs().max() < 1e-20
    # The sums of |cos(pi d/p)| and |cos(pi d/p)| cos(2 pi d/p) over d modulo an odd p.
    mean, first = 1 / math.sin(math.pi / 202), 1 / math.sin(3 * math.pi / 202)
    ratio = 2 * ((mean - first) / 2 / mean) ** 2
    assert ratio == pytest.approx(2 / 9, rel=1e-3)
    assert second_harmonic(pizza)[[3, 20]].tolist() == pytest.approx([ratio] * 2, rel=1e-9)
    assert second_harmonic(pizza)[[0, 5]].isnan().all()


def test_the_second_harmonic_of_squares_is_a_half_and_folds_frequencies() -> None:
    for k in (1, 4):  # 2k modulo 11 is 2, and 8 which is frequency 3
        a, b = angles(k)
        of_sum = torch.stack([(a + b).cos(), (a + b).sin()], dim=1)
        signal = ((a - b) / 2).cos().square()[:, None] * of_sum
        assert second_harmonic(signal)[k].item() == pytest.approx(0.5)


def test_distance_irrelevance_is_zero_for_a_pizza_and_one_without_distance() -> None:
    assert distance_irrelevance(pizza_logits(P, [2])).item() == pytest.approx(0, abs=1e-12)
    assert distance_irrelevance(clock_logits(P, [2])).isnan()
    # An answer's logit that depends on the sum alone: within each distance all sums occur once.
    by_sum = clock_logits(P, [2]) * (1 + SUMS[:, None].double())
    assert distance_irrelevance(by_sum).item() == pytest.approx(1)
    both = torch.stack([by_sum, pizza_logits(P, [2])])
    assert distance_irrelevance(both).tolist() == pytest.approx([1, 0], abs=1e-12)
    with pytest.raises(ValueError, match="at least one a residue"):
        distance_irrelevance(by_sum[:, :5])


def test_gradients_of_a_clock_are_less_alike_than_those_of_a_pizza() -> None:
    def points(k: int, which: int) -> torch.Tensor:
        angle = angles(k)[which]
        return torch.stack([angle.cos(), angle.sin()], dim=1)

    waves = torch.arange(P).double() * 2 * math.pi / P
    read = torch.stack([waves.cos(), waves.sin()])

    def clock(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        turned = [x[:, 0] * y[:, 0] - x[:, 1] * y[:, 1], x[:, 0] * y[:, 1] + x[:, 1] * y[:, 0]]
        return torch.stack(turned, dim=1) @ read

    def pizza(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        middle = x + y
        doubled = [middle[:, 0] ** 2 - middle[:, 1] ** 2, 2 * middle[:, 0] * middle[:, 1]]
        return torch.stack(doubled, dim=1) @ read

    some = torch.arange(P * P) % P != 4
    x, y, c = points(1, 0)[some], points(1, 1)[some], SUMS[some]
    assert gradient_symmetricity(pizza, x, y, c).item() == pytest.approx(1)
    # The clock's two gradients at c = a+b are the points of a and b: their cosine is cos(a-b).
    wanted = (x * y).sum(dim=1).mean().item()
    assert gradient_symmetricity(clock, x, y, c).item() == pytest.approx(wanted, abs=1e-12)
    with pytest.raises(ValueError, match="no direction to compare"):
        gradient_symmetricity(lambda x, y: x @ read + 0 * y.sum(), x, y, c)
