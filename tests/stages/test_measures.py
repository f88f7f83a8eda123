from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from grokedu.stages import standardise_per_run, training_features, trajectory
from grokedu.tasks import random_stream

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def weights(seed: int, dtype: torch.dtype = torch.float64) -> dict[str, torch.Tensor]:
    generator = random_stream(seed, "weights")
    shapes = {"W": (4, 3), "heads": (2, 3, 5), "b": (3,), "c": (2,)}
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_fourteen_measures_are_numpys(dtype: torch.dtype, device: str) -> None:
    params = weights(0)
    there = {name: one.to(device, dtype) for name, one in params.items()}
    found = {name: value.item() for name, value in training_features(there).items()}
    matrices = [params["W"].numpy(), *params["heads"].numpy()]
    singular = [np.linalg.svd(one, compute_uv=False) for one in matrices]
    flat = np.concatenate([one.ravel() for one in matrices])
    biases = np.concatenate([params["b"].numpy(), params["c"].numpy()])
    l1, l2 = ([np.linalg.norm(one.ravel(), order) for one in matrices] for order in (1, 2))
    trace = [np.trace(one) for one in matrices]
    top = [one[0] for one in singular]
    wanted = {
        "l1_norm": np.mean(l1),
        "l2_norm": np.mean(l2),
        "l1_over_l2": np.mean(np.divide(l1, l2)),
        "trace": np.mean(trace),
        "top_singular_value": np.mean(top),
        "trace_over_top": np.mean(np.divide(trace, top)),
        "mean_singular_value": np.mean([one.mean() for one in singular]),
        "variance_singular_value": np.mean([one.var(ddof=1) for one in singular]),
        "mean_weights": flat.mean(),
        "median_weights": np.sort(flat)[(len(flat) - 1) // 2],
        "variance_weights": flat.var(ddof=1),
        "mean_biases": biases.mean(),
        "median_biases": np.median(biases),
        "variance_biases": biases.var(ddof=1),
    }
    assert found == pytest.approx(wanted, rel=1e3 * torch.finfo(dtype).eps, abs=1e-6)
    assert [*found] == [*wanted]


def test_a_module_without_biases_has_eleven() -> None:
    net = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 1, bias=False))
    found = training_features(net)
    assert len(found) == 11
    # A matrix of one row has one singular value, of no variance.
    row = {"W": net[2].weight}
    assert training_features(row)["variance_singular_value"] == 0


def test_a_single_number_has_no_variance_and_counts_as_a_bias() -> None:
    found = training_features({"W": torch.ones(3, 2), "temperature": torch.tensor(2.0)})
    assert (found["mean_biases"], found["variance_biases"]) == (2, 0)
    runs = {"W": torch.ones(3, 4, 2), "temperature": torch.tensor([1.0, 2.0, 3.0])}
    table, names = trajectory({0: runs})
    assert table[0, :, names.index("median_biases")].tolist() == [1, 2, 3]


def test_runs_side_by_side_get_what_they_get_alone_step_by_step() -> None:
    checkpoints = {
        step: {
            name: torch.stack([weights(step + run)[name] for run in range(3)])
            for name in weights(0)
        }
        for step in (100, 0)
    }
    table, names = trajectory(checkpoints)
    assert table.shape == (2, 3, 14)
    for row, step in enumerate((0, 100)):  # in the order of steps, not of the dictionary
        for run in range(3):
            alone = training_features(weights(step + run))
            np.testing.assert_allclose(table[row, run], [alone[name] for name in names])


@given(st.integers(0, 1000), st.floats(1e-3, 1e3), st.floats(-1e3, 1e3))
@settings(max_examples=30)
def test_standardising_forgets_scale_and_shift_of_each_run(
    seed: int, size: float, shift: float
) -> None:
    table = np.random.default_rng(seed).normal(size=(9, 2, 3))
    found = standardise_per_run(table)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(found.std(axis=0), 1)
    moved = table.copy()
    moved[:, 1] = size * moved[:, 1] + shift
    np.testing.assert_allclose(standardise_per_run(moved), found, atol=1e-8)


def test_what_does_not_change_is_zero() -> None:
    table = np.full((5, 1, 2), 0.1)
    table[:, 0, 1] = np.arange(5)
    assert (standardise_per_run(table)[..., 0] == 0).all()


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match="no weight matrix"):
        training_features({"b": torch.ones(3)})
    broken = torch.ones(3, 2, 2)
    broken[1], broken[2, 0, 0] = 0, torch.nan
    with pytest.raises(ValueError, match=r"of runs \[1, 2\] is zero or not a number"):
        trajectory({0: {"W": broken}})
    with pytest.raises(ValueError, match="is zero or not a number"):
        training_features({"W": torch.zeros(2, 2)})
    with pytest.raises(ValueError, match="different devices"):
        training_features({"W": torch.ones(2, 2), "b": torch.ones(2, device="meta")})
    with pytest.raises(ValueError, match="no checkpoints"):
        trajectory({})
    for shape in ((3, 2), (1, 2, 3)):
        with pytest.raises(ValueError, match=r"wanted \(T, S, K\)"):
            standardise_per_run(np.ones(shape))
