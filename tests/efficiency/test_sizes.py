from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from grokedu.efficiency import (
    critical_data_size,
    crossing,
    memorisation_only,
    regimes,
    shrink,
    size_data_map,
    ungrok,
)
from grokedu.models import TwoLayer
from grokedu.tasks import make_task, random_stream
from grokedu.training import train
from grokedu.training.runs import Runs

MODEL = TwoLayer(7, 16)
TASK = partial(make_task, "modular_addition", 7, 0.6)


def test_random_labels_are_everywhere_and_the_split_stays() -> None:
    true, drawn = TASK(0), memorisation_only(TASK(0), 0)
    assert torch.equal(true.train, drawn.train)
    for part in (true.train, true.test):
        assert (true.targets[part] == drawn.targets[part]).double().mean() < 0.5
    assert torch.equal(drawn.targets, memorisation_only(TASK(0), 0).targets)
    assert not torch.equal(drawn.targets, memorisation_only(TASK(0), 1).targets)


def test_smaller_parts_lie_in_larger_ones_and_nothing_is_lost() -> None:
    task = TASK(0)
    parts = [shrink(task, size) for size in (3, 10, len(task.train))]
    for smaller, larger in itertools.pairwise(parts):
        assert {*smaller.train.tolist()} < {*larger.train.tolist()}
    for part in parts:
        assert sorted([*part.train.tolist(), *part.test.tolist()]) == [*range(49)]
    for size in (0, 30):
        with pytest.raises(ValueError, match="wanted 1 to 29"):
            shrink(task, size)


def test_a_run_goes_on_as_if_it_had_not_stopped() -> None:
    # Plain decay of the weights by (1 - lr * wd) a step shows that training started at the weights
    # given: the first record is the last of the run before.
    first = train(MODEL, TASK, seeds=2, steps=20, progress=False)
    after = train(MODEL, TASK, seeds=2, steps=5, start=first.params, progress=False)
    for name in ("train_loss", "test_loss", "l2_norm"):
        np.testing.assert_allclose(after[name][0], first[name][-1], rtol=1e-6)
    with pytest.raises(ValueError, match=r"a row a run"):
        train(MODEL, TASK, seeds=3, steps=5, start=first.params, progress=False)


def test_ungrokking_gives_each_weight_decay_the_same_decay_time() -> None:
    tasks = [TASK(seed) for seed in (3, 4)]
    params = MODEL.init([torch.Generator().manual_seed(s) for s in (3, 4)])
    found = ungrok(
        MODEL, params, tasks, [5, 20], weight_decay=[0.5, 2.0], decay_time=0.1, seeds=[3, 4]
    )
    assert {decay: int(runs.steps[-1]) for decay, runs in found.items()} == {0.5: 20, 2.0: 5}
    for runs in found.values():
        assert runs.labels["train_size"].tolist() == [5, 5, 20, 20]
        assert runs.labels["seed"].tolist() == [3, 4, 3, 4]
        np.testing.assert_allclose(runs["l2_norm"][0, :2], runs["l2_norm"][0, 2:])
    with pytest.raises(ValueError, match="wanted positive"):
        ungrok(MODEL, params, tasks, [5], weight_decay=0.0, decay_time=1.0)


def test_crossings_of_known_curves() -> None:
    sizes = np.array([100.0, 200.0, 400.0, 800.0])
    # A norm that rises as log D crosses a flat one exactly.
    assert crossing(sizes, np.log(sizes), math.log(300)) == pytest.approx(300)
    assert math.isnan(crossing(sizes, sizes, 50))
    assert math.isnan(crossing(sizes, sizes, 900))
    assert math.isnan(crossing(sizes, [math.nan, 1, 2, 3], 0.5))
    with pytest.raises(ValueError, match="rising positive sizes"):
        crossing([1, 1], [0, 1])
    with pytest.raises(ValueError, match="rising positive sizes"):
        crossing([1, 2], [0, 1, 2])


def test_the_critical_sizes_interval_covers_at_its_level() -> None:
    # Runs whose own crossings are known: log-normal about 300, five runs at a time.
    sizes = np.geomspace(50, 2000, 9)
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        own = np.log(300) + 0.2 * generator.normal(size=9)
        curves = np.log(sizes)[None] - own[:, None]
        found = critical_data_size(sizes, curves, resamples=200)
        assert found["value"] == pytest.approx(np.exp(np.median(own)))
        hits += found["low"] <= 300 <= found["high"]
    # For a median of 9 the percentile interval covers 0.95 or so; 100 trials miss 82 by chance
    # with a probability below 1e-6 even at 0.93.
    assert hits >= 82


def test_resamples_without_a_crossing_are_counted() -> None:
    curves = [[0.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
    found = critical_data_size([10, 20], curves, 0.5)
    # Two or three of three draws are the flat run with probability 3 (1/3)^2 (2/3) + 1/27 = 0.259;
    # 2000 resamples know it to 0.01.
    assert found["unknown"] == pytest.approx(7 / 27, abs=0.05)
    assert critical_data_size([10, 20], np.full((2, 2), np.nan), 0.5)["unknown"] == 1


def test_regimes_of_made_up_runs() -> None:
    steps = np.array([0, 10, 100, 1000])
    train_accuracy = [[0, 1, 1, 1]] * 4 + [[0, 0, 0.5, 0.5]]
    test_accuracy = [[0, 0, 0, 1], [0, 0.9, 1, 1], [0, 0, 0, 0.05], [0, 0, 0.2, 0.5], [0, 0, 0, 0]]
    test_accuracy[1][1] = 1
    runs = Runs(
        steps,
        {
            "train_accuracy": np.array(train_accuracy, dtype=float).T,
            "test_accuracy": np.array(test_accuracy, dtype=float).T,
        },
        {"seed": np.arange(5)},
    )
    assert regimes(runs).tolist() == [
        "grokking",
        "progression",
        "memorisation",
        "semi-grokking",
        "underfit",
    ]
    with pytest.raises(ValueError, match="0 <= low < threshold"):
        regimes(runs, low=0.99)


def test_the_map_holds_every_model_and_data_size() -> None:
    found = size_data_map(
        {4: TwoLayer(7, 4), 8: TwoLayer(7, 8)},
        lambda size, seed: shrink(make_task("modular_addition", 7, 0.9, seed), size),
        [10, 20, 40],
        seeds=[0, 1],
        steps=3,
    )
    assert [*found] == [4, 8]
    for runs in found.values():
        assert runs.labels["train_size"].tolist() == [10, 10, 20, 20, 40, 40]
        assert runs.labels["seed"].tolist() == [0, 1] * 3


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sizes": []}, "wanted sizes"),
        ({"seeds": [0, 1]}, "as many of all others"),
        ({"decay_time": 1e-6}, "wanted at least one"),
        ({"weight_decay": 0.0}, "wanted positive numbers"),
    ],
)
def test_ungrokking_what_does_not_fit_is_refused(change: dict[str, Any], message: str) -> None:
    model = TwoLayer(7, 4)
    params = model.init([random_stream(0, "init")])
    task = make_task("modular_addition", 7, 0.9, 0)
    settings = {"sizes": [10], "weight_decay": 1.0, "decay_time": 0.1} | change
    with pytest.raises(ValueError, match=message):
        ungrok(model, params, [task], **settings)


def test_one_curve_is_not_a_curve_a_run() -> None:
    with pytest.raises(ValueError, match="a row for each run"):
        critical_data_size([1, 2, 3], [0.0, 0.5, 1.0], 0.5)
