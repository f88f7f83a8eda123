"""What torch loads at its first use, loaded before anybody's time is counted.

It takes seconds, and minutes on a machine that others use too; a limit that ends it halfway leaves
a process in which torch works no more.
"""

from __future__ import annotations

import torch


def load_torch() -> None:
    """Load what training needs; the second time there is nothing left to do."""
    # The first optimizer makes torch import its compiler; a backward pass loads its engine.
    weight = torch.ones(1, requires_grad=True)
    optimizer = torch.optim.SGD([weight], lr=1.0)
    weight.square().sum().backward()
    optimizer.step()
