"""A larger radius delays generalising: through the scale of the logits, or the angle of a step?

In a homogeneous network of degree 3, training at radius r is training the direction with logits
times r^3, and a step of Adam turns the direction by an angle in proportion to the rate over r. So
radius 25 with logits times 8 and half the rate is radius 50, and each of the two can be changed
alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from grokedu.claims.modular_sphere import Setting, measure, waited
from grokedu.claims.outcome import Verdict
from grokedu.figures import Arm
from grokedu.measures.statistics import bootstrap
from grokedu.models.parameters import Params
from grokedu.models.two_layer import TwoLayer

__all__ = ["LONGER", "Sharpened", "judge", "measure", "settings"]

LONGER = 1.25  # times as long a delay counts as longer


@dataclass(frozen=True)
class Sharpened:
    """The two-layer network with its logits multiplied by a factor."""

    model: TwoLayer
    factor: float

    @property
    def p(self) -> int:
        """The modulus."""
        return self.model.p

    def init(self, *args: Any, **kwargs: Any) -> dict[str, Tensor]:
        """The weights of the model."""
        return self.model.init(*args, **kwargs)

    def apply(self, params: Params, inputs: Tensor) -> Tensor:
        """Logits, (S, n, p)."""
        return self.factor * self.model.apply(params, inputs)


def settings(steps: int = 4000) -> dict[str, Setting]:
    """Radius 25 and 50, and what changes from one to the other, one thing at a time.

    >>> [*settings()][:2]
    ['radius 50', 'radius 25, logits × 8, rate / 2']
    """
    small = TwoLayer(31, 128)

    def cell(model: Any, lr: float, radius: float) -> Setting:
        return Setting(model, 0.5, "cross_entropy", lr, 0.0, True, steps, 10, radius=radius)

    return {
        "radius 50": cell(small, 0.01, 50.0),
        "radius 25, logits × 8, rate / 2": cell(Sharpened(small, 8.0), 0.005, 25.0),
        "radius 25, logits × 8": cell(Sharpened(small, 8.0), 0.01, 25.0),
        "radius 25, rate / 2": cell(small, 0.005, 25.0),
        "radius 25": cell(small, 0.01, 25.0),
    }


def judge(arms: Mapping[str, Arm]) -> tuple[Verdict, str]:
    """The verdict: the logits' scale alone lengthens the delay, and the angle alone does not.

    Each factor is taken seed by seed, with its interval over seeds; *longer* is an interval above
    1.25. Runs that never fitted leave it undecided.
    """
    delay = {name: waited(arm) for name, arm in arms.items()}
    if any(np.isnan(one).any() for one in delay.values()):
        return "undecided", "some runs never fitted"
    changed = ("radius 25, logits × 8", "radius 25, rate / 2")
    factors = [bootstrap(delay[name] / delay["radius 25"]) for name in changed]
    scale, angle = (
        f"{one['value']:.1f} times [{one['low']:.1f}, {one['high']:.1f}]" for one in factors
    )
    longer = [one["low"] > LONGER for one in factors]
    verdict: Verdict = (
        "holds" if longer == [True, False] else "holds in a window" if longer[0] else "fails"
    )
    return verdict, (
        f"from radius 25 to 50 the logits' scale makes the delay {scale} as long, the smaller "
        f"angle {angle}"
    )
