"""The local learning coefficient: exact values, what an estimate at a finite n tends to, estimates.

>>> import torch
>>> net = torch.nn.Linear(3, 1, bias=False)
>>> _ = torch.nn.init.zeros_(net.weight)
>>> x, y = torch.eye(3).repeat(400, 1), torch.zeros(1200, 1)
>>> found = estimate_llc(net, x, y, torch.nn.functional.mse_loss, progress=False)
>>> abs(found.value - regular_llc(3).value) < 0.1
True
"""

from grokedu.llc.along import llc_along, llc_grid
from grokedu.llc.batch import estimate_at
from grokedu.llc.estimate import estimate_llc
from grokedu.llc.exact import (
    LearningCoefficient,
    deep_linear_llc,
    normal_crossing_llc,
    reduced_rank_llc,
    regular_llc,
)
from grokedu.llc.findings import Finding
from grokedu.llc.free_energy import (
    free_energy_expansion,
    gaussian_free_energy,
    gaussian_prior_term,
    volume_exponent,
    weight_decay_term,
)
from grokedu.llc.normal_crossing import (
    leading_correction,
    normal_crossing_expansion,
    normal_crossing_free_energy,
    normal_crossing_target,
    normal_crossing_volume,
)
from grokedu.llc.problem import inverse_temperature
from grokedu.llc.quadratic import localised_quadratic_llc, sgld_quadratic_llc, step_size_bias
from grokedu.llc.quadrature import free_energy, quadrature_llc
from grokedu.llc.result import LLCEstimate, two_temperature_llc

__all__ = [
    "Finding",
    "LLCEstimate",
    "LearningCoefficient",
    "deep_linear_llc",
    "estimate_at",
    "estimate_llc",
    "free_energy",
    "free_energy_expansion",
    "gaussian_free_energy",
    "gaussian_prior_term",
    "inverse_temperature",
    "leading_correction",
    "llc_along",
    "llc_grid",
    "localised_quadratic_llc",
    "normal_crossing_expansion",
    "normal_crossing_free_energy",
    "normal_crossing_llc",
    "normal_crossing_target",
    "normal_crossing_volume",
    "quadrature_llc",
    "reduced_rank_llc",
    "regular_llc",
    "sgld_quadratic_llc",
    "step_size_bias",
    "two_temperature_llc",
    "volume_exponent",
    "weight_decay_term",
]
