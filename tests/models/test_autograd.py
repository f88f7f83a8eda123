from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from grokedu.models.autograd import loss_of_each
from grokedu.tasks import random_stream


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_loss_of_each_is_torchs(dtype: torch.dtype) -> None:
    logits = 5 * torch.randn(4, 9, 6, generator=random_stream(0, "x"), dtype=dtype)
    labels = torch.randint(6, (9,), generator=random_stream(0, "labels"))
    wanted = F.cross_entropy(logits.flatten(0, 1), labels.repeat(4), reduction="none")
    torch.testing.assert_close(loss_of_each("cross_entropy", logits, labels).flatten(), wanted)
    squares = (logits - F.one_hot(labels, 6)).square().mean(-1)
    torch.testing.assert_close(loss_of_each("mse", logits, labels), squares)
    aims = torch.zeros(9, 6, dtype=torch.float64)
    torch.testing.assert_close(loss_of_each("mse", logits, aims), logits.square().mean(-1))


def test_float32_keeps_the_gradient_where_the_loss_rounds_to_zero() -> None:
    for loss in (0.0, 30.0, 60.0):
        logits = torch.tensor([[loss, 0.0, -1.0]], requires_grad=True)
        each = loss_of_each("cross_entropy", logits, torch.tensor([0]))
        (slope,) = torch.autograd.grad(each.sum(), logits)
        odds = math.exp(-loss) + math.exp(-1 - loss)  # of being wrong, against being right
        wanted = [
            -odds / (1 + odds),
            math.exp(-loss) / (1 + odds),
            math.exp(-1 - loss) / (1 + odds),
        ]
        torch.testing.assert_close(slope[0], torch.tensor(wanted), rtol=1e-5, atol=0)


def test_a_loss_that_does_not_fit_the_targets_is_refused() -> None:
    with pytest.raises(ValueError, match="wanted one of cross_entropy, mse"):
        loss_of_each("hinge", torch.zeros(1, 2), torch.tensor([0]))
    with pytest.raises(ValueError, match="the targets are real numbers"):
        loss_of_each("cross_entropy", torch.zeros(1, 2), torch.zeros(1, 2))
