"""Training: one step in plain torch, and one loop for one run or many."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from grokedu.measures import cross_entropy
from grokedu.models.two_layer import forward


def train_step(
    params: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    pairs: Tensor,
    labels: Tensor,
) -> float:
    """One step of full-batch training of the two-layer network.

    The four moves of every training loop: forget the old gradients, compute the loss of these
    examples (the :func:`cross_entropy` of :func:`forward`), differentiate it, let the optimizer
    move the weights.

    Args:
        params: "A", "B" and "W" of :func:`forward`, which require gradients.
        optimizer: any torch optimizer over these three tensors; the weights change in place.
        pairs: int64 of shape (n, 2), the examples to train on.
        labels: int64 of shape (n,).

    Returns:
        The loss *before* the step, as a Python float.

    Source: full-batch training as in Power et al. 2022, arXiv 2201.02177.

    >>> params = {"A": torch.ones(2, 1), "B": torch.ones(2, 1), "W": torch.zeros(1, 2)}
    >>> params = {name: tensor.requires_grad_() for name, tensor in params.items()}
    >>> optimizer = torch.optim.SGD(params.values(), lr=1.0)
    >>> losses = [train_step(params, optimizer, torch.tensor([[0, 1]]), torch.tensor([0]))
    ...           for _ in range(2)]
    >>> [round(loss, 4) for loss in losses]  # log 2 for flat logits, then less
    [0.6931, 0.0]
    """
    optimizer.zero_grad()
    loss = cross_entropy(forward(params, pairs), labels)
    loss.backward()
    optimizer.step()
    return loss.item()
