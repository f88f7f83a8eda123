from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grokedu.models import InContextTransformer
from grokedu.models.in_context import interleave
from grokedu.tasks import random_stream

SMALL = InContextTransformer(dimension=3, examples=5, width=8, heads=2, layers=2, hidden=6)


def drawn(*shape: int) -> Tensor:
    return torch.randn(shape, generator=random_stream(0, "x"), dtype=torch.float64)


def test_a_prediction_sees_nothing_after_its_x() -> None:
    params = SMALL.init(random_stream(0, "init"), torch.float64)
    inputs = drawn(2, 5, 4)
    before = SMALL.apply(params, inputs)
    for k in range(5):
        changed = inputs.clone()
        changed[:, k, -1] += 1  # its own y
        changed[:, k + 1 :] += 1
        after = SMALL.apply(params, changed)
        torch.testing.assert_close(after[:, : k + 1], before[:, : k + 1], rtol=0, atol=1e-12)
        assert k == 4 or (after[:, k + 1 :] - before[:, k + 1 :]).abs().min() > 0


def test_a_batch_of_runs_is_each_alone_with_shared_inputs_or_their_own() -> None:
    params = SMALL.init([random_stream(seed, "init") for seed in range(3)], torch.float64)
    inputs = drawn(3, 4, 5, 4)
    shared, each = SMALL.apply(params, inputs[0]), SMALL.apply_each(params, inputs)
    assert shared.shape == each.shape == (3, 4, 5)
    for run in range(3):
        alone = SMALL.init(random_stream(run, "init"), torch.float64)
        torch.testing.assert_close(shared[run], SMALL.apply(alone, inputs[0]))
        torch.testing.assert_close(each[run], SMALL.apply(alone, inputs[run]))
        torch.testing.assert_close(each[run], SMALL.module(alone)(inputs[run]))


def test_a_block_is_torchs_own_encoder_layer() -> None:
    model = InContextTransformer(dimension=3, examples=5, width=8, heads=2, layers=1, hidden=6)
    params = model.init(random_stream(1, "init"), torch.float64)
    theirs = nn.TransformerEncoderLayer(
        8, 2, 6, dropout=0.0, batch_first=True, norm_first=True, dtype=torch.float64
    )
    ours = {k.removeprefix("0."): v for k, v in params.items() if k.startswith("0.")}
    with torch.no_grad():
        projections = [ours[name].T for name in ("query", "key", "value")]
        theirs.self_attn.in_proj_weight.copy_(torch.cat(projections))
        theirs.self_attn.in_proj_bias.zero_()
        theirs.self_attn.out_proj.weight.copy_(ours["output"].T)
        theirs.self_attn.out_proj.bias.zero_()
        for linear, name in ((theirs.linear1, "mlp_in"), (theirs.linear2, "mlp_out")):
            linear.weight.copy_(ours[name].T)
            linear.bias.copy_(ours[f"{name}_b"])
    inputs = drawn(4, 5, 4)
    stream = interleave(inputs) @ params["embed"] + params["position"]
    mask = nn.Transformer.generate_square_subsequent_mask(10, dtype=torch.float64)
    out = nn.functional.layer_norm(theirs(stream, src_mask=mask), (8,))
    wanted = (out @ params["unembed"] + params["unembed_b"])[:, 0::2, 0]
    torch.testing.assert_close(model.apply(params, inputs), wanted, rtol=1e-10, atol=1e-12)


def test_it_can_be_differentiated_twice() -> None:
    params = SMALL.init(random_stream(0, "init"), torch.float64)
    leaf = params["0.query"].requires_grad_()
    loss = SMALL.apply(params, drawn(2, 5, 4)).square().mean()
    (first,) = torch.autograd.grad(loss, leaf, create_graph=True)
    (second,) = torch.autograd.grad(first.square().sum(), leaf)
    assert second.abs().max() > 0


def test_a_shorter_sequence_is_the_start_of_a_longer_one() -> None:
    params = SMALL.init(random_stream(0, "init"), torch.float64)
    inputs = drawn(2, 5, 4)
    short = SMALL.apply(params, inputs[:, :3])
    torch.testing.assert_close(short, SMALL.apply(params, inputs)[:, :3], rtol=0, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 6, 4), (2, 5, 3)])
def test_inputs_that_do_not_fit_are_refused(shape: tuple[int, ...]) -> None:
    params = SMALL.init(random_stream(0, "init"), torch.float64)
    with pytest.raises(ValueError, match="with K at most 5"):
        SMALL.apply(params, drawn(*shape))


@pytest.mark.parametrize("bad", [{"layers": 0}, {"heads": 3}, {"init_scale": 0.0}])
def test_bad_architectures_are_refused(bad: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"at least 1|do not divide|must be positive"):
        InContextTransformer(**bad)
