"""One mistake is recognised, also beside another."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from grokedu.classroom.checking.call import local
from grokedu.classroom.checking.exercise import Case, Exercise, refused
from grokedu.classroom.checking.judge import judge


def total(values: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
    """The sum of the values, scaled."""
    if scale < 0:
        raise ValueError("scale")
    return values.sum() * scale


@pytest.fixture
def exercise() -> Exercise:
    made = Exercise(
        total, points={"plain": 1, "scaled": 1, "bad scale": 1}, hints=("one", "two", "three")
    )

    @made.cases
    def _(seed: int, level: str) -> Iterator[Case]:
        values = torch.arange(1.0, 4.0 + seed)
        yield Case("ones", "plain", (torch.ones(3),))
        yield Case("one to three", "plain", (values,))
        yield Case("doubled", "scaled", (values,), {"scale": 2.0})
        yield refused("a negative scale", "bad scale", values, -1.0)

    @made.misconception("the mean, where the sum is wanted.")
    def takes_the_mean(values: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return values.mean() * scale

    @made.misconception("infinity.")
    def overflows(values: torch.Tensor, scale: float = 1.0) -> torch.Tensor:
        return values.sum() * torch.inf

    return made


def told(exercise: Exercise, answer: object) -> str:
    return judge(exercise, local({"total": answer}), 0).findings.misconception


def test_a_mistake_is_recognised_beside_another(exercise: Exercise) -> None:
    def mean_that_refuses(values, scale=1.0):
        if scale < 0:
            raise ValueError
        return values.mean() * scale

    assert told(exercise, mean_that_refuses) == "the mean, where the sum is wanted."


def test_an_overflow_is_the_same_in_either_form(exercise: Exercise) -> None:
    assert told(exercise, lambda values, scale=1.0: values.sum() * torch.nan) == "infinity."


def test_what_agrees_in_few_cases_is_not_named(exercise: Exercise) -> None:
    def wrong_in_its_own_way(values, scale=1.0):
        return values.mean() if len(values) and values[0] == values[-1] else values.prod() + scale

    assert told(exercise, wrong_in_its_own_way) == ""


def test_one_failed_case_is_named_for_every_lost_group(exercise: Exercise) -> None:
    findings = judge(exercise, local({"total": lambda values, scale=1.0: values * 0}), 0).findings
    assert findings.failure is not None
    assert findings.failure.case == "ones"
    assert [line.partition(":")[0] for line in findings.also] == ["doubled", "a negative scale"]
    assert findings.also[1].endswith("the error it raised is 'none', wanted 'ValueError'")
