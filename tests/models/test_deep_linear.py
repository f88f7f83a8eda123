from __future__ import annotations

from typing import Any

import pytest
import torch

from grokedu.models import DeepLinear
from grokedu.tasks import random_stream


def test_outputs_are_the_product_for_shared_inputs_and_each_runs_own() -> None:
    model = DeepLinear((4, 3, 5, 2))
    params = model.init([random_stream(seed, "init") for seed in range(3)], torch.float64)
    inputs = torch.randn(3, 6, 4, generator=random_stream(0, "x"), dtype=torch.float64)
    for run in range(3):
        first, second, third = (params[name][run] for name in ("W1", "W2", "W3"))
        wanted = inputs[run] @ first @ second @ third
        torch.testing.assert_close(model.apply_each(params, inputs)[run], wanted)
        torch.testing.assert_close(model.apply(params, inputs[run])[run], wanted)
        alone = model.init(random_stream(run, "init"), torch.float64)
        assert all(torch.equal(params[name][run], alone[name]) for name in alone)


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_the_truth_has_its_rank(rank: int) -> None:
    model = DeepLinear((4, 3, 5, 4))
    product = model.product(model.truth(rank))
    assert torch.linalg.matrix_rank(product) == rank
    assert torch.equal(product @ product, product)


def test_layers_keep_the_expected_norm() -> None:
    model = DeepLinear((300, 400, 200), init_scale=2.0)
    params = model.init(random_stream(0, "init"), torch.float64)
    # The variance of n Gaussian draws is known to sqrt(2/n): 0.005 for the smaller layer.
    assert params["W1"].var().item() == pytest.approx(4 / 300, rel=0.025)
    assert params["W2"].var().item() == pytest.approx(4 / 400, rel=0.025)


@pytest.mark.parametrize("bad", [{"widths": (3,)}, {"widths": (3, 0)}, {"init_scale": -1.0}])
def test_bad_architectures_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"wanted|must be positive"):
        DeepLinear(**({"widths": (3, 2)} | bad))
    with pytest.raises(ValueError, match="wanted 0 to 2"):
        DeepLinear((3, 2)).truth(3)
