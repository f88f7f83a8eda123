"""Stages of training as the hidden states of a Markov model (Hu et al. 2023, arXiv 2308.09543).

All runs together are taken for sequences of one Gaussian hidden Markov model. The states are
numbered by when runs first enter them, on average. Fitting needs the package ``hmmlearn``; every
restart is seeded.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from grokedu.measures.arrays import Array


@dataclass(frozen=True)
class HiddenStates:
    """A fitted model and the path of each run through its states.

    Attributes:
        path: (T, S) the most likely state of every record of each run, 0 .. N-1.
        means: (N, K) the mean of each measure in each state.
        variances: (N, K).
        transitions: (N, N) the model's probability to go from a state (row) to another.
        log_likelihood: of the runs that it was fitted to, in nats.
        model: hmmlearn's own, with its numbering of the states.
    """

    path: Array
    means: Array
    variances: Array
    transitions: Array
    log_likelihood: float
    model: Any

    def __len__(self) -> int:
        return len(self.means)


@dataclass(frozen=True)
class Choice:
    """How many states the held-out runs ask for.

    Attributes:
        states: the number with the lowest criterion.
        bic: number of states to the Bayesian information criterion on the held-out runs.
        held_out: which runs those were.
        fit: the model of that many states, fitted to the other runs; its path is over all runs.
    """

    states: int
    bic: dict[int, float]
    held_out: list[int]
    fit: HiddenStates


def fit_hmm(
    table: npt.ArrayLike,
    states: int,
    *,
    restarts: int = 5,
    seed: int = 0,
    iterations: int = 200,
    apply_to: npt.ArrayLike | None = None,
) -> HiddenStates:
    """Fit a hidden Markov model with Gaussian measures, each with its own variance in each state.

    Expectation maximisation finds a local optimum, so it is started several times, and the fit of
    the highest likelihood is kept.

    Args:
        table: (T, S, K) measures, standardised (:func:`standardise_per_run`).
        states: how many.
        restarts: how many starts, restart i with the random state ``seed + i``.
        seed: of the first.
        iterations: at most so many rounds of expectation maximisation.
        apply_to: (T, S', K) the runs to give paths of; those of the table by default.

    Raises:
        ValueError: for a table of another shape or with nan, or fewer records than states.
        ImportError: without hmmlearn.

    >>> ramp = np.linspace(-0.1, 0.1, 40) + np.repeat([0.0, 5.0], 20)
    >>> found = fit_hmm(ramp[:, None, None], states=2, restarts=1)
    >>> found.path[:, 0].tolist() == [0] * 20 + [1] * 20
    True
    """
    values, lengths = _sequences(table)
    if not 1 <= states <= len(values) or restarts < 1:
        raise ValueError(
            f"states={states}, restarts={restarts} for {len(values)} records; wanted at least one "
            "of each and no more states than records"
        )
    try:
        from hmmlearn.hmm import GaussianHMM
    except ImportError:
        raise ImportError(
            "hidden Markov models need the package hmmlearn: pip install 'grokedu[research]'"
        ) from None
    # Its notes, that a likelihood fell by rounding, are no use here.
    logging.getLogger("hmmlearn").setLevel(logging.ERROR)
    fits = []
    for restart in range(restarts):
        model = GaussianHMM(states, "diag", n_iter=iterations, random_state=seed + restart)
        model.fit(values, lengths)
        # A state that nothing was ever in has a row of zeros; it is left at once, wherever to.
        empty = model.transmat_.sum(axis=1) == 0
        model.transmat_[empty] = 1 / states
        fits.append((float(model.score(values, lengths)), restart, model))
    score, _, model = max(fits, key=lambda fit: fit[:2])
    shown = np.asarray(table if apply_to is None else apply_to, dtype=np.float64)
    path = np.stack([model.predict(shown[:, run]) for run in range(shown.shape[1])], axis=1)
    order = _by_first_entry(path, states)
    rank = np.argsort(order)
    return HiddenStates(
        path=rank[path],
        means=model.means_[order],
        variances=np.stack([np.diag(one) for one in model.covars_])[order],
        transitions=model.transmat_[np.ix_(order, order)],
        log_likelihood=score,
        model=model,
    )


def choose_states(
    table: npt.ArrayLike,
    candidates: Sequence[int] = range(1, 9),
    *,
    held_out: float = 0.2,
    restarts: int = 5,
    seed: int = 0,
    iterations: int = 200,
) -> Choice:
    """The number of states with the lowest Bayesian information criterion on runs left out.

    For every number, a model is fitted to the other runs, the best restart by *their* likelihood,
    and judged on those left out: ``-2 log L + parameters * log(records)``, both of the held-out
    runs, as in Hu et al. 2023. (Their restart is chosen on the held-out runs.)

    Args:
        table: (T, S, K) measures, standardised.
        candidates: the numbers to try.
        held_out: the share of runs to leave out, at least one; which, is drawn from the seed.
        restarts, seed, iterations: as for :func:`fit_hmm`.

    Raises:
        ValueError: if no run would be left on one side, and as :func:`fit_hmm` does.

    >>> noise = np.random.default_rng(0).normal(size=(40, 5, 1))
    >>> table = noise + 9 * np.repeat([0.0, 1.0], 20)[:, None, None]  # one change, in every run
    >>> choose_states(table, range(1, 4), restarts=1).states
    2
    """
    values = np.asarray(table, dtype=np.float64)
    _sequences(values)
    runs = values.shape[1]
    count = max(1, round(held_out * runs))
    if not 0 < held_out < 1 or count >= runs or not len(candidates):
        raise ValueError(
            f"held_out={held_out} of {runs} runs, candidates={[*candidates]}; wanted a share that "
            "leaves a run on either side, and a number to try"
        )
    order = np.random.default_rng(seed).permutation(runs)
    out, kept = sorted(order[:count].tolist()), sorted(order[count:].tolist())
    judged, lengths = _sequences(values[:, out])
    fits = {
        number: fit_hmm(
            values[:, kept],
            number,
            restarts=restarts,
            seed=seed,
            iterations=iterations,
            apply_to=values,
        )
        for number in candidates
    }
    bic = {number: float(fit.model.bic(judged, lengths)) for number, fit in fits.items()}
    best = min(bic, key=lambda number: bic[number])
    return Choice(best, bic, out, fits[best])


def _sequences(table: npt.ArrayLike) -> tuple[Array, list[int]]:
    """The runs one after the other, (S * T, K), and the length of each."""
    values = np.asarray(table, dtype=np.float64)
    if values.ndim != 3 or not values.size or not np.isfinite(values).all():
        raise ValueError(
            f"the table has shape {values.shape}; wanted (T, S, K), all finite: records, runs and "
            "measures"
        )
    runs = values.shape[1]
    return np.concatenate([values[:, run] for run in range(runs)]), [len(values)] * runs


def _by_first_entry(path: Array, states: int) -> Array:
    """The states in the order in which runs enter them, on average; those never entered last."""
    first = np.full((path.shape[1], states), np.nan)
    for run, column in enumerate(path.T):
        entered, at = np.unique(column, return_index=True)
        first[run, entered] = at
    mean = np.array(
        [np.nanmean(one) if np.isfinite(one).any() else np.inf for one in first.T], dtype=np.float64
    )
    return np.argsort(mean, kind="stable")
