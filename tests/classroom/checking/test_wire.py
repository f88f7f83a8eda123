"""The wire: what crosses comes back exactly, and bytes can do nothing but be refused."""

from __future__ import annotations

import contextlib
import json
import math
import tracemalloc
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from torch import Tensor

from grokedu.classroom.checking.wire import MAX_BYTES, MAX_DEPTH, WireError, decode, encode

DTYPES = [
    torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64,
    torch.uint16, torch.uint32, torch.uint64, torch.float16, torch.bfloat16, torch.float32,
    torch.float64, torch.complex64, torch.complex128,
]  # fmt: skip
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: str(dtype)[6:])

floats = st.floats(allow_nan=True, allow_infinity=True)
hashable = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**4096) + 1, 2**4096 - 1), floats, st.text(),
    st.complex_numbers(), st.fractions(),
)  # fmt: skip
arrays = st.one_of(
    st.lists(floats, max_size=4).map(lambda x: np.array(x, dtype=np.float64)),
    st.integers(-(2**31), 2**31 - 1).map(np.int32),
    st.sampled_from([np.float16(2.5), np.bool_(True), np.complex64(1 - 2j), np.uint8(7)]),
)
tensors = st.lists(floats, max_size=4).flatmap(
    lambda x: st.sampled_from(
        [torch.tensor(x, dtype=torch.float64), torch.tensor(x, requires_grad=True)]
    )
)
values = st.recursive(
    st.one_of(hashable, arrays, tensors),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(st.one_of(hashable, st.tuples(hashable, hashable)), inner, max_size=4),
    ),
    max_leaves=12,
)


def same(got: Any, want: Any) -> bool:
    """Equal in type and in every bit that a program can see."""
    if isinstance(want, (np.ndarray, np.generic)):
        want = np.asarray(want)
        bits = got.tobytes() == want.tobytes()
        return type(got) is np.ndarray and (got.dtype, got.shape, bits) == (
            want.dtype, want.shape, True,
        )  # fmt: skip
    if type(got) is not type(want):
        return False
    if isinstance(want, Tensor):
        alike = (got.dtype, got.shape, got.requires_grad)
        return alike == (want.dtype, want.shape, want.requires_grad) and bytes_of(got) == bytes_of(
            want
        )
    if isinstance(want, float):
        return (math.isnan(got) and math.isnan(want)) or got.hex() == want.hex()
    if isinstance(want, complex):
        return same(got.real, want.real) and same(got.imag, want.imag)
    if isinstance(want, dict):
        return same(list(got), list(want)) and same(list(got.values()), list(want.values()))
    if isinstance(want, (list, tuple)):
        return len(got) == len(want) and all(map(same, got, want))
    return got == want


def bytes_of(tensor: Tensor) -> bytes:
    plain = tensor.detach().resolve_conj().resolve_neg().contiguous()
    if plain.is_complex():
        plain = torch.view_as_real(plain).contiguous()
    return plain.flatten().view(torch.uint8).numpy().tobytes()


def message(tree: Any, payload: bytes = b"\x02\0\0\0\0\0\0\0{}") -> bytes:
    header = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    return len(header).to_bytes(8, "little") + header + payload


@settings(max_examples=60)
@given(values)
@example([-0.0, math.nan, math.inf, -math.inf, 2**4095, -(2**4095)])
@example({True: 1, 0: 2.5, None: (), (1, Fraction(2, 3)): [[]], 1j: {}, "\ud800é\0": ""})
def test_plain_data_comes_back_exactly(value):
    assert same(decode(encode(value)), value)


@every_dtype
@pytest.mark.filterwarnings("ignore:ComplexHalf")
def test_tensors_of_every_dtype_and_layout_come_back(dtype):
    whole = torch.arange(24).reshape(2, 3, 4).remainder(5).to(torch.float32).to(dtype)
    for tensor in (whole, whole.mT, whole[0, 0, 0], whole[:, :0], whole[1:, ::2], whole[:1]):
        assert same(decode(encode(tensor)), tensor)
    expanded = whole[0, 0, :1].expand(5, 1)
    assert same(decode(encode(expanded)), expanded)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.complex64])
