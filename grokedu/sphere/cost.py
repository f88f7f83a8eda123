"""What a large norm costs, and how much of the cost a remedy takes away."""

from __future__ import annotations

import torch
from torch import Tensor


def share_explained(one: Tensor, large: Tensor, remedied: Tensor) -> Tensor:
    """The share of what a large norm costs that a remedy takes away, seed by seed.

    The cost is what a measure (a loss, an error) is larger by at the large norm than at α = 1. The
    share is 1 where the remedy brings it back to that of α = 1, 0 where it does nothing, negative
    where it makes things worse.

    Args:
        one: (S,) the measure at α = 1.
        large: (S,) at the large α.
        remedied: (S,) at the large α, with the remedy; the same seeds in the same order.

    Returns:
        (S,), nan where there is no cost that could be taken away.

    >>> one, large = torch.tensor([1.0, 2.0]), torch.tensor([5.0, 2.0])
    >>> share_explained(one, large, torch.tensor([2.0, 1.0]))
    tensor([0.7500,    nan])
    """
    return torch.where(large > one, (large - remedied) / (large - one), torch.nan)
