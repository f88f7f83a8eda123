"""A call: a request, a function that may do anything, and a reply that may say anything."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from grokedu.classroom.checking import wire
from grokedu.classroom.checking.call import (
    STATUSES,
    Reply,
    Request,
    local,
    read_reply,
    write_request,
)
from grokedu.classroom.checking.judge import judge
from tests.classroom import workbench


def reply_of(function, *args, seconds=5.0, **kwargs) -> Reply:
    return local({"f": function})(Request("f", args, kwargs, seconds=seconds))


def test_a_result_comes_back_with_the_inputs_as_they_were_left():
    def f(x, scale=1):
        x += 1
        print("hello")
        return x * scale

    given = torch.zeros(2)
    reply = reply_of(f, given, scale=3)
    assert (reply.status, reply.printed, reply.kwargs) == ("returned", "hello\n", {"scale": 3})
    assert reply.result.tolist() == [3, 3]
    assert reply.args[0].tolist() == [1, 1]
    assert given.tolist() == [0, 0]


def test_stubs_and_missing_functions():
    def stub():
        raise NotImplementedError()

    def class_stub():
        raise NotImplementedError

    def says_why():
        raise NotImplementedError("complex tensors")

    assert reply_of(stub).status == reply_of(class_stub).status == "not attempted"
    reply = reply_of(says_why)
    assert (reply.status, reply.crash.message) == ("crashed", "complex tensors")
    assert local({})(Request("f")).status == "missing"


def test_crashes_are_told_by_the_authors_line():
    def f(x):
        return {}[x]

    reply = reply_of(f, "missing")
    assert reply.status == "crashed"
    crash = reply.crash
    assert (crash.type, crash.message, crash.function) == ("KeyError", "'missing'", "f")
    assert crash.text == "return {}[x]"
    assert reply_of(sys.exit).crash.type == "SystemExit"
    assert reply_of(lambda: 1, 2).crash.type == "TypeError"


def test_an_endless_function_times_out():
    def f():
        while True:
            pass

    assert reply_of(f, seconds=0.1).status == "timed out"


def test_only_the_learners_own_interruption_passes_through():
    def f():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        reply_of(f)


def test_the_global_generator_is_left_as_it_was():
    torch.manual_seed(3)
    reply_of(lambda: torch.rand(5))
    after = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(after, torch.rand(1))


class SaysItIsAList:
    @property
    def __class__(self):
        return list


class SaysItIsText:
    @property
    def __class__(self):
        return str


class SaysItIsATensor:
    @property
    def __class__(self):
        return torch.Tensor


class RaisesWhenAsked:
    @property
    def __class__(self):
        raise RuntimeError("no")


class NeverAnswers:
    @property
    def __class__(self):
        while True:
            pass


class EndlessList(list):
    def __iter__(self) -> Iterator[int]:
        while True:
            yield 1


class EvilFloat(float):
    def __float__(self):
        raise SystemExit

    __eq__ = lambda self, other: True  # noqa: E731
    __hash__ = float.__hash__


class EvilInt(int):
    def bit_length(self):
        return 1

    def __int__(self):
        return 2**100_000


class EvilDict(dict):
    def items(self):
        raise SystemExit


class EvilTensor(torch.Tensor):
    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        raise SystemExit


class BadError(NotImplementedError):
    @property
    def args(self):
        raise SystemExit

    def __str__(self):
        while True:
            pass


@pytest.mark.parametrize(
    "evil",
    [SaysItIsAList, SaysItIsText, SaysItIsATensor, RaisesWhenAsked, NeverAnswers, object],
)
def test_what_is_not_what_it_says_is_not_data(evil):
    reply = reply_of(lambda: [evil()], seconds=0.3)
    assert reply.status == "not data"
    assert reply.reason


def test_subclasses_cross_as_what_they_are_or_not_at_all():
    assert reply_of(lambda: EndlessList([1, 2])).result == [1, 2]
    assert reply_of(lambda: EvilDict(a=1)).result == {"a": 1}
    for value in (EvilFloat(2), EvilInt(3), torch.ones(2).as_subclass(EvilTensor)):
        reply = reply_of(lambda value=value: value)
        assert reply.status == "not data" or type(reply.result) in (float, int, torch.Tensor)


def test_errors_that_cannot_be_told_do_not_get_away():
    def f():
        raise BadError

    assert reply_of(f, seconds=0.3).status == "not data"

    class Meta(type):
        def __getattribute__(cls, name):
            raise SystemExit

    class Error(Exception, metaclass=Meta):
        pass

    def g():
        raise Error

    assert reply_of(g).status in ("crashed", "not data")


def test_meddling_with_what_is_printed_does_not_get_away():
    def closes():
        print("x")
        sys.stdout.close()
        return 1

    def replaces():
        sys.stdout.getvalue = lambda: 1 / 0
        return 1

    assert reply_of(closes).result == 1
    assert reply_of(replaces).status == "not data"


HOSTILE = [
    5, "status", None, [], torch.tensor([1]), torch.zeros(2, 2).numpy(), {}, {"status": 3},
    {"status": "won"}, {"status": ["returned"]}, {"status": torch.tensor([1, 2])},
    {"status": "returned", "args": 5}, {"status": "returned", "kwargs": [1]},
    {"status": "returned", "more": 1}, {1: 2}, {"status": "crashed", "crash": 5},
    {"status": "returned", "printed": 3},
]  # fmt: skip


@pytest.mark.parametrize("said", HOSTILE, ids=repr)
def test_a_reply_of_any_other_form_is_not_data(said):
    assert read_reply(wire.encode(said)).status == "not data"


def test_what_a_reply_says_of_a_crash_is_cut_to_size():
    crash = {"type": "x" * 9000, "message": torch.zeros(3), "line": "7", "text": None, "more": 1}
    reply = read_reply(wire.encode({"status": "crashed", "crash": crash, "printed": "y" * 9000}))
    assert reply.status == "crashed"
    assert len(reply.crash.type) <= 500
    assert reply.crash.line == 0
    assert len(reply.printed) <= 2000


@given(st.binary(max_size=300))
def test_bytes_that_are_no_reply_are_not_data(data):
    assert read_reply(data).status == "not data"


@pytest.fixture
def pipe(root):
    """A caller whose functions live in another process, and what became of that process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.classroom.workbench"],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )

    def call(request: Request) -> Reply:
        message = write_request(request)
        process.stdin.write(len(message).to_bytes(8, "little") + message)
        process.stdin.flush()
        size = int.from_bytes(process.stdout.read(8), "little")
        return read_reply(process.stdout.read(size))

    yield call
    _, errors = process.communicate(timeout=30)
    assert errors == b""


def test_a_check_across_a_pipe_gives_the_same_verdict(pipe):
    outcomes = set()
    for exercise, answers in workbench.ANSWERS:
        for name, answer in answers.items():

            def across(request, answer=name):
                return pipe(Request(f"{request.name}:{answer}", *vars_of(request)))

            here = judge(exercise, local({exercise.id: answer}), 0)
            there = judge(exercise, across, 0)
            assert there.findings == here.findings, name
            outcomes.add(there.outcome)
    assert outcomes >= {"correct", "partly", "incorrect", "not attempted", "crashed"}


def vars_of(request: Request):
    return request.args, request.kwargs, request.probe, request.seconds


def test_statuses_are_the_documented_ones():
    assert set(STATUSES) == {
        "returned", "not attempted", "missing", "not callable", "crashed", "ended", "timed out",
        "not data",
    }  # fmt: skip


def test_an_async_answer_is_told_so_without_a_warning(capfd):
    async def answer(x):
        return x

    reply = local({"answer": answer})(Request("answer", (1,)))
    assert (reply.status, reply.reason) == ("not data", "it is `async`; write a plain `def`")
    assert capfd.readouterr().err == ""
