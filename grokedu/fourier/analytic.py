"""Networks that add modulo p by construction, and squares and products from activations.

The networks are weights for :class:`grokedu.models.TwoLayer` with the square as its activation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor

from grokedu.fourier.basis import frequency_mask, require_odd_prime


def clock_logits(p: int, frequencies: Iterable[int]) -> Tensor:
    """The logits of a clock, ``sum_k cos w_k (a+b-c)``: float64 (p*p, p) over all pairs.

    Raises:
        ValueError: if p is not an odd prime, or a frequency is not one of 1 .. (p-1)/2.

    Source: Nanda et al. 2023, arXiv 2301.05217; Zhong et al. 2023, arXiv 2306.17844.

    >>> clock_logits(3, [1])[1 * 3 + 1].round(decimals=6).tolist()  # 1 + 1 = 2
    [-0.5, -0.5, 1.0]
    """
    a, b, c = _residues(p)
    angles = [2 * math.pi / p * (k * (a + b - c) % p).double() for k in _checked(p, frequencies)]
    return sum((angle.cos() for angle in angles), torch.zeros(p, p, p).double()).flatten(0, 1)


def pizza_logits(p: int, frequencies: Iterable[int]) -> Tensor:
    """The logits of a pizza, ``sum_k |cos(w_k (a-b)/2)| cos w_k (a+b-c)``: float64 (p*p, p).

    Raises:
        ValueError: as :func:`clock_logits`.

    Source: Zhong et al. 2023, arXiv 2306.17844.

    >>> pizza_logits(3, [1])[1 * 3 + 1].round(decimals=6).tolist()  # at a = b it is the clock
    [-0.5, -0.5, 1.0]
    >>> pizza_logits(3, [1])[0 * 3 + 1].round(decimals=6).tolist()  # else weaker: cos(pi/3) = 1/2
    [-0.25, 0.5, -0.25]
    """
    a, b, _ = _residues(p)
    total = torch.zeros(p, p, p).double()
    for k in _checked(p, frequencies):
        dimmed = (math.pi / p * (k * (a - b) % (2 * p)).double()).cos().abs()
        total += dimmed * clock_logits(p, [k]).unflatten(0, (p, p))
    return total.flatten(0, 1)


def random_phase_network(
    p: int, width: int, generator: torch.Generator, dtype: torch.dtype = torch.float64
) -> dict[str, Tensor]:
    """Gromov's network with random phases: it adds the better the wider it is.

    Neuron j has frequency k = 1 + j mod (p-1)/2 and phases u, v uniform on the circle::

        A[a, j] = cos(w_k a + u)   B[b, j] = cos(w_k b + v)   W[j, c] = cos(w_k c + u + v)

    Args:
        p: the modulus, an odd prime.
        width: the number of neurons.
        generator: draws the phases.
        dtype: of the weights.

    Returns:
        {"A": (p, width), "B": (p, width), "W": (width, p)}.

    Raises:
        ValueError: if p is not an odd prime or the width not positive.

    Source: Gromov 2023, arXiv 2301.02679.

    >>> from grokedu.measures import accuracy
    >>> from grokedu.models.two_layer import forward
    >>> from grokedu.tasks import modular_addition
    >>> pairs, labels = modular_addition(11)
    >>> wide = random_phase_network(11, 2000, torch.Generator().manual_seed(0))
    >>> accuracy(forward(wide, pairs), labels).item()
    1.0
    """
    require_odd_prime(p)
    if width < 1:
        raise ValueError(f"width is {width}; wanted at least 1, for example 200")
    frequencies = 1 + torch.arange(width) % ((p - 1) // 2)
    phases = 2 * math.pi * torch.rand(2, width, generator=generator, dtype=torch.float64)
    return _network(p, frequencies, phases[0], phases[1], dtype)


def exact_network(
    p: int, frequencies: Iterable[int] | None = None, dtype: torch.dtype = torch.float64
) -> dict[str, Tensor]:
    """Gromov's network with six neurons a frequency, whose phases cancel all but the sum.

    Phases u = 2 pi j / 6 and v = 8 pi j / 6 for j = 0 .. 5. Its logits are exactly
    ``3 sum_k cos w_k (a+b-c)``: with all (p-1)/2 frequencies 3(p-1)/2 at the right answer and -3/2
    elsewhere; with one, a margin of 3 (1 - cos(2 pi / p)).

    Args:
        p: the modulus, an odd prime.
        frequencies: each from 1 to (p-1)/2; all of them by default.
        dtype: of the weights.

    Returns:
        {"A": (p, N), "B": (p, N), "W": (N, p)}, with N six times the number of frequencies.

    Raises:
        ValueError: if p is not an odd prime, or for frequencies that are not there.

    Source: Gromov 2023, arXiv 2301.02679, with these phases in place of random ones.

    >>> from grokedu.models.two_layer import forward
    >>> forward(exact_network(5), torch.tensor([[1, 2]])).round(decimals=6).tolist()
    [[-1.5, -1.5, -1.5, 6.0, -1.5]]
    """
    chosen = torch.tensor(
        _checked(p, range(1, (p + 1) // 2) if frequencies is None else frequencies)
    )
    turns = torch.arange(6, dtype=torch.float64).repeat(len(chosen)) * (2 * math.pi / 6)
    return _network(p, chosen.repeat_interleave(6), turns, 4 * turns, dtype)


def square_from_gelu(x: Tensor, scale: float = 0.1) -> Tensor:
    """The square of x from two GELU neurons, small inputs being the better.

    With z = scale * x, ``GELU(z) + GELU(-z) = z erf(z / sqrt 2)``, which is sqrt(2/pi) z^2 up to
    order z^4. So ``sqrt(pi/2) / scale^2`` times it is x^2, from below and to a relative error of at
    most ``z^2 / 6``. Rounding adds about the dtype's epsilon over z.

    Raises:
        ValueError: if scale is not positive.

    >>> square_from_gelu(torch.tensor(3.0).double(), scale=0.01).round(decimals=3)
    tensor(8.9990, dtype=torch.float64)
    """
    if not scale > 0:
        raise ValueError(f"scale is {scale}; it must be positive, for example 0.1")
    return (F.gelu(scale * x) + F.gelu(-scale * x)) * (math.sqrt(math.pi / 2) / scale**2)


def square_from_relu(x: Tensor, pieces: int, limit: float) -> Tensor:
    """The square of x on [-limit, limit] from ReLU neurons: straight pieces between points of x^2.

    With h = limit / pieces and knots t_i = i h on each side, x^2 is interpolated by ::

        h relu(|x|) + sum_{i=1}^{pieces-1} 2 h relu(|x| - t_i)

    where ``relu(|x| - t)`` is ``relu(x - t) + relu(-x - t)``. It lies above x^2 by at most h^2/4.

    Args:
        x: within the limit; beyond it the last piece goes straight on.
        pieces: straight pieces on each side of 0; 2 * pieces neurons.
        limit: the largest size of x.

    Raises:
        ValueError: if pieces or limit is not positive.

    >>> square_from_relu(torch.tensor([-2.0, 0.5, 1.0]), pieces=2, limit=2.0)
    tensor([4.0000, 0.5000, 1.0000])
    """
    if pieces < 1 or not limit > 0:
        raise ValueError(f"pieces={pieces}, limit={limit}; both must be positive, such as 8, 1.0")
    step = limit / pieces
    total = step * (F.relu(x) + F.relu(-x))
    for knot in range(1, pieces):
        total = total + 2 * step * (F.relu(x - knot * step) + F.relu(-x - knot * step))
    return total


def product(x: Tensor, y: Tensor, square: Callable[[Tensor], Tensor] = torch.square) -> Tensor:
    """The product from squares, ``((x+y)^2 - (x-y)^2) / 4``, by whatever computes squares.

    >>> product(torch.tensor(3.0), torch.tensor(5.0)).item()
    15.0
    """
    return (square(x + y) - square(x - y)) / 4


def _network(
    p: int, frequencies: Tensor, u: Tensor, v: Tensor, dtype: torch.dtype
) -> dict[str, Tensor]:
    angles = 2 * math.pi / p * (torch.arange(p)[:, None] * frequencies % p).double()
    weights = {"A": (angles + u).cos(), "B": (angles + v).cos(), "W": (angles + u + v).cos().T}
    return {name: tensor.to(dtype).contiguous() for name, tensor in weights.items()}


def _checked(p: int, frequencies: Iterable[int]) -> list[int]:
    chosen = [*frequencies]
    if not frequency_mask(p, chosen).any():
        raise ValueError(f"no frequencies were given; wanted some of 1 to {(p - 1) // 2}")
    return chosen


def _residues(p: int) -> tuple[Tensor, Tensor, Tensor]:
    residues = torch.arange(p)
    return residues[:, None, None], residues[:, None], residues
