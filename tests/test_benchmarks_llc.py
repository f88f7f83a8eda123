"""The benchmarks of learning coefficients, as far as they go without devinterp."""

from __future__ import annotations

import ast
import doctest
import io
import json
import math
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from benchmarks import devinterp_chains, devinterp_environment, llc_against, llc_throughput
from benchmarks.devinterp_chains import build
from benchmarks.llc_against import Case, best, pivot, side_by_side, summary

MODULES = (devinterp_chains, devinterp_environment, llc_against, llc_throughput)
JOB: dict[str, Any] = {
    "network": ["deep_linear", {"widths": [4, 3, 5], "rank": 2}],
    "nbeta": None,
    "chains": 2,
    "draws": 30,
    "burn_in": 10,
    "seed": 3,
}


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: ModuleType) -> None:
    assert doctest.testmod(module).failed == 0


def test_the_chains_need_nothing_of_ours() -> None:
    tree = ast.parse(Path(devinterp_chains.__file__).read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert "devinterp" in imported
    assert not imported & {"grokedu", "benchmarks"}


def test_the_population_loss_is_half_the_squared_distance_of_the_maps() -> None:
    net, inputs, targets, loss = build(JOB["network"])
    target = torch.zeros(5, 4)
    target[:2, :2] = torch.eye(2)
    torch.manual_seed(0)
    for weight in net.parameters():
        torch.nn.init.normal_(weight)
    first, second = net.parameters()
    expected = (second @ first - target).square().sum().item() / 2
    assert loss(net(inputs), targets).item() == pytest.approx(expected, rel=1e-5)
    ours, _ = llc_throughput.batched(JOB["network"])
    copies = {name: weight.expand(3, -1, -1) for name, weight in net.named_parameters()}
    assert ours(copies).tolist() == pytest.approx([expected] * 3, rel=1e-5)


def test_the_regression_has_the_curvatures_it_is_given() -> None:
    curvatures = [3.0, 0.5, 0.01]
    net, inputs, targets, loss = build(["regression", {"curvatures": curvatures}])
    weight = next(iter(net.parameters()))
    hessian = torch.func.hessian(lambda w: loss(inputs @ w.T, targets))(weight.detach())
    torch.testing.assert_close(hessian.view(3, 3), torch.diag(torch.tensor(curvatures)))


def test_every_case_starts_at_its_minimum_and_has_its_target() -> None:
    targets = {case.name: case.target for case in llc_against.cases()}
    wanted = [7.5, 11, 44 - 1 / math.log(llc_against.NBETA), 172 - 1 / math.log(llc_against.NBETA)]
    assert [*targets.values()][:4] == pytest.approx(wanted)
    assert 9.9 < targets["regression 1e3"] < 10
    for case in llc_against.cases():
        net, inputs, labels, loss = build(case.network)
        assert loss(net(inputs), labels).item() < 1e-12


def test_an_unknown_network_is_named() -> None:
    with pytest.raises(ValueError, match="'cubic'; wanted one of deep_linear"):
        build(["cubic", {}])


def stand_in(monkeypatch: pytest.MonkeyPatch, result: float | Exception) -> list[dict[str, Any]]:
    """A devinterp that gives one result; what it was called with."""
    calls: list[dict[str, Any]] = []

    def estimate(model: Any, loader: Any, **given: Any) -> dict[str, float]:
        (batch,) = list(loader)
        assert given["evaluate"](model, batch).item() == 0
        calls.append(given)
        if isinstance(result, Exception):
            raise result
        return {"llc/mean": result}

    sampler, parts = ModuleType("devinterp.slt.sampler"), ModuleType("devinterp.utils")
    sampler.estimate_learning_coeff_with_summary = estimate  # type: ignore[attr-defined]
    parts.default_nbeta = lambda size: size / math.log(size)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "devinterp", ModuleType("devinterp"))
    monkeypatch.setitem(sys.modules, "devinterp.slt", ModuleType("devinterp.slt"))
    monkeypatch.setitem(sys.modules, "devinterp.slt.sampler", sampler)
    monkeypatch.setitem(sys.modules, "devinterp.utils", parts)
    return calls


