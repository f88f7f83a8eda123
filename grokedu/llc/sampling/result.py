"""An estimate of the local learning coefficient, with everything that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from grokedu.llc.sampling.findings import Finding
from grokedu.llc.sampling.problem import inverse_temperature


@dataclass(frozen=True)
class LLC:
    """An estimate of the local learning coefficient at w*, with the warnings that belong to it.

    ``str`` puts it into words.

    Attributes:
        value: nbeta * (E[L] - L(w*)); nan if a chain diverged.
        standard_error: of the value, from the Monte Carlo error alone.
        gamma, nbeta, n, weight_decay: the settings that the value depends on; quote them with it.
        loss_at_center: L(w*), the weight decay term included.
        trace: (T, C), nbeta * (L - L(w*)) at each draw of each chain after the burn-in.
        distance: (T, C), |w - w*|.
        acceptance: the mean, nan for a sampler without a correction.
        rhat, effective_draws: of the trace.
        gradients: how many each chain took in all.
        settings: of the sampler, by name.
        warnings: what may be wrong with the value, each with what to do about it.
    """

    value: float
    standard_error: float
    gamma: float
    nbeta: float
    n: float
    weight_decay: float
    loss_at_center: float
    trace: Tensor
    distance: Tensor
    acceptance: float
    rhat: float
    effective_draws: float
    gradients: int
    settings: Mapping[str, Any]
    warnings: tuple[Finding, ...]

    @property
    def wbic(self) -> float:
        """The WBIC, the mean of n L over the draws.

        Raises:
            ValueError: if nbeta is not n / log(n), where it is defined.
        """
        wanted = inverse_temperature(self.n)
        if abs(self.nbeta / wanted - 1) > 1e-6:
            raise ValueError(
                f"nbeta is {self.nbeta:g}; the WBIC of n={self.n:g} is taken at n / log(n), "
                f"{wanted:g}"
            )
        return self.n * (self.loss_at_center + self.value / self.nbeta)

    def __str__(self) -> str:
        decay = f", weight decay {self.weight_decay:g} inside" if self.weight_decay else ""
        lines = [
            f"LLC(gamma={self.gamma:g}, nbeta={self.nbeta:.6g}) = {self.value:.4g} "
            f"± {self.standard_error:.2g}   (n={self.n:g}{decay})",
            f"{self.settings['sampler']}, {self.trace.shape[1]} chains of {self.gradients} "
            f"gradients, {len(self.trace)} draws each, {self.effective_draws:.0f} effective; "
            f"R-hat {self.rhat:.3f}, acceptance {self.acceptance:.2f}, "
            f"|w - w*| {self.distance.mean().item():.3g}",
        ]
        return "\n".join([*lines, *(f"! {finding}" for finding in self.warnings)])
