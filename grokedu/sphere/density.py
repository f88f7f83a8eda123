"""How many of the networks that fit the train data generalise, with no optimizer involved.

Guess and check (Chiang et al. 2023, "Loss landscapes are all you need", ICLR 2023): draw points
uniformly from a sphere, keep those that fit, and see who generalises. About ten binary train
examples are the most that random points fit; a random point of a larger task never does.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from grokedu.sphere.constraint import Sphere


def random_on_sphere(
    shapes: Mapping[str, tuple[int, ...]],
    radius: float,
    count: int,
    generator: torch.Generator,
    dtype: torch.dtype = torch.float32,
) -> dict[str, Tensor]:
    """Weights of many networks drawn uniformly from the sphere of this radius.

    Args:
        shapes: name to shape, of one network.
        radius: the norm of all weights of a network together.
        count: how many networks.
        generator: the source of the randomness.
        dtype: of the weights.

    Returns:
        Tensors of shape (count, *shape), on the generator's device: normal numbers, divided by
        their norm.

    Raises:
        ValueError: for a radius that is not positive.

    >>> from grokedu.measures import l2_norm
    >>> points = random_on_sphere({"A": (2, 3), "b": (3,)}, 5.0, 4, torch.Generator())
    >>> points["A"].shape, [round(norm, 4) for norm in torch.vmap(l2_norm)(points).tolist()]
    (torch.Size([4, 2, 3]), [5.0, 5.0, 5.0, 5.0])
    """
    drawn = {
        name: torch.randn(count, *shape, generator=generator, dtype=dtype, device=generator.device)
        for name, shape in shapes.items()
    }
    sphere = Sphere(radius)
    return sphere.step(drawn, sphere.init(drawn))


def generalising_share(
    train_logits: Tensor,
    train_labels: Tensor,
    test_logits: Tensor,
    test_labels: Tensor,
    threshold: float,
) -> tuple[int, float]:
    """Of the networks that fit all train examples, the share that generalises.

    Args:
        train_logits: (S, n, classes) of S networks on the train examples.
        train_labels: int64 (n,).
        test_logits: (S, m, classes) of the same networks on the test examples.
        test_labels: int64 (m,).
        threshold: the test accuracy from which on a network generalises.

    Returns:
        How many networks have every train example right, and the share of *these* whose test
        accuracy is at least the threshold; nan where no network fits.

    >>> right, wrong = [2.0, 0.0], [0.0, 2.0]  # two classes, the label is 0 everywhere
    >>> train = torch.tensor([[right], [right], [wrong]])  # three networks, one train example
    >>> test = torch.tensor([[right, right], [right, wrong], [right, right]])
    >>> generalising_share(train, torch.tensor([0]), test, torch.tensor([0, 0]), threshold=0.9)
    (2, 0.5)
    """
    fits = (train_logits.argmax(-1) == train_labels).all(dim=-1)
    accuracy = (test_logits.argmax(-1) == test_labels).double().mean(dim=-1)
    share = (accuracy[fits] >= threshold).double().mean()  # nan where nothing fits
    return int(fits.sum()), share.item()
