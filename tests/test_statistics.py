from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokedu.statistics import bootstrap, rank_correlation, ranks

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
