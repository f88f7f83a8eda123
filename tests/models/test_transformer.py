from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from grokedu.measures import cross_entropy, l2_norm
from grokedu.models.gradients import LOSSES
from grokedu.models.transformer import NAMES, Transformer, TransformerModule, forward
from grokedu.models.transformer_gradient import TransformerGradient
from grokedu.tasks import make_task, modular_addition, random_stream
from grokedu.training import train

SMALL = Transformer(p=7, d_model=12, heads=3, d_mlp=20)
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def weights(model: Transformer = SMALL, runs: int = 3, **kind: object) -> dict[str, torch.Tensor]:
    """Initial weights, times two and with biases, so that attention is far from even."""
    kind = {"dtype": torch.float64} | kind
    params = model.init([random_stream(seed, "init") for seed in range(runs)], **kind)  # type: ignore[arg-type]
    noise = random_stream(0, "biases")
    for name in ("b_in", "b_out"):
        params[name] += torch.randn(params[name].shape, generator=noise).to(params[name])
    return {name: 2 * tensor for name, tensor in params.items()}


def plain_in_loops(params: dict[str, torch.Tensor], a: int, b: int, p: int) -> torch.Tensor:
    """One input of one network, head by head and position by position, from the definition."""
    stream = [params["W_E"][t] + params["W_pos"][i] for i, t in enumerate((a, b, p))]
    heads, _, head = params["W_Q"].shape
    after = stream[2].clone()
    for h in range(heads):
        query = stream[2] @ params["W_Q"][h]
        scores = torch.stack([query @ (x @ params["W_K"][h]) for x in stream]) / head**0.5
        share = scores.exp() / scores.exp().sum()
        mixed = sum(w * (x @ params["W_V"][h]) for w, x in zip(share, stream, strict=True))
        after = after + mixed @ params["W_O"][h]
    hidden = (after @ params["W_in"] + params["b_in"]).clamp(min=0)
    after = after + hidden @ params["W_out"] + params["b_out"]
    return after @ params["W_U"]


@pytest.mark.parametrize("equals_logit", [False, True])
def test_plain_and_tables_are_the_definition(equals_logit: bool) -> None:
    model = Transformer(7, 12, 3, 20, equals_logit=equals_logit)
    params, (pairs, _) = weights(model), modular_addition(7)
    logits = forward(params, pairs)
    torch.testing.assert_close(model.apply(params, pairs), logits, rtol=1e-12, atol=1e-12)
    one = {name: tensor[1] for name, tensor in params.items()}
    wanted = torch.stack([plain_in_loops(one, a, b, 7) for a, b in pairs.tolist()])
    assert wanted.shape == (49, 8 if equals_logit else 7)
    torch.testing.assert_close(logits[1], wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-4), (torch.float64, 1e-11)])
def test_the_gradient_is_the_same_plainly_and_by_tables(
    dtype: torch.dtype, rtol: float, device: str
) -> None:
    params = weights(dtype=dtype, device=device)
    pairs, labels = (tensor.to(device) for tensor in modular_addition(7))
    by_way = []
    for plain in (True, False):
        net = TransformerModule(SMALL, {k: v.clone() for k, v in params.items()}, plain=plain)
        torch.vmap(cross_entropy, in_dims=(0, None))(net(pairs), labels).sum().backward()
        by_way.append({name: weight.grad for name, weight in net.named_parameters()})
    for name in NAMES:
        assert by_way[0][name].norm() > 0
        torch.testing.assert_close(
            by_way[1][name], by_way[0][name], rtol=rtol, atol=rtol * by_way[0][name].abs().max()
        )


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_by_hand_is_autograd_of_the_plain_way(loss: str, device: str) -> None:
    params, (pairs, labels) = weights(device=device), modular_addition(7)
    runs, kept = 3, 20
    rows = torch.stack(
        [torch.randperm(49, generator=random_stream(s, "split"))[:kept] for s in range(runs)]
    )
    share = torch.full((runs, kept), 1 / kept, dtype=torch.float64)
    share[1] = 0  # the second run has only ten examples; the rest pads
    share[1, :10] = 1 / 10
    gradient = TransformerGradient(
        SMALL, *(t.to(device) for t in (pairs[rows], labels[rows], share)), loss
    )
    gradient(params)  # buffers are reused: the second call must give the same
    ours = gradient(params)
    for run in range(runs):
        alone = {k: v[run].clone().requires_grad_() for k, v in params.items()}
        used = rows[run, : 10 if run == 1 else kept]
        logits, wanted = forward(alone, pairs[used].to(device)), labels[used].to(device)
        if loss == "cross_entropy":
            F.cross_entropy(logits, wanted).backward()
        else:
            F.mse_loss(logits, F.one_hot(wanted, 7).double()).backward()
        for name, weight in alone.items():
            torch.testing.assert_close(ours[name][run], weight.grad, rtol=1e-11, atol=1e-14)


