"""Settings and tasks that do not fit are refused, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from grokedu.models import MLP
from grokedu.models.teacher_student import teacher_task
from grokedu.training.ensembles import train_ensemble
from tests.training.ensembles.small import EXACT, MODEL, TASK, Start, halved


def bad() -> Iterator[tuple[dict[str, Any], str]]:
    yield {"noise": 0.1}, "neither the training nor the task takes noise"
    yield {"lr": [0.1, 0.1]}, "each once"
    yield {"lr": -0.1}, "wanted 0 or more"
    yield {"lr": [0.1, math.nan]}, "wanted 0 or more"
    yield {"weight_decay": math.inf}, "wanted 0 or more"
    yield {"optimizer": torch.optim.Adam}, "functools.partial\\(EachRun, torch.optim.Adam\\)"
    yield {"seed": []}, "at least one"
    yield {"alpha": [1.0, 0.0]}, "must be positive"
    yield {"loss": "hinge"}, "wanted one of"
    yield {"constraint": [Start(), halved, halved]}, "told apart by a mapping"
    yield {"shards": 0}, "at least 1"


@pytest.mark.parametrize(("change", "message"), [*bad()])
def test_settings_that_do_not_fit_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train_ensemble(MODEL, TASK, **({"fraction": 0.5, "steps": 3, **EXACT} | change))


def test_tasks_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match="the task takes no settings"):
        train_ensemble(MODEL, TASK(fraction=0.5, seed=0), fraction=0.5, steps=3, **EXACT)
    with pytest.raises(ValueError, match="mse, as the targets are real numbers"):
        train_ensemble(MLP((5, 5)), teacher_task(0), steps=3, **EXACT)


@pytest.mark.parametrize("part", ["train", "test"])
def test_an_empty_split_is_refused(part: str) -> None:
    task = TASK(fraction=0.5, seed=0)
    empty = replace(task, **{part: getattr(task, part)[:0]})
    with pytest.raises(ValueError, match="wanted at least one of each"):
        train_ensemble(MODEL, empty, steps=3, **EXACT)
