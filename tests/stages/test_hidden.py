from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("hmmlearn")

from grokedu.stages import choose_states, fit_hmm

MEANS = np.array([[0.0, 0.0], [6.0, 0.0], [6.0, 6.0]])


def drawn(seed: int, runs: int = 10, length: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Runs that pass through three well-separated states, and the states they were in."""
    generator = np.random.default_rng(seed)
    path = np.stack(
        [
            np.searchsorted(
                np.sort(generator.choice(np.arange(5, length), 2, False)), steps, "right"
            )
            for steps in [np.arange(length)] * runs
        ],
        axis=1,
    )
    return MEANS[path] + generator.normal(size=(length, runs, 2)), path


def test_known_states_are_found_in_the_order_they_come() -> None:
    table, path = drawn(0)
    found = fit_hmm(table, 3)
    # States are six deviations apart: a record is taken for a neighbour once in 700 (the
    # probability of a normal beyond 3), were it alone.
    assert (found.path == path).mean() > 0.99
    # A mean of some 100 records is known to 0.1.
    np.testing.assert_allclose(found.means, MEANS, atol=0.5)
    np.testing.assert_allclose(found.variances, 1, atol=0.5)
    np.testing.assert_allclose(found.transitions.sum(axis=1), 1)
    assert (np.tril(found.transitions, -1) < 1e-3).all()


def test_the_same_seed_gives_the_same_fit_to_the_bit() -> None:
    table, _ = drawn(1, runs=4)
    one, again, other = (fit_hmm(table, 4, restarts=2, seed=s) for s in (3, 3, 30))
    np.testing.assert_array_equal(one.means, again.means)
    assert one.log_likelihood == again.log_likelihood
    assert not np.array_equal(one.means, other.means)


def test_more_restarts_are_never_worse() -> None:
    table, _ = drawn(2, runs=4)
    scores = [fit_hmm(table, 5, restarts=count).log_likelihood for count in (1, 2, 4)]
    assert scores == sorted(scores)


def test_held_out_runs_choose_the_true_number() -> None:
    table, path = drawn(3)
    choice = choose_states(table, range(2, 5), restarts=3, seed=1)
    assert choice.states == 3
    assert len(choice.held_out) == 2
    assert choice.bic[3] == min(choice.bic.values())
    assert (choice.fit.path == path).mean() > 0.99
    # Independent of hmmlearn's own: -2 log L + k log n, with k = 2 + 3 * 2 + 2 * 3 * 2 = 20.
    judged = np.concatenate([table[:, run] for run in choice.held_out])
    score = choice.fit.model.score(judged, [40, 40])
    assert choice.bic[3] == pytest.approx(-2 * score + 20 * np.log(80))


def test_bad_input_is_refused() -> None:
    table, _ = drawn(0, runs=2)
    with pytest.raises(ValueError, match="no more states than records"):
        fit_hmm(table, 81)
    with pytest.raises(ValueError, match="all finite"):
        fit_hmm(np.full((3, 2, 1), np.nan), 1)
    with pytest.raises(ValueError, match="on either side"):
        choose_states(table[:, :1])
    with pytest.raises(ValueError, match="a number to try"):
        choose_states(table, [])
