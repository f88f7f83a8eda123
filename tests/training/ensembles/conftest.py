from __future__ import annotations

from typing import Any

import pytest

from grokedu.training.ensembles import train_ensemble
from grokedu.training.runs import Runs
from tests.training.ensembles.small import EXACT, MODEL, TASK


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return {
        "fraction": [0.4, 0.6], "weight_decay": [0.1, 1.0], "seed": range(3), "steps": 40,
        "batch_size": 9, "checkpoints": [0, 40], **EXACT,
    }  # fmt: skip


@pytest.fixture(scope="module")
def whole(settings: dict[str, Any]) -> Runs:
    return train_ensemble(MODEL, TASK, **settings)
