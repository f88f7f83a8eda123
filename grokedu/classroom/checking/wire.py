"""The wire format: plain data as bytes, without pickle.

A message is an 8-byte little-endian header length, a JSON header and a safetensors payload. The
header holds the tree of values and refers to tensors and arrays by their name in the payload. Sizes
are checked before anything is allocated, so the worst that a message from a hostile process can do
is to be refused.

Plain data are None, bool, int, float, complex, str, list, tuple, dict, Fraction, CPU tensors (with
dtype and ``requires_grad``), NumPy arrays, and ``torch.Generator`` (as its seed). A NumPy scalar is
decoded as an array without dimensions, and an instance of a subclass as one of the base class.
"""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_payload
from safetensors.torch import save as save_payload
from torch import Tensor

MAX_BYTES = 64 * 2**20
MAX_HEADER = 8 * 2**20
MAX_DEPTH = 32
# Integers can be chosen so that building a dictionary of them takes quadratic time.
MAX_ENTRIES = 10_000
MAX_TENSORS = 4096
_LENGTH = 8
_TENSOR_HEADER = 256  # more than the payload's header takes for a tensor
# What torch can compare and cast; uint16 and wider came with torch 2.3.
_DTYPES = {
    getattr(torch, name, None)
    for name in "bool uint8 uint16 uint32 uint64 int8 int16 int32 int64 float16 bfloat16 float32 "
    "float64 complex64 complex128".split()
}
# What reading bytes that cannot be trusted may raise.
_UNREADABLE = ArithmeticError, LookupError, RuntimeError, SafetensorError, TypeError, ValueError
# How many bytes of MAX_HEADER a node of the tree, a tensor and a generator count as. So a short
# message, or a list that contains another one many times, cannot take much memory.
_NODE, _TENSOR, _GENERATOR = 64, 128, 8192


class WireError(ValueError):
    """A value that cannot be encoded, or bytes that are not a message."""


def encode(value: object) -> bytes:
    """Turn plain data into a message.

    Raises:
        WireError: the value, or something inside it, is not plain data, is nested deeper than 32
            levels, is larger than 64 MB (8 MB for what is not in a tensor), has more than 10 000
            entries in a dict or more than 4096 tensors, or has a tensor of an unusual dtype.

    >>> decode(encode({"x": (1, 2.5, None)}))
    {'x': (1, 2.5, None)}
    """
    writer = _Writer()
    try:
        header = json.dumps(writer.node(value, 0), separators=(",", ":"), allow_nan=False).encode()
        payload = save_payload(writer.tensors)
    except WireError:
        raise
    except Exception as error:
        raise _not_plain(error) from None
    message = len(header).to_bytes(_LENGTH, "little") + header + payload
    if len(header) > MAX_HEADER or len(message) > MAX_BYTES:
        raise _too_large()
    return message


def cross(value: object) -> Any:
    """Copy a value as encoding and decoding it would, in less time.

    Raises:
        WireError: `encode` would refuse the value.

    >>> cross({"x": (1, 2.5, None)})
    {'x': (1, 2.5, None)}
    """
    writer = _Writer()
    try:
        tree = writer.node(value, 0)
        plain = all(type(tensor) is Tensor for tensor in writer.tensors.values())
    except WireError:
        raise
    except Exception as error:
        raise _not_plain(error) from None
    if not plain:  # only encoding turns an instance of a subclass into a plain tensor
        return decode(encode(value))
    return _read(_Reader(writer.tensors), tree)


def decode(message: bytes) -> Any:
    """Turn a message back into the value that was encoded.

    Raises:
        WireError: the message is too large, truncated, malformed or nested deeper than 32 levels.

    >>> decode(encode([True, "text", 1 + 2j]))
    [True, 'text', (1+2j)]
    """
    if not _LENGTH <= len(message) <= MAX_BYTES:
        raise WireError(f"not a message: {len(message)} bytes")
    header, body = _split(message)
    entries, _ = _split(body)  # safetensors begins with a length and a header too
    if len(entries) > MAX_TENSORS * _TENSOR_HEADER:
        raise _too_many("tensors", MAX_TENSORS)
    try:
        tree = json.loads(header, parse_constant=_refuse_constant)
        tensors = load_payload(body)
    except WireError:
        raise
    except _UNREADABLE as error:
        raise WireError(f"not a message: {type(error).__name__}") from None
    return _read(_Reader(tensors), tree)


