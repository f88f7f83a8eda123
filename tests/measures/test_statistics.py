from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokedu.measures.statistics import (
    auc,
    bootstrap,
    leave_one_run_out,
    partial_correlation,
    rank_correlation,
    ranks,
    skill,
)

NUMBERS = st.lists(st.integers(-50, 50), min_size=2, max_size=40)


@given(NUMBERS)
def test_ranks_sum_as_they_must_and_ignore_rising_transforms(values: list[int]) -> None:
    found = ranks(values)
    assert found.sum() == pytest.approx(len(values) * (len(values) + 1) / 2)
    np.testing.assert_allclose(found, ranks(np.array(values) ** 3))


@given(NUMBERS, st.integers(0, 1000))
def test_rank_correlation_is_the_correlation_of_ranks(values: list[int], seed: int) -> None:
    other = np.random.default_rng(seed).permutation(values)
    found = rank_correlation(values, other)
    if len(set(values)) == 1:
        assert math.isnan(found)
    else:
        assert found == pytest.approx(np.corrcoef(ranks(values), ranks(other))[0, 1])
        assert rank_correlation(values, [-v for v in values]) == pytest.approx(-1)


def test_a_bootstrap_interval_has_the_width_theory_gives() -> None:
    values = np.random.default_rng(0).normal(size=400)
    found = bootstrap(values, np.mean)
    # The standard error of the mean is s/sqrt(n); 2000 resamples know a percentile to about 5 %.
    wanted = 2 * 1.96 * values.std() / 20
    assert found["high"] - found["low"] == pytest.approx(wanted, rel=0.15)
    assert found["low"] < found["value"] < found["high"]


def test_groups_are_resampled_whole() -> None:
    values = np.repeat([0.0, 10.0], 50)
    alone = bootstrap(values, np.mean)
    grouped = bootstrap(values, np.mean, groups=np.repeat([0, 1], 50))
    assert (grouped["low"], grouped["high"]) == (0.0, 10.0)
    assert alone["high"] - alone["low"] < 4


def test_censored_runs_are_left_out_and_none_is_nan() -> None:
    assert bootstrap([math.nan, 4.0])["runs"] == 1
    empty = bootstrap([math.nan, math.nan])
    assert math.isnan(empty["value"])
    assert empty["runs"] == 0
    with pytest.raises(ValueError, match="as many of each"):
        rank_correlation([1, 2], [1, 2, 3])


@given(st.integers(0, 1000))
def test_partial_correlation_of_one_control_is_the_textbooks(seed: int) -> None:
    x, y, z = np.random.default_rng(seed).normal(size=(3, 12))
    (_, xy, xz), (_, _, yz), _ = np.corrcoef([x, y, z])
    wanted = (xy - xz * yz) / math.sqrt((1 - xz**2) * (1 - yz**2))
    assert partial_correlation(x, y, z, ranked=False) == pytest.approx(wanted)
    by_rank = partial_correlation(ranks(x), ranks(y), ranks(z), ranked=False)
    assert partial_correlation(np.exp(x), y**3, z) == pytest.approx(by_rank)
    # A control that repeats another, and a constant, change nothing.
    more = np.column_stack([z, 2 * z + 1, np.ones(12)])
    assert partial_correlation(x, y, more, ranked=False) == pytest.approx(wanted)


def test_what_the_controls_explain_leaves_nothing_to_correlate() -> None:
    generator = np.random.default_rng(0)
    z = generator.normal(size=(3, 4000))
    x, y = z[0] + z[1], z[0] + z[2]
    assert np.corrcoef(x, y)[0, 1] > 0.45  # a common cause
    # Of 4000 independent pairs the correlation is within 5 / sqrt(4000) of 0.
    assert abs(partial_correlation(x, y, z[0], ranked=False)) < 0.08
    assert math.isnan(partial_correlation(2 * z[0] + 1, y, z[0], ranked=False))
    with pytest.raises(ValueError, match="at least three more"):
        partial_correlation([1, 2, 3], [1, 2, 3], [1, 2, 3])


