"""What reproducing a claim gives, and under what it was made."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from grokedu.figures.style import Described
from grokedu.measures.arrays import Array

Verdict = Literal["holds", "holds in a window", "undecided", "fails"]


@dataclass(frozen=True)
class Outcome:
    """A claim, tried.

    Attributes:
        verdict: "holds", "holds in a window", "undecided" or "fails".
        says: one sentence with the main numbers.
        published: what the source reports, and where.
        numbers: everything measured, plain data for the results file.
        seeds: those used.
        draw: makes the figure, where there is one.
    """

    verdict: Verdict
    says: str
    published: str
    numbers: dict[str, Any]
    seeds: Sequence[int]
    draw: Callable[[], Described] | None = None


def provenance(command: str, seeds: Sequence[int]) -> dict[str, Any]:
    """Command, seeds and versions, as a manifest and a results file state them."""
    return {
        "command": command,
        "seeds": [int(seed) for seed in seeds],
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": np.__version__,
            "platform": sys.platform,
        },
    }


def said(found: dict[str, float], form: str = ".0f") -> str:
    """A bootstrap's value with its interval, as prose quotes it.

    >>> said({"value": 2.0, "low": 1.0, "high": 3.0, "runs": 5})
    '2 [1, 3]'
    >>> said({"value": -0.9, "low": float("-inf"), "high": -0.8}, ".2f")
    '-0.90 [-inf, -0.80]'
    """
    return f"{found['value']:{form}} [{found['low']:{form}}, {found['high']:{form}}]"


def over_seeds(values: Sequence[float] | Array, form: str = ".2f") -> str:
    """The median over seeds with the lowest and the highest, as lessons print it.

    With a handful of seeds that says all there is; an interval would be a guess.

    >>> over_seeds([3.0, 1.0, 2.0]), over_seeds([])
    ('2.00 (1.00 to 3.00)', 'none')
    """
    numbers = np.asarray(values, dtype=float)
    if not numbers.size:
        return "none"
    return f"{np.median(numbers):{form}} ({numbers.min():{form}} to {numbers.max():{form}})"
