"""Compare a result with the expected one and say how they differ.

The type is compared first, then shape, dtype and values; the first difference is reported.
Tolerances are rounding-error bounds: with n rounded operations behind a number, two correct
programs may differ by about n·eps·(magnitude), whatever order they work in (Higham, *Accuracy and
Stability of Numerical Algorithms*, section 3.1). They never come from the spread of the results.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from torch import Tensor

# A tolerance above this share of the value could not tell a wrong result from a right one.
COARSEST = 1e-2
_EXACT = (str, Fraction, type(None), torch.Generator)


def difference(got: Any, want: Any, operations: int = 1000, path: str = "the result") -> str:
    """How ``got`` differs from ``want``.

    A number or truth value may be a Python object, a NumPy scalar or a tensor without dimensions. A
    list may replace a tuple and the other way round. Floating-point widths may differ; the coarser
    one sets the tolerance.

    Args:
        got: the result to judge.
        want: the expected result.
        operations: rounded floating-point operations behind one number of the result.
        path: how to call the result in the sentence.

    Returns:
        The first difference, as a sentence; empty if there is none.

    >>> difference(2.0, 2.0)
    ''
    >>> difference(None, 2.0)
    'the result is None: did you forget a `return`?'
    >>> difference(torch.zeros(2, 3), torch.zeros(3, 2))
    'the result has shape (2, 3), wanted shape (3, 2)'
    """
    if got is None and want is not None:
        return f"{path} is None: did you forget a `return`?"
    if isinstance(want, dict):
        return _dicts(got, want, operations, path)
    if isinstance(want, (list, tuple)):
        return _sequences(got, want, operations, path)
    if _is_scalar(want) and _is_scalar(got):
        return _scalars(got, want, operations, path)
    if isinstance(want, Tensor):
        if isinstance(got, Tensor):
            return _tensors(got, want, operations, path)
        return f"{path} is {_with_article(got)}, wanted a tensor of {_shape(want.shape)}"
    if isinstance(want, np.ndarray):
        if isinstance(got, np.ndarray):
            return _tensors(torch.from_numpy(got), torch.from_numpy(want), operations, path)
        return f"{path} is {_with_article(got)}, wanted a NumPy array of shape {want.shape}"
    if isinstance(want, _EXACT) and type(got) is type(want):
        same = isinstance(want, torch.Generator) or got == want
        return "" if same else f"{path} is {describe(got)}, wanted {describe(want)}"
    return f"{path} is {_with_article(got)}, wanted {_with_article(want)}"


def describe(value: Any, limit: int = 160) -> str:
    """A value in a few words: small ones in full, large ones by kind, shape and dtype.

    Args:
        value: anything.
        limit: the most characters to return.

    >>> describe(torch.tensor([1, 2]))
    'tensor([1, 2])'
    >>> describe(torch.zeros(30, 4))
    'a tensor of shape (30, 4), float32'
    """
    if isinstance(value, Tensor) and value.numel() > 12:
        return f"a tensor of shape {tuple(value.shape)}, {str(value.dtype)[6:]}"
    if isinstance(value, np.ndarray) and value.size > 12:
        return f"an array of shape {value.shape}, {value.dtype}"
    if isinstance(value, (Tensor, np.ndarray)):
        entries = describe(value.tolist(), limit)
        name = "tensor" if isinstance(value, Tensor) else "array"
        return entries if value.ndim == 0 else f"{name}({entries})"
    if isinstance(value, torch.Generator):
        return f"torch.Generator().manual_seed({value.initial_seed()})"
    if isinstance(value, float):
        text = f"{value:.6g}"
        return text if set(text) - set("-0123456789") else text + ".0"
    if isinstance(value, dict):
        text = "{" + ", ".join(f"{k!r}: {describe(v)}" for k, v in value.items()) + "}"
    elif isinstance(value, (list, tuple)):
        left, right = "[]" if isinstance(value, list) else "()"
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        text = left + ", ".join(describe(entry) for entry in value[:20]) + comma + right
    else:
        text = repr(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _with_article(value: Any) -> str:
    """A value's kind with its article, as in "a list"."""
    if isinstance(value, Tensor):
        return f"a tensor of {_shape(value.shape)}"
    if isinstance(value, np.ndarray):
        return f"a NumPy array of {_shape(value.shape)}"
    if isinstance(value, (bool, int, float)):
        return describe(value)
    if value is None:
        return "None"
    kind = type(value).__name__
    return f"a {kind}" if kind != "str" else "a string"


def _is_scalar(value: Any) -> bool:
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        return value.ndim == 0
    return isinstance(value, (bool, int, float, complex))


