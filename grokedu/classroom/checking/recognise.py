"""Recognise a misconception by comparing a wrong answer's replies with those of known ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from grokedu.classroom.checking.call import Reply, local
from grokedu.classroom.checking.compare import difference
from grokedu.classroom.checking.exercise import Case, Exercise


def recognise(
    exercise: Exercise, cases: Sequence[Case], replies: Sequence[Reply], faults: Sequence[str]
) -> str:
    """The message of the misconception whose replies agree best with those of an answer.

    It must agree in at least half of the cases that failed, so that one mistake is recognised even
    if the answer makes another one too. If several do, the one that agrees in most cases is chosen.

    Args:
        exercise: what was to be written.
        cases: the cases.
        replies: the answer's replies to the first of the cases, or to all.
        faults: what is wrong with each reply; empty where nothing is.

    Returns:
        The message; empty if no misconception was recognised.
    """
    tried = list(zip(cases, replies, faults, strict=False))
    values = [one for one in tried if one[0].probe != "refusal"]
    if any(fault for _, _, fault in values):  # a missing refusal says little about its cause
        tried = values
    failed = sum(bool(fault) for _, _, fault in tried)
    best, message = 0, ""
    for known in exercise.misconceptions:
        call = local({exercise.id: known.answer})
        agreed = [
            (bool(fault), _alike(exercise, case, reply, call(exercise.request(case))))
            for case, reply, fault in tried
        ]
        explained = sum(fault and alike for fault, alike in agreed)
        alike_in = sum(alike for _, alike in agreed)
        if 2 * explained >= failed and alike_in > best:
            best, message = alike_in, known.message
    return message


def _alike(exercise: Exercise, case: Case, reply: Reply, theirs: Reply) -> bool:
    if reply.status != theirs.status:
        return False
    if reply.crash and theirs.crash:
        return reply.crash.type == theirs.crash.type and reply.crash.message == theirs.crash.message
    if exercise.judge is not None and reply.status == "returned":
        return exercise.judged(case, reply.result) == exercise.judged(case, theirs.result)
    same = not difference(
        _infinite_as_nan(reply.result), _infinite_as_nan(theirs.result), exercise.operations
    )
    return same and not difference(reply.args, theirs.args, exercise.operations)


def _infinite_as_nan(value: Any) -> Any:
    """Infinite entries as nan: an overflow gives one or the other, depending on the order."""
    if isinstance(value, Tensor) and value.is_floating_point():
        return torch.where(value.isfinite(), value, torch.nan)
    return value
