"""Who takes the parts changes nothing but the rounding: executors, threads, processes, CUDA."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from grokedu.models import FromModule, TwoLayer
from grokedu.models.teacher_student import teacher_task
from grokedu.training import train
from grokedu.training.ensembles import parts, train_ensemble
from grokedu.training.runs import Runs
from tests.training.ensembles.small import EXACT, MODEL, TASK, same


def test_an_executor_with_one_shard_is_equal_to_the_bit(
    settings: dict[str, Any], whole: Runs
) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert same(whole, train_ensemble(MODEL, TASK, executor=pool, shards=1, **settings))
        assert same(whole, train_ensemble(MODEL, TASK, executor=pool, **settings), atol=1e-9)


def test_threads_change_nothing_but_the_rounding(
    settings: dict[str, Any], whole: Runs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "WORTH_A_THREAD", 1)
    used = []
    with monkeypatch.context() as patch:

        def counted(*args: Any, **settings: Any) -> Runs:
            used.append(settings)
            return train(*args, **settings)

        patch.setattr(parts, "train", counted)
        threaded = train_ensemble(MODEL, TASK, **settings)
    assert len(used) == parts.THREADED
    assert same(whole, threaded, atol=1e-9)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert same(threaded, train_ensemble(MODEL, TASK, **settings))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_threads_do_not_share_a_module() -> None:
    model = FromModule(lambda: nn.Sequential(nn.Linear(5, 4), nn.Tanh(), nn.Linear(4, 5)))
    settings: dict[str, Any] = {"steps": 20, "seed": range(8), "loss": "mse", **EXACT}
    task = partial(teacher_task, train=20, test=10)
    alone = train_ensemble(model, task, shards=1, **settings)
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        assert same(alone, train_ensemble(model, task, shards=4, **settings), atol=1e-9)
    finally:
        torch.set_num_threads(before)


@pytest.mark.full
def test_processes(settings: dict[str, Any], whole: Runs) -> None:
    with ProcessPoolExecutor(2) as pool:
        result = train_ensemble(MODEL, TASK, executor=pool, shards=2, **settings)
    assert same(whole, result, atol=1e-9)


@pytest.mark.full
def test_a_dask_cluster(settings: dict[str, Any], whole: Runs) -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as local,
        distributed.Client(local) as client,
        client.get_executor() as pool,
    ):
        assert same(whole, train_ensemble(MODEL, TASK, executor=pool, shards=1, **settings))
        result = train_ensemble(MODEL, TASK, executor=pool, shards=3, **settings)
    assert same(whole, result, atol=1e-9)


@pytest.mark.gpu
def test_the_same_on_cuda() -> None:
    def runs(device: str) -> Runs:
        return train_ensemble(
            TwoLayer(7, 12, "gelu", biases=True, tied=True), TASK, fraction=[0.4, 0.6],
            seed=range(2), loss=["cross_entropy", "mse"], steps=50, device=device, **EXACT,
        )  # fmt: skip

    assert same(runs("cpu"), runs("cuda"), atol=1e-9)