def test_requires_grad_is_kept_and_views_are_what_they_show(dtype):
    leaf = torch.randn(3, 2, dtype=dtype, generator=torch.Generator().manual_seed(0))
    leaf.requires_grad_()
    for tensor in (leaf, leaf.mT, 2 * leaf, torch.nn.Parameter(leaf.detach())):
        got = decode(encode(tensor))
        assert got.requires_grad
        assert got.is_leaf
        assert torch.equal(got, tensor)
    for view in (leaf.conj(), leaf.detach().conj().imag if leaf.is_complex() else leaf):
        assert torch.equal(decode(encode(view)), view)


def test_a_copy_crosses_and_shares_nothing():
    shared = torch.zeros(3)
    first, second = decode(encode([shared, shared]))
    first += 1
    assert second.tolist() == shared.tolist() == [0, 0, 0]


@pytest.mark.parametrize("kind", ["<f8", ">f8", ">i4", "<c16", "?", "u8"])
def test_arrays_of_either_byte_order_and_any_layout_come_back(kind):
    whole = np.arange(12).reshape(3, 4).astype(kind)
    for array in (whole, whole.T, whole[::-2], np.broadcast_to(whole[:1], (5, 4)), whole[0, 0]):
        got = decode(encode(array))
        assert got.dtype == array.dtype.newbyteorder("=")
        np.testing.assert_array_equal(got, array)


@given(st.integers(-(2**63), 2**64 - 1))
def test_generators_cross_as_their_seed(seed):
    got = decode(encode(torch.Generator().manual_seed(seed)))
    want = torch.Generator().manual_seed(seed)
    assert torch.equal(torch.rand(3, generator=got), torch.rand(3, generator=want))


CYCLE: list[Any] = []
CYCLE.append(CYCLE)
WIDE: list[Any] = []
for _ in range(MAX_DEPTH - 2):
    WIDE = [WIDE] * 10


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else 0