def test_float32_keeps_the_gradient_where_the_loss_rounds_to_zero() -> None:
    single = weights(runs=1, dtype=torch.float32)
    single["W_U"] *= 4
    pairs, _ = modular_addition(7)
    top = SMALL.apply(single, pairs)[0].topk(2).values
    gaps = top[:, 0] - top[:, 1]
    pairs = pairs[(gaps > 18) & (gaps < 60)][None]  # there float32's softmax is 1
    labels = SMALL.apply(single, pairs[0]).argmax(-1)
    assert labels.shape[1] > 5
    assert cross_entropy(SMALL.apply(single, pairs[0])[0], labels[0]) == 0
    exact = {name: tensor.double() for name, tensor in single.items()}
    ours, wanted = (
        TransformerGradient(SMALL, pairs, labels, torch.ones(labels.shape, dtype=p["W_U"].dtype))(p)
        for p in (single, exact)
    )
    assert wanted["W_U"].norm() > 0
    assert (ours["W_U"] - wanted["W_U"]).norm() < 1e-2 * wanted["W_U"].norm()


def test_probabilities_near_the_smallest_number_count_as_zero() -> None:
    params = {name: torch.zeros_like(tensor) for name, tensor in SMALL.init(
        [random_stream(0, "init")]).items()}  # fmt: skip
    gaps = torch.tensor([0.0, 95, 50, 69, 40, 75, 200])
    params["W_pos"][0, 2, 0], params["W_U"][0, 0] = 1.0, -gaps
    pairs, labels = torch.tensor([[[1, 2], [3, 4]]]), torch.tensor([[0, 0]])
    found = TransformerGradient(SMALL, pairs, labels, torch.full((1, 2), 0.5))(params)["W_U"][0, 0]
    wanted = torch.where(gaps < 71, (-gaps.double()).exp(), 0)  # exp(-71) is 1e-31
    wanted[0] = -wanted[1:].sum()
    torch.testing.assert_close(found, wanted.float(), rtol=1e-5, atol=0)


def test_the_published_size_and_initial_norm() -> None:
    params = Transformer(113, equals_logit=True).init(random_stream(0, "init"), torch.float64)
    assert sum(tensor.numel() for tensor in params.values()) == 226_816
    # E|w|^2 = 211584/128 + 14592/114 = 42.202^2; the norm of d Gaussians varies by 1/sqrt(2d).
    assert l2_norm(params).item() == pytest.approx(42.202, rel=5 / (2 * 226_816) ** 0.5)
    assert params["W_U"].var().item() == pytest.approx(1 / 114, rel=5 * (2 / 14_592) ** 0.5)
    assert not params["b_in"].any()
    assert not params["b_out"].any()


def test_a_batch_of_inits_is_bitwise_each_alone_and_one_logit_less_keeps_the_rest() -> None:
    batch = SMALL.init([random_stream(seed, "init") for seed in range(3)])
    with_equals = Transformer(7, 12, 3, 20, equals_logit=True).init(random_stream(2, "init"))
    for name, tensor in SMALL.init(random_stream(2, "init")).items():
        assert torch.equal(batch[name][2], tensor)
        assert torch.equal(with_equals[name][..., : tensor.shape[-1]], tensor)


def test_attention_is_a_distribution_and_hidden_is_what_the_readout_sees() -> None:
    params, (pairs, _) = weights(), modular_addition(7)
    shares = SMALL.attention(params, pairs)
    assert shares.shape == (3, 49, 3, 3)
    torch.testing.assert_close(shares.sum(dim=-1), torch.ones(3, 49, 3, dtype=torch.float64))
    silent = params | {"W_out": torch.zeros_like(params["W_out"])}
    by_mlp = SMALL.apply(params, pairs) - SMALL.apply(silent, pairs)
    neurons = SMALL.hidden(params, pairs)
    assert neurons.min() == 0
    torch.testing.assert_close(neurons @ params["W_out"] @ params["W_U"], by_mlp)


def test_the_module_shares_memory() -> None:
    params, (pairs, labels) = weights(runs=1), modular_addition(7)
    alone = {name: tensor[0] for name, tensor in params.items()}
    net = SMALL.module(alone)
    before = net(pairs).detach()
    cross_entropy(net(pairs), labels).backward()
    torch.optim.SGD(net.parameters(), lr=0.1).step()
    assert not torch.equal(SMALL.apply(alone, pairs), before)
    torch.testing.assert_close(SMALL.apply(alone, pairs), net(pairs))


@pytest.mark.parametrize("device", DEVICES)
def test_the_training_loop_takes_it(device: str) -> None:
    task = partial(make_task, "modular_addition", 7, 0.6)
    runs = train(SMALL, task, seeds=2, steps=60, lr=0.01, progress=False, device=device)
    assert np.all(runs["train_loss"][-1] < 0.5 * runs["train_loss"][0])
    assert runs.params["W_K"].shape == (2, 3, 12, 4)


@pytest.mark.parametrize(
    "bad",
    [{"p": 1}, {"p": 5, "heads": 3}, {"p": 5, "d_mlp": 0}, {"p": 5, "init_scale": 0.0}],
)
def test_bad_architectures_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"wanted p >= 2|must be positive"):
        Transformer(**bad)  # type: ignore[arg-type]


def test_bad_examples_are_refused() -> None:
    pairs, labels = torch.zeros(1, 4, 2, dtype=torch.int64), torch.zeros(1, 4, dtype=torch.int64)
    with pytest.raises(ValueError, match="wanted one of cross_entropy, mse"):
        TransformerGradient(SMALL, pairs, labels, torch.ones(1, 4), "hinge")
    with pytest.raises(ValueError, match=r"wanted \(S, n, 2\), \(S, n\) and \(S, n\)"):
        TransformerGradient(SMALL, pairs, labels, torch.ones(1, 3))
