from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from grokedu import tasks

PRIMES = st.sampled_from([2, 3, 5, 7, 11, 13, 31])


def direct(name: str, a: int, b: int, p: int) -> int:
    return {
        "modular_addition": a + b,
        "modular_subtraction": a - b,
        "modular_multiplication": a * b,
        "modular_polynomial": a * a + a * b + b * b,
    }[name] % p


@given(p=st.integers(2, 40), data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_label_is_the_operation_on_its_row(p: int, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([n for n in tasks.TASKS if n != "modular_division"]))
    a, b = data.draw(st.integers(0, p - 1)), data.draw(st.integers(0, p - 1))
    pairs, labels = tasks.TASKS[name](p)
    assert pairs.shape == (p * p, 2)
    assert labels.shape == (p * p,)
    assert pairs.dtype == labels.dtype == torch.int64
    assert pairs[a * p + b].tolist() == [a, b]
    assert labels[a * p + b].item() == direct(name, a, b, p)


@given(p=PRIMES)
def test_division_undoes_multiplication(p: int) -> None:
    pairs, labels = tasks.modular_division(p)
    assert pairs.shape == (p * (p - 1), 2)
    assert torch.equal(labels * pairs[:, 1] % p, pairs[:, 0])


@given(n=st.integers(2, 500), fraction=st.floats(0.01, 0.99), seed=st.integers(0, 2**31))
@settings(deadline=None)
def test_the_split_is_disjoint_covers_and_is_seeded(n: int, fraction: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    if not 0 < round(fraction * n) < n:
        with pytest.raises(ValueError, match="both must be at least 1"):
            tasks.train_test_split(n, fraction, generator)
        return
    train, test = tasks.train_test_split(n, fraction, generator)
    assert len(train) == round(fraction * n)
    assert torch.equal(torch.cat([train, test]).sort().values, torch.arange(n))
    again = tasks.train_test_split(n, fraction, torch.Generator().manual_seed(seed))
    assert torch.equal(train, again[0])


def test_the_split_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    tasks.train_test_split(100, 0.5, torch.Generator().manual_seed(0))
    assert torch.equal(before, torch.get_rng_state())


@given(fraction=st.floats(0, 1), seed=st.integers(0, 1000))
@settings(deadline=None)
def test_random_labels_change_at_most_their_share(fraction: float, seed: int) -> None:
    labels = torch.arange(60) % 7
    copy = labels.clone()
    new = tasks.random_labels(labels, 7, torch.Generator().manual_seed(seed), fraction)
    assert torch.equal(labels, copy)
    assert (new != labels).sum() <= round(fraction * 60)
    assert 0 <= new.min() <= new.max() < 7


def test_make_task_keeps_test_labels_true_and_streams_apart() -> None:
    plain = tasks.make_task("modular_addition", 11, 0.4, seed=3)
    noisy = tasks.make_task("modular_addition", 11, 0.4, seed=3, random_labels=1.0)
    assert torch.equal(plain.train, noisy.train)
    assert torch.equal(plain.targets[plain.test], noisy.targets[noisy.test])
    assert not torch.equal(plain.targets[plain.train], noisy.targets[noisy.train])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tasks.modular_addition(1), "p is 1"),
        (lambda: tasks.modular_addition(2.5), "p is 2.5; the modulus must be an integer"),
        (lambda: tasks.modular_division(6), "needs a prime"),
        (lambda: tasks.make_task("addition", 5, 0.5, 0), "no task is called 'addition'"),
        (lambda: tasks.make_task("modular_addition", 5, 1.0, 0), "leaves 25 to train"),
        (
            lambda: tasks.random_labels(torch.arange(3), 3, torch.Generator(), 2.0),
            "between 0 and 1",
        ),
    ],
)
def test_bad_input_says_what_was_wanted(call: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()  # type: ignore[operator]
