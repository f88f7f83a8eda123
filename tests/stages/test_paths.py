from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grokedu.stages import (
    leading_changes,
    occupancy,
    occupancy_predicts_convergence,
    routes,
    stage_boundaries,
    transition_graph,
)


@given(st.integers(0, 1000), st.integers(1, 12), st.integers(1, 5), st.integers(1, 4))
def test_counts_shares_and_routes_agree(seed: int, length: int, runs: int, states: int) -> None:
    path = np.random.default_rng(seed).integers(states, size=(length, runs))
    counts = transition_graph(path, states)
    assert counts.sum() == (length - 1) * runs
    shares = occupancy(path, states)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    # Each state is left or stayed in once for every record but the last.
    last = np.bincount(path[-1], minlength=states)
    np.testing.assert_allclose(counts.sum(axis=1) + last, shares.sum(axis=0) * length)
    ways = routes(path)
    assert sorted(run for who in ways.values() for run in who) == [*range(runs)]
    moves = counts.sum() - np.trace(counts)
    assert moves == sum((len(way) - 1) * len(who) for way, who in ways.items())


def test_a_detour_is_seen() -> None:
    path = np.array([[0, 0, 0], [1, 1, 2], [3, 3, 3]])
    assert routes(path) == {(0, 1, 3): [0, 1], (0, 2, 3): [2]}


def test_convergence_is_told_by_a_last_state_that_begins_with_it() -> None:
    # The caution of the docstring: convergence is where state 2 begins, whatever came before.
    generator = np.random.default_rng(0)
    arrive = generator.integers(20, 90, size=30)
    path = np.where(np.arange(100)[:, None] >= arrive, 2, generator.integers(2, size=(100, 30)))
    found = occupancy_predicts_convergence(path, arrive)
    assert found["r2"] == found["r2_one"] == pytest.approx(1)
    assert found["best_state"] == 2
    assert found["r2_left_out"] == pytest.approx(1)


def test_noise_predicts_nothing_on_runs_left_out() -> None:
    generator = np.random.default_rng(1)
    path = generator.integers(4, size=(50, 40))
    arrive = generator.normal(size=40)
    found = occupancy_predicts_convergence(path, arrive)
    assert 0 < found["r2"] < 0.5  # three shares that fit forty numbers by chance
    assert found["r2_left_out"] < 0.1
    assert found["r2_one"] <= found["r2"]


def test_censored_runs_are_left_out_and_too_few_are_nan() -> None:
    path = np.array([[0, 0, 1, 1], [1, 0, 1, 0]])
    few = occupancy_predicts_convergence(path, [10.0, np.nan, np.nan, 20.0])
    assert np.isnan(few["r2"])
    assert (few["runs"], few["censored"]) == (2, 2)
    same = occupancy_predicts_convergence(path, [5.0] * 4)
    assert np.isnan(same["r2"])


def test_the_largest_changes_come_first() -> None:
    means = np.array([[0.0, 1.0, 2.0], [0.5, -1.0, 5.0]])
    assert leading_changes(means, ["a", "b", "c"], 0, 1, 2) == [("c", 3.0), ("b", -2.0)]


def test_boundaries_of_a_wave_are_its_turning_points() -> None:
    steps = np.linspace(0, 10, 401)
    found = stage_boundaries(steps, np.cos(steps), smoothing=2)
    # A symmetric window leaves a sine's turning points where they are.
    assert found == pytest.approx([np.pi, 2 * np.pi, 3 * np.pi], abs=1e-3)
    assert stage_boundaries(steps, 3 * steps + 1) == []
    noisy = steps + 0.01 * np.random.default_rng(0).normal(size=401)
    assert stage_boundaries(steps, noisy, smoothing=20) == []


def test_bad_input_is_refused() -> None:
    for wrong in ([0, 1], [[0.5]], [[-1]], np.zeros((0, 2), dtype=int)):
        with pytest.raises(ValueError, match=r"wanted \(T, S\) integers"):
            transition_graph(wrong)
    with pytest.raises(ValueError, match=r"0 to 2 - 1"):
        occupancy([[2]], 2)
    with pytest.raises(ValueError, match="one a run"):
        occupancy_predicts_convergence([[0, 1]], [1.0])
    for steps, values in (([0, 1], [0, 1]), ([0, 2, 1], [0, 1, 2]), ([0, 1, 2], [0, np.nan, 1])):
        with pytest.raises(ValueError, match="at least three records, rising steps, finite"):
            stage_boundaries(steps, values)
    for names, end in ((["a"], 1), (["a", "b"], 2)):
        with pytest.raises(ValueError, match="K names and two of the states"):
            leading_changes(np.ones((2, 2)), names, 0, end)