def test_defaults_are_left_to_devinterp(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = stand_in(monkeypatch, 7.25)
    told = devinterp_chains.run(JOB)
    assert told["value"] == 7.25
    assert calls[0]["optimizer_kwargs"] == {"nbeta": 4 / math.log(4)}
    devinterp_chains.run(JOB | {"lr": 1e-5, "localization": 1.0, "nbeta": 100.0})
    assert calls[1]["optimizer_kwargs"] == {"nbeta": 100.0, "lr": 1e-5, "localization": 1.0}
    sizes = ("num_chains", "num_draws", "num_burnin_steps", "seed")
    assert [calls[1][name] for name in sizes] == [2, 30, 10, 3]


def test_divergence_is_told_and_no_other_error_is_taken_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stand_in(monkeypatch, RuntimeError("NaN detected in loss at chain 0, draw 4"))
    assert devinterp_chains.run(JOB)["value"] is None
    stand_in(monkeypatch, math.inf)
    assert devinterp_chains.run(JOB)["value"] is None
    stand_in(monkeypatch, RuntimeError("out of memory"))
    with pytest.raises(RuntimeError, match="out of memory"):
        devinterp_chains.run(JOB)


def test_a_line_is_answered_by_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stand_in(monkeypatch, 7.25)
    threads = torch.get_num_threads()
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{json.dumps(JOB)}\n" * 2))
    devinterp_chains.main()
    torch.set_num_threads(threads)
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [answer["value"] for answer in answers] == [7.25, 7.25]


def test_an_environment_that_cannot_be_set_up_gives_a_reason(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fails(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        assert str(tmp_path / "devinterp-1.3.2") in " ".join(command)
        status = int("pip" in command)
        return subprocess.CompletedProcess(command, status, "", "Looking ...\nno network\n")

    monkeypatch.setattr(devinterp_environment, "user_cache_path", lambda *_, **__: tmp_path)
    monkeypatch.setattr(subprocess, "run", fails)
    python, why = devinterp_environment.environment()
    assert python is None
    assert why == "devinterp 1.3.2 could not be set up: no network"
    ready = tmp_path / "devinterp-1.3.2" / "ready"
    ready.parent.mkdir()
    ready.touch()
    python, why = devinterp_environment.environment()
    assert python is not None
    assert ready.parent in python.parents
    assert why == ""


def test_a_process_that_ends_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    script = tmp_path / "ends.py"
    script.write_text("input()")
    monkeypatch.setattr(devinterp_environment, "SCRIPT", script)
    with (
        pytest.raises(RuntimeError, match="process ended, with status 0"),
        devinterp_environment.Devinterp(Path(sys.executable)) as devinterp,
    ):
        devinterp.run(**JOB)


def test_a_process_is_asked_again_and_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "answers.py"
    script.write_text(
        "import json, sys\n"
        "for line in sys.stdin:\n"
        "    print(json.dumps({'value': json.loads(line)['seed'] or None}), flush=True)\n"
    )
    monkeypatch.setattr(devinterp_environment, "SCRIPT", script)
    with devinterp_environment.Devinterp(Path(sys.executable)) as devinterp:
        assert devinterp.run(seed=3) == {"value": 3}
        assert math.isnan(devinterp.run(seed=0)["value"])
    assert devinterp.process.returncode == 0


def test_without_devinterp_its_rows_are_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    small = [Case("4-4-4 r2", ["deep_linear", {"widths": [4, 4, 4], "rank": 2}], 7.5)]
    monkeypatch.setattr(llc_against, "cases", lambda: small)
    monkeypatch.setattr(llc_against, "STEP_SIZES", (1e-5, 1e-2))
    monkeypatch.setattr(llc_against, "environment", lambda: (None, "no devinterp here"))
    rows = side_by_side([0], chains=4, gradients=400)
    assert [(row["way"], row["step size"]) for row in rows] == [
        ("ours", None),
        ("SGLD", 1e-5),
        ("SGLD", 1e-2),
    ]
    assert "no devinterp here" in capsys.readouterr().err
    assert rows[0]["rms error"] < 0.5
    assert rows[2]["diverged"] == 1  # 4 / nbeta is 5.5e-5
    assert rows[2]["rms error"] is None


def test_the_best_of_a_grid_did_not_diverge() -> None:
    case = Case("c", [], 10.0)
    rows = [
        summary(case, "ours", None, [10.1, 9.9], 1.0),
        summary(case, "SGLD", 1e-4, [10.0, math.nan], 1.0),
        summary(case, "SGLD", 1e-6, [8.0, 8.0], 1.0),
        summary(case, "SGLD", 1e-5, [9.0, 11.0], 1.0),
        summary(case, llc_against.DEFAULTS, None, [math.nan] * 2, 1.0),
    ]
    chosen = best(rows, "SGLD")
    assert chosen is not None
    assert chosen["step size"] == 1e-5
    assert best(rows, llc_against.DEFAULTS) is None
    told = {row["rms error"]: row["c"] for row in pivot(rows)}
    assert told["SGLD 0.0001"] == "1/2 nan"
    assert told["best SGLD / ours"] == "10.0"
    assert told[f"{llc_against.DEFAULTS} / ours"] == "diverged"
    json.dumps(rows, allow_nan=False)
