"""What one can measure on a network while it trains: losses, accuracy, norms and the delay.

Whether a measure may look at labels, at test inputs or at the future is part of its definition and
is said with each.
"""

from grokedu.measures.delay import censored_median, first_reach, grokking_delay, grokking_ratio
from grokedu.measures.losses import accuracy, average_log_prob, cross_entropy, mean_squared_error
from grokedu.measures.norms import l2_norm, named, tensor_norms, weight_norm

__all__ = [
    "accuracy",
    "average_log_prob",
    "censored_median",
    "cross_entropy",
    "first_reach",
    "grokking_delay",
    "grokking_ratio",
    "l2_norm",
    "mean_squared_error",
    "named",
    "tensor_norms",
    "weight_norm",
]
