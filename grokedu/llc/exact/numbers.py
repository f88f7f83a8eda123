"""Checks of the numbers that the closed forms are given."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt


def natural(name: str, value: int, *, least: int = 0) -> int:
    """The value as an int.

    Raises:
        ValueError: where it is not a whole number, or below ``least``.

    >>> natural("rank", 2)
    2
    >>> natural("rank", 1.5)
    Traceback (most recent call last):
    ValueError: rank is 1.5; wanted a whole number from 0 up
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least:
        raise ValueError(f"{name} is {value!r}; wanted a whole number from {least} up")
    return number


def naturals(name: str, values: Sequence[int], *, least: int = 0) -> list[int]:
    """The values as a list of ints.

    Raises:
        ValueError: where they are no sequence, or one is not a whole number from ``least`` up.

    >>> naturals("widths", (5, 3, 5), least=1)
    [5, 3, 5]
    """
    try:
        listed = list(values)
    except TypeError:
        raise ValueError(f"{name} is {values!r}; wanted a list of whole numbers") from None
    return [natural(f"{name}[{at}]", value, least=least) for at, value in enumerate(listed)]


def positive(name: str, value: float, *, above: float = 0.0) -> float:
    """The value as a float.

    Raises:
        ValueError: where it is not a finite number above ``above``.

    >>> positive("nbeta", 100)
    100.0
    """
    number = _float(value)
    if not (math.isfinite(number) and number > above):
        raise ValueError(f"{name} is {value!r}; wanted a finite number above {above:g}")
    return number


def nonnegative(name: str, value: float) -> float:
    """The value as a float.

    Raises:
        ValueError: where it is not a finite number from 0 up.

    >>> nonnegative("gamma", 0)
    0.0
    """
    number = _float(value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name} is {value!r}; wanted a finite number from 0 up")
    return number


def nonnegatives(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The values as a vector (d,), d >= 1.

    Raises:
        ValueError: for another shape, or a value that is not a finite number from 0 up.

    >>> nonnegatives("curvatures", [1, 0.5]).tolist()
    [1.0, 0.5]
    """
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or not vector.size:
        raise ValueError(f"{name} has shape {vector.shape}; wanted (d,) with d at least 1")
    wrong = ~(np.isfinite(vector) & (vector >= 0))
    if wrong.any():
        raise ValueError(f"{name} holds {vector[wrong][0]}; wanted finite numbers from 0 up")
    return vector


def _float(value: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
