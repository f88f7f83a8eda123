"""How much each chain may spend."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Budget:
    """How much each chain may do: so many gradients, seconds, or until an error is reached.

    With ``target_error`` the other two are the most that is spent on it.

    >>> Budget(gradients=1000).spent(250)
    0.25
    """

    gradients: int | None = None
    seconds: float | None = None
    target_error: float | None = None
    begun: float = field(default_factory=time.perf_counter, repr=False)

    def __post_init__(self) -> None:
        given = {"gradients": self.gradients, "seconds": self.seconds}
        for name, value in {**given, "target_error": self.target_error}.items():
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"{name} is {value}; wanted a number above 0")
        if self.gradients is None and self.seconds is None:
            raise ValueError("neither gradients nor seconds were given; wanted at least one")

    def spent(self, gradients: int) -> float:
        """The share that is gone after so many gradients of each chain."""
        shares = [0.0]
        if self.gradients is not None:
            shares.append(gradients / self.gradients)
        if self.seconds is not None:
            shares.append((time.perf_counter() - self.begun) / self.seconds)
        return max(shares)
