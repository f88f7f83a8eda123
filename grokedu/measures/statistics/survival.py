"""Times to an event, with runs that were cut off before it: censored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def kaplan_meier(times: npt.ArrayLike, last: npt.ArrayLike) -> tuple[Array, Array]:
    """The share of runs that has not got there by each time, with runs that were cut off counted.

    Just after each time at which some run got there the share is multiplied by ``1 - got there /
    still watched``. A run that was cut off before counts as watched until then, and no longer.

    Args:
        times: (S,) when each got there, nan where it was cut off first: a censored run.
        last: (S,) or a number: until when each was watched.

    Returns:
        The times at which some run got there, rising, and the share left just after each.

    Raises:
        ValueError: if there are no runs, ``last`` is of another number or nan, or a run got there
            after it was last watched.

    Source: Kaplan and Meier 1958.

    >>> at, left = kaplan_meier([10.0, np.nan, 30.0], last=[100, 20, 100])
    >>> at.tolist(), left.round(4).tolist()  # 2/3, and then the only one watched got there
    ([10.0, 30.0], [0.6667, 0.0])
    """
    when, watched = _watched(times, last)
    at = np.unique(when[~np.isnan(when)])
    arrived = (when[None] == at[:, None]).sum(axis=1)
    return at, np.cumprod(1 - arrived / (watched[None] >= at[:, None]).sum(axis=1))


def concordance(values: npt.ArrayLike, times: npt.ArrayLike, last: npt.ArrayLike) -> float:
    """How often the run with the larger value gets there later, among pairs of which that is known.

    Of a pair it is known when one got there at a time at which the other was still watched and had
    not. 1 and 0 are perfect, 0.5 is chance; equal values count half; nan where no pair is known.

    Args:
        values: (S,) a number a run.
        times, last: as for :func:`kaplan_meier`.

    Raises:
        ValueError: as :func:`kaplan_meier`, and for values of another number or that are nan.

    Source: Harrell et al. 1982 (doi 10.1001/jama.1982.03320430047030).

    >>> concordance([1.0, 2.0, 3.0], [10.0, 20.0, np.nan], last=100)
    1.0
    """
    when, watched = _watched(times, last)
    value = np.asarray(values, dtype=np.float64)
    if value.shape != when.shape or np.isnan(value).any():
        raise ValueError(f"values={value.tolist()}; wanted {len(when)} numbers, none of them nan")
    known = (when[:, None] < watched[None]) | (
        (when[:, None] == watched[None]) & np.isnan(when)[None]
    )
    agree = (value[:, None] < value[None]) + 0.5 * (value[:, None] == value[None])
    return float(agree[known].mean()) if known.any() else float("nan")


def _watched(times: npt.ArrayLike, last: npt.ArrayLike) -> tuple[Array, Array]:
    """(S,) when each run got there, or nan; and until when it was at risk of getting there."""
    when, until = (np.asarray(one, dtype=np.float64) for one in (times, last))
    fits = when.ndim == 1 and when.size and until.shape in ((), when.shape)
    if not fits or np.isnan(until).any() or (when > until).any():
        raise ValueError(f"times={when.tolist()}, last={until.tolist()}; wanted runs, none later")
    return when, np.where(np.isnan(when), until, when)
