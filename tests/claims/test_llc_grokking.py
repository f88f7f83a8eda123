from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from grokedu import claims as reproduce
from grokedu.claims import hessian_comparison, results
from grokedu.claims.llc_grokking import experiment, verdict
from grokedu.claims.llc_grokking.experiment import MEASURES
from grokedu.llc import llc_along
from grokedu.measures import mean_squared_error
from grokedu.models.gradients import ExactLoss
from grokedu.training import train

STEPS = np.array([10, 100, 400, 900])
RUNS = 3


def along(
    llc: tuple[float, ...] = (50.0, 100.0, 60.0, 20.0), trace: tuple[float, ...] = (4, 8, 5, 2)
) -> dict[str, Any]:
    """Three runs that fit at 50 and grok at 400; at the second gamma the estimate is the trace."""
    ones = np.ones(RUNS)
    table, curvature = np.array(llc)[:, None] * ones, np.array(trace, dtype=float)[:, None] * ones
    found: dict[str, Any] = {name: np.array([4.0, 5, 2, 0.1])[:, None] * ones for name in MEASURES}
    return found | {
        "steps": STEPS,
        "gammas": np.array([10.0, 1000.0]),
        "nbeta": 100.0,
        "llc": np.stack([table, curvature * 100 / 2000]),
        "error": np.full((2, 4, RUNS), 0.01),
        "hessian_trace": curvature,
        "fitted": 50 * ones,
        "grokked": 400 * ones,
        "warnings": {"10": {"no finite minimum": 12}, "1000": {}},
    }


def test_a_falling_estimate_is_told_from_one_that_rises_at_a_gamma() -> None:
    numbers = verdict.summary(along())
    row = numbers["gammas"]["10"]
    assert row["at_end_over_at_fit"]["value"] == pytest.approx(0.2)  # from 100, at the fit, to 20
    assert row["with_test_loss"]["value"] == pytest.approx(1)
    assert row["falls"]
    assert row["humps"] == RUNS
    assert numbers["with_test_loss"]["l2_norm"]["value"] == pytest.approx(1)
    rising = verdict.summary(along(llc=(1.0, 2.0, 3.0, 4.0)))["gammas"]["10"]
    assert rising["rises"]
    assert not rising["falls"]
    assert rising["humps"] == 0
    assert rising["with_test_loss"]["value"] == pytest.approx(-1)
    assert verdict.judge([True, True]) == "holds"
    assert verdict.judge([True, False]) == "holds in a window"
    assert verdict.judge([False, False]) == "fails"


def test_a_sentence_gives_each_loss_its_numbers() -> None:
    given = verdict.outcome({"mse": along()})
    assert given.verdict == "holds"
    assert "mse, 3 of 3 runs grokked" in given.says
    assert "0.2 [0.2, 0.2] at gamma=10 (rank correlation with the test loss 1.00" in given.says


def test_a_run_that_never_fitted_enters_no_interval() -> None:
    found = along() | {"fitted": np.array([50.0, 50.0, np.nan])}
    assert verdict.summary(found)["gammas"]["10"]["at_end_over_at_fit"]["runs"] == 2


def test_the_trace_rescaled_and_where_it_parts() -> None:
    one = hessian_comparison.summary(along())
    assert one["gammas"]["1000"]["linear"]["value"] == pytest.approx(1)
    assert one["gammas"]["1000"]["over_predicted"] == pytest.approx([1, 1, 1, 1])
    assert hessian_comparison.rescaled(one)
    assert not hessian_comparison.parts(one)  # both fall
    apart = hessian_comparison.summary(along(trace=(4, 8, 5, 9)))
    assert hessian_comparison.parts(apart)
    assert (
        apart["gammas"]["10"]["linear"]["value"] < 0.95 < apart["gammas"]["1000"]["linear"]["low"]
    )
    assert hessian_comparison.judge({"mse": apart}) == "holds"
    assert hessian_comparison.judge({"mse": one, "cross_entropy": apart}) == "holds in a window"
    noise = along()
    noise["llc"][1] = np.array([1.0, 0.1, 1, 0.1])[:, None]
    given = hessian_comparison.outcome({"mse": noise})
    assert given.verdict == "fails"
    assert not given.numbers["rescaled"]["mse"]


def test_what_is_measured_is_that_of_the_checkpoints() -> None:
    setting = replace(experiment.SETTINGS[1], p=5, width=8, steps=8, gammas=(50.0, 500.0))
    found = experiment.along(setting, [3, 4], 2, gradients=240, chains=2, samples=8, progress=False)
    assert found["steps"].tolist() == [2, 8]
    assert found["llc"].shape == found["error"].shape == (2, 2, 2)
    assert all(found[name].shape == (2, 2) for name in MEASURES)
    assert found["llc"][0, 1, 0] > found["llc"][1, 1, 0]  # less where more localised
    task = setting.task(4)
    runs = train(
        setting.model, setting.task, seeds=[3, 4], steps=8, lr=setting.lr, checkpoints=[8],
        weight_decay=setting.weight_decay, loss="mse", progress=False,
    )  # fmt: skip
    loss = ExactLoss(setting.model, task.inputs[task.train], task.targets[task.train], "mse")
    alone = llc_along(
        [dict(runs.checkpoint(8, 1))], model=loss, n=len(task.train), gamma=500.0,
        nbeta=found["nbeta"], chains=2, gradients=240, progress=False,
    )  # fmt: skip
    close = 4 * np.hypot(alone[0].standard_error, found["error"][1, 1, 1])
    assert found["llc"][1, 1, 1] == pytest.approx(alone[0].value, abs=close)


def test_the_trace_is_that_of_the_loss_which_is_sampled() -> None:
    setting = replace(experiment.SETTINGS[1], p=3, width=4)
    task = setting.task(0)
    weights = setting.model.init(torch.Generator().manual_seed(0))
    found = experiment.plain_measures(setting, task, weights, 0, samples=800)
    shapes = {name: tensor.shape for name, tensor in weights.items()}
    sizes = [tensor.numel() for tensor in weights.values()]

    def flat(vector: torch.Tensor) -> torch.Tensor:
        parts = zip(shapes, vector.split(sizes), strict=True)
        params = {name: part.view(shapes[name]) for name, part in parts}
        logits = setting.model.apply(params, task.inputs[task.train])
        return mean_squared_error(logits, task.targets[task.train])

    at = torch.cat([tensor.flatten() for tensor in weights.values()])
    exact = torch.autograd.functional.hessian(flat, at).trace().item()
    error = found["hessian_trace_error"]
    assert found["hessian_trace"] == pytest.approx(exact, abs=4 * error)
    assert error < 0.05 * exact  # so that a loss of another scale would not pass


@pytest.mark.full
@pytest.mark.parametrize("name", ["llc-grokking", "hessian-comparison"])
def test_the_quick_claims_give_what_is_kept(name: str, root: Path, tmp_path: Path) -> None:
    result = reproduce.reproduce(name, quick=True, progress=False, folder=tmp_path)
    kept = results.read(root / "results/quick", name)
    assert result["verdict"] == kept["verdict"]
