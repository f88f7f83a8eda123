"""The real Fourier basis modulo p, power by frequency, and the frequencies that matter."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor

from grokedu.tasks import is_prime


def fourier_basis(
    p: int, dtype: torch.dtype = torch.float64, device: torch.device | str = "cpu"
) -> Tensor:
    """The orthonormal real Fourier basis modulo p, (p, p), a function of n = 0 .. p-1 a row.

    With ``w_k = 2 pi k / p`` and k = 1 .. (p-1)/2::

        row 0: 1 / sqrt(p)    row 2k-1: sqrt(2/p) cos(w_k n)    row 2k: sqrt(2/p) sin(w_k n)

    The angles are reduced modulo p in integers and rounded last, so no row loses accuracy.

    Raises:
        ValueError: if p is not an odd prime, or the dtype does not hold fractions. Only modulo a
            prime are all frequencies alike: each tells every two residues apart.

    Source: Nanda et al. 2023, arXiv 2301.05217, whose row of k = (p-1)/2 is here too.

    >>> basis = fourier_basis(5)
    >>> bool(torch.allclose(basis @ basis.T, torch.eye(5, dtype=torch.float64)))
    True
    """
    require_odd_prime(p)
    if not dtype.is_floating_point:
        raise ValueError(f"the dtype is {dtype}; waves need a floating one, such as torch.float64")
    n, k = torch.arange(p), torch.arange(1, (p + 1) // 2)
    angles = (k[:, None] * n % p).double() * (2 * math.pi / p)
    waves = torch.stack([angles.cos(), angles.sin()], dim=1).reshape(p - 1, p)
    basis = torch.cat([torch.full((1, p), p**-0.5), waves * math.sqrt(2 / p)])
    return basis.to(device=device, dtype=dtype)


def frequency_power(table: Tensor) -> Tensor:
    """How much of a table over residues lies in each frequency.

    The sum, over columns and over cosine and sine, of the squared coefficients in
    :func:`fourier_basis`. All frequencies together give the table's squared norm (Parseval).

    Args:
        table: (..., p, n), for example an embedding: a row a residue.

    Returns:
        (..., (p+1)/2), entry k for frequency k.

    Raises:
        ValueError: if p is not an odd prime, there is no column axis, or the entries are integers.

    Source: Nanda et al. 2023, arXiv 2301.05217.

    >>> n = torch.arange(5)
    >>> wave = torch.cos(2 * torch.pi * 2 * n / 5).double()[:, None]
    >>> [round(value, 6) for value in frequency_power(wave).tolist()]  # |cos|^2 = p/2, at k = 2
    [0.0, 0.0, 2.5]
    """
    if table.ndim < 2:
        raise ValueError(f"the table has shape {tuple(table.shape)}; wanted (..., p, n)")
    basis = fourier_basis(table.shape[-2], table.dtype, table.device)
    return fold(torch.einsum("kp,...pn->...kn", basis, table).square().sum(dim=-1))


def sum_means(grid: Tensor, rows: Tensor | None = None) -> Tensor:
    """The mean over the pairs with each sum a + b mod p: (..., p*p, n) to (..., p, n).

    Over all pairs it is the projection on functions of a + b alone, entry s the value at sum s;
    over some, the function of a + b that fits these best.

    Args:
        grid: (..., p*p, n) over all pairs.
        rows: int64 (m,), the pairs to take the means over, such as ``task.test``; all by default.

    Raises:
        ValueError: if the rows are not all pairs modulo an odd prime, or some sum is not among the
            chosen ones.

    >>> from grokedu.tasks import modular_addition
    >>> sum_means(modular_addition(5)[1].double()[:, None]).flatten().tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0]
    """
    p = modulus_of(grid)
    residues = torch.arange(p, device=grid.device)
    if rows is None:
        partner = (residues[:, None] - residues) % p  # [s, a]: the b with a + b = s
        return grid[..., residues * p + partner, :].mean(dim=-2)
    of_row = sums(p, grid.device)[rows]
    counts = of_row.bincount(minlength=p)
    if not counts.all():
        raise ValueError(f"no chosen pair has the sum {counts.argmin().item()}; take more of them")
    totals = grid.new_zeros(*grid.shape[:-2], p, grid.shape[-1])
    totals.index_add_(-2, of_row, grid[..., rows, :])
    return totals / counts.unsqueeze(-1)


def sum_power(logits: Tensor) -> Tensor:
    """The power of the logits in the directions cos and sin of w_k (a+b), by frequency k.

    The squared norm over all p*p inputs and all outputs of the projection on the two; entry 0 is
    that of the mean over inputs. It sees no labels.

    Args:
        logits: (..., p*p, n) over all pairs; any activations will do.

    Returns:
        (..., (p+1)/2).

    Raises:
        ValueError: if the rows are not all pairs modulo an odd prime.

    Source: Nanda et al. 2023, arXiv 2301.05217.

    >>> from grokedu.fourier import clock_logits
    >>> [round(value, 6) for value in sum_power(clock_logits(5, [2])).tolist()]  # p^3 / 2
    [0.0, 0.0, 62.5]
    """
    return modulus_of(logits) * frequency_power(sum_means(logits))


def explained_by_sum(logits: Tensor) -> Tensor:
    """The share of the logits' variance over inputs in the directions of w_k (a+b), by frequency.

    Shapes and errors as in :func:`sum_power`; entry 0 is 0. The rest to 1 is what depends on
    a and b in any other way.

    Raises:
        ValueError: also if logits do not depend on the input but for rounding, where there is no
            such share.

    >>> from grokedu.fourier import clock_logits
    >>> [round(value, 6) for value in explained_by_sum(clock_logits(5, [1, 2])).tolist()]
    [0.0, 0.5, 0.5]
    """
    power = sum_power(logits)
    power[..., 0] = 0
    total = (logits - logits.mean(dim=-2, keepdim=True)).square().sum(dim=(-2, -1))
    if (total <= rounding(logits, dim=(-2, -1))).any():
        raise ValueError("logits are the same for every input; no share of no variance is defined")
    return power / total.unsqueeze(-1)


def key_frequencies(power: Tensor, share: float = 0.99) -> Tensor:
    """The fewest frequencies that together hold a share of the power, the constant left out.

    Args:
        power: (..., (p+1)/2) as :func:`sum_power` and :func:`frequency_power` give it.
        share: above 0 and at most 1. At 0.95 a frequency that the network needs may be lost.

    Returns:
        bool of the same shape, at least one True in each row and never the constant.

    Raises:
        ValueError: for another share, and for a power that is negative, nan or nowhere positive.

    >>> key_frequencies(torch.tensor([100.0, 1.0, 60.0, 39.0, 0.0]), share=0.9).nonzero().flatten()
    tensor([2, 3])
    """
    if not 0 < share <= 1:
        raise ValueError(f"share is {share}; wanted above 0 and at most 1, for example 0.99")
    rest = power[..., 1:].double()
    if not (rest >= 0).all() or not (rest.sum(dim=-1) > 0).all():
        raise ValueError("power must be non-negative, and positive at some frequency but the 0th")
    ordered, order = rest.sort(dim=-1, descending=True)
    before = ordered.cumsum(dim=-1) - ordered
    # Zero power is never needed, though rounding may leave the sum a little below the whole.
    needed = (before < share * rest.sum(dim=-1, keepdim=True)) & (ordered > 0)
    keys = torch.zeros_like(power, dtype=torch.bool)
    return keys.scatter_(-1, order + 1, needed)


def frequency_mask(p: int, frequencies: Iterable[int]) -> Tensor:
    """Frequencies as the mask that :func:`key_frequencies` gives, ((p+1)/2,).

    Raises:
        ValueError: if p is not an odd prime, or a frequency is not one of 1 .. (p-1)/2.

    >>> frequency_mask(7, [1, 3])
    tensor([False,  True, False,  True])
    """
    require_odd_prime(p)
    mask = torch.zeros((p + 1) // 2, dtype=torch.bool)
    for k in frequencies:
        if not 1 <= k <= (p - 1) // 2:
            raise ValueError(f"frequency {k} modulo {p}; wanted 1 to {(p - 1) // 2}")
        mask[k] = True
    return mask


def fold(rows: Tensor) -> Tensor:
    """Add up cosine and sine: (..., p) over rows of the basis to (..., (p+1)/2) over frequencies.

    >>> fold(torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0]))
    tensor([1., 5., 9.])
    """
    return torch.cat([rows[..., :1], rows[..., 1:].unflatten(-1, (-1, 2)).sum(dim=-1)], dim=-1)


def sums(p: int, device: torch.device | str = "cpu") -> Tensor:
    """The sum a + b mod p of every pair, int64 (p*p,).

    >>> sums(3).tolist()
    [0, 1, 2, 1, 2, 0, 2, 0, 1]
    """
    residues = torch.arange(p, device=device)
    return ((residues[:, None] + residues) % p).flatten()


def rounding(grid: Tensor, dim: int | tuple[int, ...]) -> Tensor:
    """What rounding may leave of a variance of 0 over p*p pairs, summed over the axes ``dim``.

    The mean of p*p equal numbers is that number but for rounding.
    """
    size = 4 * torch.finfo(grid.dtype).eps * grid.shape[-2] ** 0.5
    return size**2 * grid.square().sum(dim=dim)


def modulus_of(grid: Tensor) -> int:
    """The modulus p of (..., p*p, n), a row a pair.

    Raises:
        ValueError: if the number of rows is not the square of an odd prime.
    """
    rows = grid.shape[-2] if grid.ndim > 1 else 0
    p = math.isqrt(rows)
    if p * p != rows or not rows:
        raise ValueError(
            f"got {tuple(grid.shape)}; wanted (..., p*p, n), a row for each pair in the order of "
            "modular_addition, for example (961, 31) for p = 31"
        )
    require_odd_prime(p)
    return p


def require_odd_prime(p: int) -> None:
    """Raise ValueError if p is not an odd prime."""
    if p == 2 or not is_prime(p):
        raise ValueError(f"p is {p}; frequencies modulo p need an odd prime, for example 31")
