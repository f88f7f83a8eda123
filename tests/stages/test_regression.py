from __future__ import annotations

import numpy as np
import pytest
import torch

from grokedu.stages import ridge_loss, ridge_predictor, sample_task
from grokedu.tasks import random_stream

DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_each_prediction_is_a_ridge_regression_on_what_came_before(
    dtype: torch.dtype, device: str
) -> None:
    drawn = sample_task(3, 8, 4, 0.125, random_stream(0, "task"), dtype=dtype, device=device)
    found = ridge_predictor(drawn.x, drawn.y, 0.125).cpu().double().numpy()
    x, y = (one.cpu().double().numpy() for one in (drawn.x, drawn.y))
    for run in range(3):
        for k in range(8):
            gram = x[run, :k].T @ x[run, :k] + 0.125 * np.eye(4)
            wanted = x[run, k] @ np.linalg.solve(gram, x[run, :k].T @ y[run, :k])
            assert found[run, k] == pytest.approx(wanted, rel=2e4 * torch.finfo(dtype).eps)


def test_the_closed_form_is_the_mean_squared_error_and_none_is_lower() -> None:
    noise, count = 0.125, 20000
    drawn = sample_task(count, 8, 4, noise, random_stream(1, "task"), dtype=torch.float64)
    error = (drawn.y - ridge_predictor(drawn.x, drawn.y, noise)).square()
    told = ridge_loss(drawn.x, noise)
    spread = (error - told).std(dim=0) / count**0.5
    assert bool(((error - told).mean(dim=0).abs() < 5 * spread).all())
    first = told[:, 0]
    assert (first.mean() - (4 + noise)).abs() < 5 * first.std() / count**0.5
    other = (drawn.y - ridge_predictor(drawn.x, drawn.y, 2.0)).square()
    assert other[:, 4:].mean() > error[:, 4:].mean()


def test_later_examples_cannot_be_seen() -> None:
    drawn = sample_task(1, 8, 4, 0.1, random_stream(2, "task"))
    before = ridge_predictor(drawn.x, drawn.y, 0.1)
    y = drawn.y.clone()
    y[:, 5:] += 100
    after = ridge_predictor(drawn.x, y, 0.1)
    torch.testing.assert_close(after[:, :6], before[:, :6])
    assert bool((after[:, 6:] != before[:, 6:]).all())


def test_a_seed_draws_the_same_in_any_dtype() -> None:
    one, other = (
        sample_task(2, 3, 4, 0.1, random_stream(3, "task"), dtype=dtype)
        for dtype in (torch.float32, torch.float64)
    )
    torch.testing.assert_close(one.x, other.x.float())
    torch.testing.assert_close(one.y, other.y.float())


def test_bad_input_is_refused() -> None:
    stream = torch.Generator()
    with pytest.raises(ValueError, match="at least 1, 1, 1 and 0"):
        sample_task(2, 0, 4, 0.1, stream)
    with pytest.raises(ValueError, match="at least 1, 1, 1 and 0"):
        sample_task(2, 3, 4, -0.1, stream)
    x = torch.ones(2, 3, 4)
    with pytest.raises(ValueError, match="positive variance"):
        ridge_loss(x, 0.0)
    with pytest.raises(ValueError, match=r"\(\.\.\., K, D\) and"):
        ridge_predictor(x, torch.ones(2, 4), 0.1)
