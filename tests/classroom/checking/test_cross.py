"""Crossing within one process gives what a pipe would, and refuses what a pipe would refuse."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import torch

from grokedu.classroom.checking.compare import difference
from grokedu.classroom.checking.wire import MAX_HEADER, WireError, cross, decode, encode


class Text(str):
    """A string that lies about its length."""

    def __len__(self) -> int:
        return 0


class Own(torch.Tensor):
    """A tensor that is not one of torch's own."""


def deep(levels: int) -> list[Any]:
    return [deep(levels - 1)] if levels else []


VALUES: list[Any] = [
    {"x": (1, 2.5, None), 3: [True, "é\ud800"]},
    [float("nan"), float("-inf"), 1e300, 2**4000, -1, 1 + 2j, Fraction(1, 3)],
    torch.arange(6.0).view(2, 3).t(),
    torch.ones(2, requires_grad=True),
    torch.nn.Parameter(torch.zeros(1)),
    torch.tensor([1 + 2j]).conj(),
    torch.zeros(0, 3, dtype=torch.int32),
    torch.zeros(2).as_subclass(Own),
    np.arange(3)[::-1],
    np.float32(2.0),
    torch.Generator().manual_seed(7),
    Text("abc"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_what_crosses_is_what_would_arrive(value: Any):
    here, there = cross(value), decode(encode(value))
    assert type(here) is type(there)
    assert difference(here, there, 0) == ""
    if isinstance(value, torch.Tensor):
        assert (here.dtype, here.requires_grad) == (there.dtype, there.requires_grad)
        assert here.data_ptr() != value.data_ptr() or value.numel() == 0


def test_a_copy_is_what_crosses():
    value = {"x": [torch.zeros(2)], "y": np.zeros(2)}
    crossed = cross(value)
    crossed["x"][0] += 1.0
    crossed["y"] += 1.0
    assert value["x"][0].sum() == value["y"].sum() == 0.0


@pytest.mark.parametrize(
    "value",
    [
        object(),
        len,
        {1, 2},
        deep(40),
        "x" * (MAX_HEADER + 1),
        "é" * (MAX_HEADER // 4),
        torch.zeros(2, device="meta"),
        2**5000,
        {np.float64(1.0): 2},
    ],
)
def test_what_a_pipe_refuses_does_not_cross(value: Any):
    with pytest.raises(WireError):
        decode(encode(value))
    with pytest.raises(WireError):
        cross(value)