def _read(reader: _Reader, tree: Any) -> Any:
    try:
        return reader.value(tree, 0)
    except WireError:
        raise
    except _UNREADABLE as error:
        raise WireError(f"not a message: {type(error).__name__}") from None


def _not_plain(error: Exception) -> WireError:
    """The error for an object that pretends to be of another type; it may raise anything."""
    return WireError(f"not plain data, though it looks like it: {type(error).__name__}")


def _split(message: bytes) -> tuple[bytes, bytes]:
    """The header, whose length the first bytes give, and what follows it."""
    end = _LENGTH + int.from_bytes(message[:_LENGTH], "little")
    if end > min(MAX_HEADER + _LENGTH, len(message)):
        raise WireError("not a message: its header is longer than it may be")
    return message[_LENGTH:end], message[end:]


def _too_large() -> WireError:
    return WireError(f"too large to send: more than {MAX_BYTES // 2**20} MB")


def _too_many(what: str, most: int) -> WireError:
    return WireError(f"more than {most} {what}")


class _Budget:
    """Counts how much of `MAX_HEADER` the tree of a message takes, in bytes."""

    def __init__(self) -> None:
        self.left = MAX_HEADER

    def spend(self, amount: int) -> None:
        self.left -= amount
        if self.left < 0:
            raise _too_large()


def _refuse_constant(name: str) -> float:
    raise WireError(f"a bare {name} in the header")


