"""L2 norms of one network's weights: of each tensor and of all together.

They can be differentiated; a caller who keeps a norm without its graph detaches it. ``torch.vmap``
lifts them to many networks, whose tensors have a leading axis: ``torch.vmap(l2_norm)(params)``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from grokedu.models.parameters import Params


def weight_norm(weights: Tensor) -> Tensor:
    """The L2 norm of a tensor of weights: the square root of the sum of their squares.

    Args:
        weights: float, of any shape.

    Returns:
        A scalar tensor.

    >>> weight_norm(torch.tensor([3.0, -4.0])).item()  # 9 + 16 = 25
    5.0
    """
    return torch.linalg.vector_norm(weights)


def tensor_norms(params: Params | nn.Module) -> dict[str, Tensor]:
    """The L2 norm of each parameter tensor, a scalar tensor by name.

    Args:
        params: a dictionary of tensors, or a module, whose named parameters are taken.

    Raises:
        ValueError: where there are no weights, or they lie on different devices.

    >>> {k: v.item() for k, v in tensor_norms({"A": torch.ones(2, 2), "W": torch.ones(1)}).items()}
    {'A': 2.0, 'W': 1.0}
    """
    return {name: weight_norm(tensor) for name, tensor in named(params).items()}


def l2_norm(params: Params | nn.Module) -> Tensor:
    """The L2 norm of all weights together: the square root of the sum of all squares.

    Arguments and errors as in :func:`tensor_norms`; the result is a scalar tensor.

    >>> l2_norm({"A": torch.tensor([3.0]), "W": torch.tensor([[4.0]])}).item()
    5.0
    >>> torch.vmap(l2_norm)({"A": torch.ones(3, 4)}).tolist()  # three networks of four weights
    [2.0, 2.0, 2.0]
    """
    return weight_norm(torch.stack(list(tensor_norms(params).values())))


def named(params: Params | nn.Module) -> Params:
    """The tensors of a module or a dictionary by name, checked.

    Raises:
        ValueError: where there is none, or they lie on different devices.

    >>> [*named(nn.Linear(2, 3))]
    ['weight', 'bias']
    """
    tensors = dict(params.named_parameters()) if isinstance(params, nn.Module) else params
    if not tensors:
        raise ValueError("no parameters were given; wanted a dictionary such as {'W': tensor}")
    places = {name: str(tensor.device) for name, tensor in tensors.items()}
    if len({*places.values()}) > 1:
        raise ValueError(f"the weights lie on different devices, {places}; wanted one")
    return tensors
