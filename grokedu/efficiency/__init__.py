"""Circuit efficiency: which of two solutions a weight decay prefers, and at how much data."""

from grokedu.efficiency.circuits import Path, TwoCircuits, two_circuit_loss
from grokedu.efficiency.norms import (
    logit_scale,
    logit_scale_per_norm,
    loss_per_parameter,
    norm_at_fixed_logit,
    norm_at_fixed_loss,
    norm_on_the_way,
    participation_ratio,
    trigonometric_share,
)

__all__ = [
    "Path",
    "TwoCircuits",
    "logit_scale",
    "logit_scale_per_norm",
    "loss_per_parameter",
    "norm_at_fixed_logit",
    "norm_at_fixed_loss",
    "norm_on_the_way",
    "participation_ratio",
    "trigonometric_share",
    "two_circuit_loss",
]