def _dicts(got: Any, want: dict[Any, Any], operations: int, path: str) -> str:
    if not isinstance(got, dict):
        return f"{path} is {_with_article(got)}, wanted a dict with keys {list(want)}"
    if set(got) != set(want):
        return f"{path} has keys {describe(list(got))}, wanted {list(want)}"
    for key, entry in want.items():
        if found := difference(got[key], entry, operations, f"{path}[{key!r}]"):
            return found
    return ""


def _sequences(got: Any, want: list[Any] | tuple[Any, ...], operations: int, path: str) -> str:
    if not isinstance(got, (list, tuple)):
        return f"{path} is {_with_article(got)}, wanted {_with_article(want)} of {len(want)}"
    if len(got) != len(want):
        return f"{path} has {len(got)} parts, wanted {len(want)}"
    for index, entry in enumerate(want):
        if found := difference(got[index], entry, operations, f"{path}[{index}]"):
            return found
    return ""


def _scalars(got: Any, want: Any, operations: int, path: str) -> str:
    held = Tensor, np.ndarray, np.generic
    left, right = (x.item() if isinstance(x, held) else x for x in (got, want))
    eps = max(_eps(got), _eps(want))
    if eps > _eps(want) and operations * eps > COARSEST:
        return _too_coarse(got, path)
    if isinstance(left, bool) != isinstance(right, bool):
        return f"{path} is {describe(left)}, wanted {describe(right)}"
    if left == right or (left != left and right != right):
        return ""
    if left != left:
        return f"{path} is nan, wanted {describe(right)}"
    try:
        bound = operations * eps * max(1.0, abs(right))
        close = math.isfinite(bound) and abs(left - right) <= bound
    except OverflowError:  # an integer, or a difference, larger than any float
        close = False
    return "" if close else f"{path} is {_both_values(left, right)}"


def _both_values(got: Any, want: Any) -> str:
    """Both values, with all digits if they look the same when rounded."""
    short = describe(got), describe(want)
    left, right = short if short[0] != short[1] else (repr(got), repr(want))
    return f"{left}, wanted {right}"


def _shape(shape: tuple[int, ...]) -> str:
    return f"shape {tuple(shape)}" + (" (a scalar)" if not shape else "")


def _eps(value: Any) -> float:
    if isinstance(value, Tensor) and (value.is_floating_point() or value.is_complex()):
        return torch.finfo(value.dtype).eps
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "fc":
        return float(np.finfo(value.dtype).eps)
    return 0.0 if isinstance(value, int) else math.ulp(1.0)


def _too_coarse(got: Any, path: str) -> str:
    kind = getattr(got, "dtype", type(got).__name__)
    return f"{path} has dtype {kind}, too coarse to be compared: use float32 or float64"


def _kind(tensor: Tensor) -> str:
    if tensor.dtype == torch.bool:
        return "boolean"
    if tensor.is_complex():
        return "complex"
    return "floating-point" if tensor.is_floating_point() else "integer"


def _tensors(got: Tensor, want: Tensor, operations: int, path: str) -> str:
    if got.shape != want.shape:
        return f"{path} has {_shape(got.shape)}, wanted {_shape(want.shape)}"
    if _kind(got) != _kind(want):
        wanted = f"{'an' if _kind(want) == 'integer' else 'a'} {_kind(want)} one"
        return f"{path} has dtype {got.dtype} ({_kind(got)}), wanted {wanted}"
    left, right = got.detach(), want.detach()
    if _kind(want) in ("boolean", "integer"):
        wrong = left.to(torch.int64) != right.to(torch.int64)
    else:
        wide = torch.complex128 if want.is_complex() else torch.float64
        eps = max(torch.finfo(got.dtype).eps, torch.finfo(want.dtype).eps)
        if eps > torch.finfo(want.dtype).eps and operations * eps > COARSEST:
            return _too_coarse(got, path)
        left, right = left.to(wide), right.to(wide)
        finite = right[torch.isfinite(right)].abs()
        largest = max(1.0, finite.max().item() if finite.numel() else 0.0)
        close = (left - right).abs() <= operations * eps * largest
        wrong = ~(close | (left == right) | (torch.isnan(left) & torch.isnan(right)))
    if not bool(wrong.any()):
        return ""
    where = tuple(int(i) for i in wrong.nonzero()[0])
    index = "".join(f"[{i}]" for i in where)
    share = "" if wrong.numel() == 1 else f" ({int(wrong.sum())} of {wrong.numel()} entries differ)"
    return f"{path}{index} is {_both_values(got[where].item(), want[where].item())}{share}"