def test_a_run_left_out_is_predicted_only_from_the_others() -> None:
    generator = np.random.default_rng(0)
    features, target = generator.normal(size=(30, 4, 2)), generator.normal(size=(30, 4))
    before = leave_one_run_out(features, target, 3)
    changed = target.copy()
    changed[:, 1] += 100
    after = leave_one_run_out(features, changed, 3)
    np.testing.assert_allclose(after["prediction"][:, 1], before["prediction"][:, 1])
    assert (after["prediction"][:, 0] != before["prediction"][:, 0]).all()
    np.testing.assert_array_equal(before["truth"], target[3:])
    np.testing.assert_array_equal(before["last_value"], target[:-3])


def test_skill_of_a_measure_that_tells_the_future_and_of_one_that_does_not() -> None:
    generator = np.random.default_rng(1)
    target = np.cumsum(generator.normal(size=(200, 6)), axis=0)
    ahead = np.concatenate([target[5:], np.zeros((5, 6))])[..., None]
    for feature, low, high in ((ahead, 0.999, 1.0), (generator.normal(size=(200, 6, 1)), -99, 0.1)):
        found = leave_one_run_out(feature, target, 5)
        assert low <= skill(found["prediction"], found["last_value"], found["truth"]) <= high
    # A random walk's best prediction is its last value: the rule learns that, and no more.
    walk = leave_one_run_out(target[..., None], target, 5)
    assert abs(skill(walk["prediction"], walk["last_value"], walk["truth"])) < 0.1
    assert math.isnan(skill([1.0], [2.0], [2.0]))
    with pytest.raises(ValueError, match="wanted them equal"):
        skill([1.0], [2.0], [2.0, 3.0])
    for horizon in (0, 200):
        with pytest.raises(ValueError, match="1 <= horizon < T"):
            leave_one_run_out(ahead, target, horizon)
    with pytest.raises(ValueError, match="at least two runs"):
        leave_one_run_out(ahead[:, :1], target[:, :1], 1)


def test_what_is_nan_has_no_rank() -> None:
    numbers, gap = np.array([3.0, 1.0, 4.0, 1.5, 9.0]), np.array([1.0, np.nan, 2.0, 3.0, 4.0])
    assert np.isnan(ranks(gap)).all()
    assert math.isnan(rank_correlation(numbers, gap))
    assert math.isnan(auc(gap, [True, False, True, False, True]))
    for ranked in (True, False):
        assert math.isnan(partial_correlation(numbers, gap, numbers**2, ranked=ranked))
        assert math.isnan(partial_correlation(numbers, numbers[::-1], gap, ranked=ranked))


def test_a_run_that_never_came_may_be_infinitely_late() -> None:
    found = bootstrap([100.0, 200.0, 300.0, 400.0, math.inf])
    assert (found["value"], found["runs"]) == (300.0, 5)
    assert found["low"] == 100.0
    # A median of five is inf where three draws of five are: 58 in 1000, more than the 25 cut off.
    assert found["high"] == math.inf


def test_the_area_under_the_curve_is_the_share_of_pairs() -> None:
    generator = np.random.default_rng(0)
    values, kind = generator.integers(6, size=40), generator.random(40) < 0.4
    one, other = values[kind][:, None], values[~kind]
    wanted = ((one > other) + 0.5 * (one == other)).mean()
    assert auc(values, kind) == pytest.approx(wanted)
    assert math.isnan(auc(values, np.ones(40)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: bootstrap([]), "a value a run"),
        (lambda: bootstrap([1.0, 2.0], level=95), "0 < level < 1"),
        (lambda: bootstrap([1.0, 2.0], resamples=0), "resamples >= 1"),
        (lambda: bootstrap([1.0, 2.0], groups=[1]), "a group each"),
        (lambda: auc([1.0, 2.0], [True]), r"wanted \(S,\) of each"),
        (lambda: leave_one_run_out(np.full((5, 2, 1), np.nan), np.ones((5, 2)), 1), "not finite"),
        (lambda: leave_one_run_out(np.ones((5, 2, 1)), np.full((5, 2), -np.inf), 1), "not finite"),
    ],
)
def test_bad_input_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
