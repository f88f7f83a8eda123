from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.func import grad

from grokedu import claims as reproduce
from grokedu.claims.icl_stages import experiment as icl_stages
from grokedu.claims.icl_stages.in_context import (
    SampledLoss,
    draw,
    in_context_task,
    polish,
    train_runs,
)
from grokedu.models import InContextTransformer
from grokedu.tasks import random_stream

TINY = InContextTransformer(1, 3, width=4, heads=1, layers=1, hidden=4)


def test_it_writes_its_numbers_its_verdict_and_its_figure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = {"seeds": 2, "batch": 8, "records": (2, 6, 12), "sequences": 16, "polish": 5}
    tiny = {"model": TINY, "gradients": 160, **small}
    monkeypatch.setattr(icl_stages, "QUICK", replace(icl_stages.QUICK, **tiny))
    reproduce.reproduce("icl-stages", quick=True, progress=False, folder=tmp_path)
    written = json.loads((tmp_path / "icl-stages.json").read_text(encoding="utf-8"))
    assert written["verdict"] in ("holds", "holds in a window", "fails")
    assert (written["nbeta"], written["seeds"]) == (60, [0, 1])
    for name, arm in icl_stages.ARMS.items():
        assert np.shape(written["arms"][name]["llc"]) == (3, 2)
        assert written["arms"][name]["gamma"] == arm.gamma
    before, after = (np.array(written["sampled_loss"][x]) for x in ("as trained", "polished"))
    assert (after < before).all()
    assert (np.array(written["moved_by_polishing"]) > 0).all()
    assert (tmp_path / "icl-stages.png").stat().st_size > 10_000


def test_the_sampled_loss_is_each_runs_own_mean_with_its_gradient() -> None:
    params = TINY.init([random_stream(seed, "init") for seed in range(2)], torch.float64)
    inputs = draw(TINY, 6, random_stream(0, "sampled")).double()
    loss = SampledLoss(TINY, inputs)
    losses, gradients = loss(params, None)
    rows = torch.tensor([[0, 1], [4, 5]])
    chosen, _ = loss(params, rows)
    for run in range(2):
        alone = {name: tensor[run] for name, tensor in params.items()}
        error = (TINY.apply(alone, inputs) - inputs[..., -1]).square()
        torch.testing.assert_close(losses[run], error.mean())
        torch.testing.assert_close(chosen[run], error[rows[run]].mean())
        wanted = grad(lambda w: (TINY.apply(w, inputs) - inputs[..., -1]).square().mean())(alone)
        for name, tensor in wanted.items():
            torch.testing.assert_close(gradients[name][run], tensor)


def test_polishing_lowers_the_sampled_loss_and_leaves_the_weights_it_was_given() -> None:
    sample = draw(TINY, 16, random_stream(0, "sampled"))
    loss, task = SampledLoss(TINY, sample), in_context_task(TINY, sample, sample)
    params = TINY.init([random_stream(0, "init")])
    kept = {name: tensor.clone() for name, tensor in params.items()}
    after = polish(TINY, task, params, 30, 1e-3)
    assert loss(after, None)[0] < loss(params, None)[0]
    assert all(torch.equal(tensor, kept[name]) for name, tensor in params.items())
    least = polish(TINY, task, params, 1, 1e-3)
    assert loss(after, None)[0] < loss(least, None)[0] < loss(params, None)[0]


def test_a_run_draws_the_same_sequences_alone_and_beside_another() -> None:
    sampled = draw(TINY, 8, random_stream(0, "sampled"))
    task, settings = in_context_task(TINY, sampled, sampled), {"batch": 4, "lr": 0.01}
    both = train_runs(TINY, task, [20], seeds=2, progress=False, **settings)[20]
    alone = train_runs(TINY, task, [20], seeds=1, progress=False, **settings)[20]
    for name, tensor in alone.items():
        torch.testing.assert_close(both[name][:1], tensor, rtol=1e-4, atol=1e-5)
    other = random_stream(1, "batches")
    assert not torch.equal(task.draw(4, random_stream(0, "batches"))[0], task.draw(4, other)[0])


def test_training_learns_beyond_the_best_constant() -> None:
    model = InContextTransformer(1, 4, width=8, heads=2, layers=2, hidden=8)
    sampled = draw(model, 8, random_stream(0, "sampled"))
    task = in_context_task(model, sampled, sampled)
    kept = train_runs(model, task, [1, 400], seeds=1, batch=32, lr=0.01, progress=False)
    held_out = SampledLoss(model, draw(model, 2000, random_stream(0, "held out")))
    constant = held_out.inputs[..., -1].var().item()
    assert held_out(kept[1], None)[0] > 0.95 * constant
    assert held_out(kept[400], None)[0] < 0.85 * constant


def test_the_peak_is_taken_from_the_other_runs() -> None:
    llc = np.array([[5.0, 1, 1], [1, 9, 9], [2, 3, 3]])
    norm = np.array([[1.0, 1, 1], [2, 2, 2], [4, 5, 6]])
    found = icl_stages.after_the_peak(llc, norm)
    assert found["peak"] == [1, 1, 1]  # the first run's own highest value is not asked
    assert found["llc"]["value"] == -6
    assert found["norm"]["value"] == 3
    rising = icl_stages.after_the_peak(norm, norm)
    assert rising["peak"] == [2, 2, 2]
    assert rising["llc"]["high"] == rising["norm"]["low"] == 0


def test_noise_alone_makes_no_fall() -> None:
    noise = np.random.default_rng(0).normal(size=(40, 6, 5))
    falls = [icl_stages.after_the_peak(one, one)["llc"]["value"] for one in noise]
    assert abs(np.mean(falls)) < 0.5  # from each run's own peak it would be about -1.3


def test_it_holds_only_where_the_llc_falls_and_the_norm_rises_in_every_arm() -> None:
    def seen(llc: float, norm: float) -> dict[str, dict[str, float]]:
        return {"llc": {"high": llc}, "norm": {"low": norm}}

    fall, rise, both = seen(-1, 1), seen(1, 1), seen(-1, -1)
    assert icl_stages._verdict({"a": fall, "b": fall}) == "holds"
    assert icl_stages._verdict({"a": rise, "b": fall}) == "holds in a window"
    assert icl_stages._verdict({"a": rise, "b": both}) == "fails"
