"""Circuit efficiency: which of two solutions a weight decay prefers, and at how much data."""

from grokedu.efficiency.circuits import Path, TwoCircuits, two_circuit_loss
from grokedu.efficiency.norms import (
    logit_scale,
    logit_scale_per_norm,
    norm_at_fixed_logit,
    norm_at_fixed_loss,
)
from grokedu.efficiency.sizes import critical_data_size, crossing, regimes, size_data_map
from grokedu.efficiency.solution import (
    loss_per_parameter,
    participation_ratio,
    trigonometric_share,
)
from grokedu.efficiency.ungrokking import memorisation_only, shrink, ungrok

__all__ = [
    "Path",
    "TwoCircuits",
    "critical_data_size",
    "crossing",
    "logit_scale",
    "logit_scale_per_norm",
    "loss_per_parameter",
    "memorisation_only",
    "norm_at_fixed_logit",
    "norm_at_fixed_loss",
    "participation_ratio",
    "regimes",
    "shrink",
    "size_data_map",
    "trigonometric_share",
    "two_circuit_loss",
    "ungrok",
]
