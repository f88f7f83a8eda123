from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from grokedu.claims import results


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    results.write(
        tmp_path,
        "a-claim",
        {
            "slope": {"value": np.float64(-0.8), "low": torch.tensor(-1.0)},
            "cells": [{"runs": 5}, {"runs": 4}],
            "never": float("nan"),
            "verdict": "fails",
        },
    )
    return tmp_path


def test_what_is_written_is_plain_json_and_whole(folder: Path) -> None:
    assert [p.name for p in folder.iterdir()] == ["a-claim.json"]
    data = json.loads((folder / "a-claim.json").read_text(encoding="utf-8"))
    assert data["slope"] == {"value": -0.8, "low": -1.0}
    assert data["never"] is None


def test_prose_is_filled(folder: Path) -> None:
    text = "a slope of {{a-claim.slope.value:.1f}} over {{ a-claim.cells.1.runs }}: {{not ours}}"
    assert results.fill(text, folder) == "a slope of -0.8 over 4: {{not ours}}"
    assert results.fill("it {{a-claim.verdict}}", folder) == "it fails"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{{b-claim.slope}}", r"no result 'b-claim'.*there: a-claim.*grokedu reproduce b-claim"),
        ("{{a-claim.slop.value}}", "a-claim has no 'slop'; it has slope, cells"),
        ("{{a-claim.cells.7.runs}}", "a-claim.cells has no '7'"),
        ("{{a-claim.never:.2f}}", "quotes None"),
    ],
)
def test_what_cannot_be_quoted_is_said(folder: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        results.fill(text, folder)


def test_where_there_is_no_full_result_the_quick_one_is_quoted(tmp_path: Path) -> None:
    results.write(tmp_path / "quick", "claim", {"slope": 1})
    assert results.fill("{{claim.slope}}", tmp_path) == "1"
    results.write(tmp_path, "claim", {"slope": 2})
    assert results.fill("{{claim.slope}}", tmp_path) == "2"
