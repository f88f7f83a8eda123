"""The local learning coefficient: exact values, and what an estimate at a finite n tends to."""

from grokedu.llc.exact import (
    LearningCoefficient,
    deep_linear_llc,
    normal_crossing_llc,
    reduced_rank_llc,
    regular_llc,
)
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
from grokedu.llc.quadratic import localised_quadratic_llc, sgld_quadratic_llc, step_size_bias
from grokedu.llc.quadrature import free_energy, quadrature_llc

__all__ = [
    "LearningCoefficient",
    "deep_linear_llc",
    "free_energy",
    "free_energy_expansion",
    "gaussian_free_energy",
    "gaussian_prior_term",
    "leading_correction",
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
    "volume_exponent",
    "weight_decay_term",
]