class _Writer:
    """Collects the tensors of a value while its header tree is built."""

    def __init__(self) -> None:
        self.tensors: dict[str, Tensor] = {}
        self.size = 0
        self.budget = _Budget()

    def node(self, value: object, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise WireError(f"nested more than {MAX_DEPTH} levels deep")
        self.budget.spend(_NODE)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            text = str.__str__(value)
            self.budget.spend(len(text) if text.isascii() else len(json.dumps(text)))
            return text
        if isinstance(value, (np.ndarray, np.generic)):
            return {"array": self._store(_from_numpy(np.asarray(value)))}
        if isinstance(value, Tensor):
            return {"tensor": self._store(value), "requires_grad": value.requires_grad}
        if isinstance(value, int):
            if value.bit_length() > 4096:
                raise WireError(f"an integer of {value.bit_length()} bits")
            self.budget.spend(value.bit_length() // 4)
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else {"float": repr(float(value))}
        if isinstance(value, complex):
            return {"complex": [self.node(value.real, depth), self.node(value.imag, depth)]}
        if isinstance(value, Fraction):
            parts = value.numerator, value.denominator
            return {"fraction": [self.node(part, depth) for part in parts]}
        if isinstance(value, torch.Generator):
            self.budget.spend(_GENERATOR)
            return {"generator": value.initial_seed()}
        if isinstance(value, dict):
            if dict.__len__(value) > MAX_ENTRIES:
                raise _too_many("entries in a dict", MAX_ENTRIES)
            pairs = [
                [self.node(key, depth + 1), self.node(entry, depth + 1)]
                for key, entry in dict.items(value)
            ]
            return {"dict": pairs}
        if isinstance(value, list):
            return {"list": [self.node(entry, depth + 1) for entry in list.__iter__(value)]}
        if isinstance(value, tuple):
            return {"tuple": [self.node(entry, depth + 1) for entry in tuple.__iter__(value)]}
        raise WireError(f"a {type(value).__name__} is not plain data")

    def _store(self, tensor: Tensor) -> str:
        if tensor.device.type != "cpu":
            raise WireError(f"a tensor on {tensor.device}: bring it to the CPU with .cpu()")
        if tensor.layout != torch.strided or tensor.is_quantized:
            raise WireError(f"a tensor of layout {tensor.layout}: make it dense")
        if tensor.dtype not in _DTYPES:
            raise WireError(f"a tensor of {tensor.dtype}: return one of float32 or float64")
        if len(self.tensors) == MAX_TENSORS:
            raise _too_many("tensors", MAX_TENSORS)
        self.budget.spend(_TENSOR)
        self.size += tensor.numel() * tensor.element_size()
        if self.size > MAX_BYTES:
            raise _too_large()
        name = str(len(self.tensors))
        plain = tensor.detach().resolve_conj().resolve_neg()
        if plain.is_complex():
            name += ":complex"
            plain = torch.view_as_real(plain.contiguous())
        self.tensors[name] = plain.contiguous().clone()
        return name


class _Reader:
    """Builds a value from a header tree that cannot be trusted."""

    def __init__(self, tensors: dict[str, Tensor]) -> None:
        self.tensors = tensors
        self.budget = _Budget()

    def value(self, node: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise WireError(f"nested more than {MAX_DEPTH} levels deep")
        self.budget.spend(_NODE)
        if node is None or isinstance(node, (bool, int, float, str)):
            return node
        if not isinstance(node, dict) or not node:
            raise WireError("an unknown node in the header")
        kind, content = next(iter(node.items()))
        if kind in ("tensor", "array"):
            return self._tensor(node, kind, content)
        if kind == "float" and content in ("nan", "inf", "-inf"):
            return float(content)
        if kind == "generator" and type(content) is int and -(2**63) <= content < 2**64:
            self.budget.spend(_GENERATOR)
            return torch.Generator().manual_seed(content)
        if kind in ("list", "tuple", "dict", "complex", "fraction") and isinstance(content, list):
            return self._container(kind, content, depth)
        raise WireError(f"an unknown node in the header: {str(kind)[:20]!r}")

    def _container(self, kind: str, content: list[Any], depth: int) -> Any:
        if kind == "dict":
            if len(content) > MAX_ENTRIES:
                raise _too_many("entries in a dict", MAX_ENTRIES)
            if not all(isinstance(pair, list) and len(pair) == 2 for pair in content):
                raise WireError("a dict whose entries are not pairs")
            pairs = [
                (self.value(key, depth + 1), self.value(entry, depth + 1)) for key, entry in content
            ]
            return dict(pairs)
        entries = [self.value(entry, depth + (kind in ("list", "tuple"))) for entry in content]
        if kind == "list":
            return entries
        if kind == "tuple":
            return tuple(entries)
        if len(entries) != 2:
            raise WireError(f"a {kind} of {len(entries)} parts")
        if kind == "complex" and all(type(part) is float for part in entries):
            return complex(*entries)
        if kind == "fraction" and all(type(part) is int for part in entries) and entries[1]:
            return Fraction(*entries)
        raise WireError(f"a {kind} whose parts have the wrong types")

    def _tensor(self, node: dict[str, Any], kind: str, name: object) -> Tensor | np.ndarray:
        if not isinstance(name, str) or name not in self.tensors:
            raise WireError("a tensor that is not in the payload")
        tensor = self.tensors[name]
        if tensor.dtype not in _DTYPES:
            raise WireError(f"a tensor of {tensor.dtype}")
        if name.endswith(":complex"):
            tensor = torch.view_as_complex(tensor)
        if kind == "array":
            return np.asarray(tensor.numpy())
        differentiable = tensor.is_floating_point() or tensor.is_complex()
        return tensor.requires_grad_(differentiable and node.get("requires_grad") is True)


def _from_numpy(array: np.ndarray) -> Tensor:
    if array.size * array.itemsize > MAX_BYTES:
        raise _too_large()
    try:
        return torch.from_numpy(np.array(array, array.dtype.newbyteorder("="), order="C"))
    except TypeError:
        raise WireError(f"a NumPy array of dtype {array.dtype}") from None