REFUSED = {
    "an object": object(),
    "a function": len,
    "a set": {1},
    "bytes": b"x",
    "too deep": nested(MAX_DEPTH + 1),
    "a cycle": CYCLE,
    "few lists that unfold to many": WIDE,
    "one text many times": ["x" * 2**20] * 2**20,
    "too large": torch.zeros(MAX_BYTES, dtype=torch.uint8),
    "10^12 elements in four bytes": torch.zeros(1).expand(10**12),
    "10^12 elements in an array": np.broadcast_to(np.zeros(1), (10**6, 10**6)),
    "many generators": [torch.Generator()] * 5000,
    "a long integer": 2**5000,
    "sparse": torch.zeros(2, 2).to_sparse(),
    "without data": torch.zeros(2, device="meta"),
    "an array of objects": np.array([None]),
    "an array of text": np.array(["x"]),
    "a date": np.datetime64("2020-01-01"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_does_not_cross_is_refused(kind):
    with pytest.raises(WireError):
        encode([REFUSED[kind]])


def test_the_limits_themselves_cross():
    assert decode(encode(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    large = torch.zeros(MAX_BYTES - 4096, dtype=torch.uint8)
    assert decode(encode(large)).shape == large.shape


F32 = b'{"0":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}'
PAYLOAD = len(F32).to_bytes(8, "little") + F32 + bytes(8)
HOSTILE = {
    "nothing": b"",
    "a length beyond the end": b"\xff" * 8 + b"null",
    "no payload": message(None, b""),
    "a payload length beyond the end": message(None, b"\xff" * 16),
    "nested lists": message(b"[" * 1_000_000 + b"]" * 1_000_000),
    "nested dicts": message(b'{"list":[' * 100_000),
    "many empty lists": message(b"[" + b"[]," * (3 * 2**20) + b"[]]"),
    "many nodes": message(b'{"list":[' + b"1," * 200_000 + b"1]}"),
    "many generators": message(b'{"list":[' + b'{"generator":1},' * 2000 + b"1]}"),
    "a bare nan": message(b"NaN"),
    "a bare list": message([1]),
    "an unknown node": message({"pickle": "x"}),
    "a complex of a long integer": message({"complex": [10**400, 0.0]}),
    "a fraction over nothing": message({"fraction": [1, 0]}),
    "a fraction of texts": message({"fraction": ["1", "2"]}),
    "a digit too many": message(b"9" * 5000),
    "a list as a key": message({"dict": [[{"list": []}, 1]]}),
    "a pair of three": message({"dict": [[1, 2, 3]]}),
    "a seed out of range": message({"generator": 2**64}),
    "a tensor that is not there": message({"tensor": "0"}),
    "a tensor by number": message({"tensor": 0}, PAYLOAD),
    "an array that wants gradients": message(
        {"list": [{"tensor": "0", "requires_grad": True}, {"array": "0"}]}, PAYLOAD
    ),
    "a complex number of integers": message(
        {"tensor": "0:complex"}, PAYLOAD.replace(b'"0"', b'"0:complex"').replace(b"F32", b"I32")
    ),
    "more than its bytes": message({"tensor": "0"}, PAYLOAD.replace(b"[2]", b"[9]")),
    "too long": bytes(MAX_BYTES + 1),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_bytes_are_refused_and_take_little_memory(kind):
    tracemalloc.start()
    try:
        with pytest.raises(WireError):
            decode(HOSTILE[kind])
        assert tracemalloc.get_traced_memory()[1] < 4 * MAX_BYTES
    finally:
        tracemalloc.stop()


def only_refused(data: bytes) -> None:
    with contextlib.suppress(WireError):
        decode(data)


@given(st.binary(max_size=200))
def test_random_bytes_are_only_refused(data):
    only_refused(data)
    only_refused(message(data))
    only_refused(message(None, data))


@settings(max_examples=100)
@given(values, st.data())
def test_mutated_and_truncated_messages_are_only_refused(value, data):
    whole = encode([value, torch.ones(2), 1 + 2j, Fraction(1, 2), np.ones(2)])
    only_refused(whole[: data.draw(st.integers(0, len(whole)))])
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 4)))
    put = data.draw(st.one_of(st.binary(max_size=4), st.sampled_from([b"1e999", b"[", b"null"])))
    changed = whole[:start] + put + whole[end:]
    only_refused(changed)
    length = int.from_bytes(whole[:8], "little") + len(changed) - len(whole)
    only_refused(max(0, length).to_bytes(8, "little") + changed[8:])


def test_a_dict_that_would_take_long_to_build_is_refused():
    colliding = {entry * (2**61 - 1): None for entry in range(200)}
    assert decode(encode(colliding)) == colliding
    with pytest.raises(WireError, match="more than 10000 entries in a dict"):
        encode(dict.fromkeys(range(10_001)))
    pairs = ",".join(f"[{entry},null]" for entry in range(10_001))
    header = f'{{"dict":[{pairs}]}}'.encode()
    empty = encode(None)[8 + len(b"null") :]
    with pytest.raises(WireError, match="more than 10000 entries in a dict"):
        decode(len(header).to_bytes(8, "little") + header + empty)


def test_many_tensors_are_refused():
    many = [torch.zeros(0) for _ in range(4096)]
    assert len(decode(encode(many))) == 4096
    with pytest.raises(WireError, match="more than 4096 tensors"):
        encode([*many, torch.zeros(0)])
    payload = safetensors.torch.save({f"{n:0200}": torch.zeros(0) for n in range(5000)})
    with pytest.raises(WireError, match="more than 4096 tensors"):
        decode((4).to_bytes(8, "little") + b"null" + payload)


def test_an_unusual_dtype_is_refused_on_both_sides():
    odd = torch.zeros(2).to(torch.float8_e4m3fn)
    with pytest.raises(WireError, match=r"a tensor of torch\.float8_e4m3fn: return one of float32"):
        encode(odd)
    header = b'{"tensor":"0","requires_grad":false}'
    payload = safetensors.torch.save({"0": odd})
    with pytest.raises(WireError, match=r"a tensor of torch\.float8_e4m3fn"):
        decode(len(header).to_bytes(8, "little") + header + payload)
