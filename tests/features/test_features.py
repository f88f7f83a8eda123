from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from grokedu import features
from grokedu.measures import mean_squared_error
from grokedu.models import TwoLayer
from grokedu.tasks import modular_addition, random_stream
from grokedu.training.optimizers import AdamW

DTYPES = [torch.float32, torch.float64]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
MODEL = TwoLayer(5, 8)


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=random_stream(seed, "draw"), dtype=torch.float64)


def test_scales_are_those_that_the_weights_were_drawn_with() -> None:
    model = TwoLayer(31, 512)
    params = model.init([random_stream(s, "init") for s in range(2)], torch.float64)
    scales = torch.vmap(features.init_scales)(params)
    # Of 15872 normal draws the root mean square is known to 1/sqrt(2 * 15872) = 0.56 %.
    assert scales["A"].tolist() == pytest.approx([62**-0.5] * 2, rel=0.03)
    assert scales["W"].tolist() == pytest.approx([512**-0.5] * 2, rel=0.03)
    linear = nn.Linear(2, 2)
    nn.init.constant_(linear.weight, -2)
    assert features.init_scales(linear)["weight"] == 2
    larger = features.rescale_tensors(params, {"A": 3.0})
    again = torch.vmap(features.init_scales)(larger)
    torch.testing.assert_close(again["A"], 3 * scales["A"])
    torch.testing.assert_close(again["W"], scales["W"])


@pytest.mark.parametrize("factor", [0.5, 4.0])
def test_adams_first_step_moves_each_tensor_by_lr_over_its_scale(factor: float) -> None:
    before = features.rescale_tensors(
        MODEL.init([random_stream(0, "init")], torch.float64), {"A": factor}
    )
    scales = torch.vmap(features.init_scales)(before)
    optimizer = AdamW(lr=1e-3, weight_decay=0.0)
    params = {name: one.clone() for name, one in before.items()}
    grads = {name: normal(*one.shape) for name, one in before.items()}
    after, _ = optimizer.step(params, grads, optimizer.init(params))
    # A first step of Adam is lr * sign(gradient), but for eps.
    alone = ({name: one[0] for name, one in each.items()} for each in (before, after))
    for name, ratio in features.update_to_weight_ratio(*alone).items():
        torch.testing.assert_close(ratio, 1e-3 / scales[name][0], rtol=1e-5, atol=0)


@given(st.integers(0, 1000), st.floats(1e-3, 1e3), st.integers(2, 9), st.integers(2, 9))
@settings(max_examples=25)
def test_regression_solves_the_normal_equations(
    seed: int, ridge: float, examples: int, width: int
) -> None:
    phi, wanted = normal(2, examples, width, seed=seed), normal(2, examples, 3, seed=seed + 1)
    found = features.random_feature_regression(phi, wanted, ridge)
    slope = phi.mT @ (phi @ found - wanted) + ridge * found
    assert slope.abs().max() < 1e-8 * (1 + ridge)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_without_a_ridge_the_fit_has_least_norm_whatever_the_rank(
    dtype: torch.dtype, device: str
) -> None:
    phi, wanted = normal(6, 4), normal(6, 2)
    phi = torch.cat([phi, phi[:, :2]], dim=1)  # two columns twice: rank 4 of 6
    found = features.random_feature_regression(phi.to(device, dtype), wanted.to(device, dtype))
    tolerance = 1e3 * torch.finfo(dtype).eps
    torch.testing.assert_close(
        found.cpu().double(), torch.linalg.pinv(phi) @ wanted, rtol=tolerance, atol=tolerance
    )


def test_the_tangent_kernel_of_a_two_layer_network() -> None:
    params = MODEL.init(random_stream(0, "init"), torch.float64)
    pairs, _ = modular_addition(5)
    found = features.tangent_kernel(MODEL.apply, params, pairs[:6])
    # By finite differences: the change of all outputs for a small move of one weight.
    step, columns = 1e-6, []
    for name, tensor in params.items():
        for entry in range(tensor.numel()):
            ends = []
            for sign in (1, -1):
                moved = {k: v.clone() for k, v in params.items()}
                moved[name].view(-1)[entry] += sign * step
                ends.append(MODEL.apply(moved, pairs[:6]))
            columns.append((ends[0] - ends[1]) / (2 * step))
    jacobian = torch.stack(columns, dim=-1).flatten(1)
    torch.testing.assert_close(found, jacobian @ jacobian.T, rtol=1e-6, atol=1e-8)


@given(st.integers(0, 1000), st.floats(1e-3, 1e3), st.floats(-100, 100))
@settings(max_examples=25)
def test_alignment_ignores_scale_rotation_and_shift(seed: int, size: float, shift: float) -> None:
    phi, other = normal(3, 7, 4, seed=seed), normal(3, 7, 5, seed=seed + 1)
    turn = torch.linalg.qr(normal(4, 4, seed=seed + 2)).Q
    kernel, second = features.feature_kernel(phi), features.feature_kernel(other)
    moved = features.feature_kernel(size * (phi @ turn) + shift)
    torch.testing.assert_close(features.kernel_alignment(kernel, moved), torch.ones(3).double())
    found = features.kernel_alignment(kernel, second)
    torch.testing.assert_close(found, features.kernel_alignment(second, moved))
    assert bool(((found > 0) & (found < 1)).all())


def descend(apply: features.Apply, params: dict[str, torch.Tensor], lr: float) -> torch.Tensor:
    pairs, labels = modular_addition(5)
    for _ in range(50):
        leaves = {name: one.detach().requires_grad_() for name, one in params.items()}
        loss = mean_squared_error(apply(leaves, pairs[::2]), labels[::2])
        grads = torch.autograd.grad(loss, [*leaves.values()])
        params = {k: v - lr * g for (k, v), g in zip(params.items(), grads, strict=True)}
    return apply(params, pairs).detach()


def test_a_lazy_network_trains_as_its_linearisation_does() -> None:
    start = MODEL.init(random_stream(0, "init"), torch.float64)

    def gap(alpha: float) -> float:
        lazy = features.lazy_scale(MODEL.apply, alpha, start)
        tangent = features.lazy_scale(features.linearised(MODEL.apply, start), alpha, start)
        ends = [descend(one, start, lr=0.3 / alpha**2) for one in (lazy, tangent)]
        assert ends[1].abs().max() > 0.05  # they have moved
        return (ends[0] - ends[1]).abs().max().item()

    # What the expansion leaves out is of the order of the weights' movement, 1/alpha.
    assert gap(1000) / gap(100) == pytest.approx(0.1, rel=0.1)


def test_a_weight_that_nothing_uses_has_no_tangent() -> None:
    start = {"w": torch.tensor([3.0]), "unused": torch.ones(2)}
    tangent = features.linearised(lambda params, x: x * params["w"] ** 2, start)
    found = tangent({"w": torch.tensor([2.0]), "unused": torch.zeros(2)}, torch.tensor([2.0]))
    assert found.item() == 2 * (9 - 6)


def test_bad_input_is_refused() -> None:
    one = {"W": torch.ones(2)}
    with pytest.raises(ValueError, match="some of these names"):
        features.rescale_tensors(one, {"V": 2.0})
    with pytest.raises(ValueError, match="positive factors"):
        features.rescale_tensors(one, {"W": 0.0})
    with pytest.raises(ValueError, match="the same tensors"):
        features.update_to_weight_ratio(one, {"W": torch.ones(3)})
    with pytest.raises(ValueError, match="undefined"):
        features.update_to_weight_ratio({"W": torch.zeros(2)}, one)
    with pytest.raises(ValueError, match="ridge is -1"):
        features.random_feature_regression(torch.eye(2), torch.eye(2), -1)
    with pytest.raises(ValueError, match="at least one example"):
        features.random_feature_regression(torch.eye(2), torch.eye(3))
    with pytest.raises(ValueError, match=r"\(\.\.\., n, n\)"):
        features.kernel_alignment(torch.eye(2), torch.ones(2, 3))
    for constant in (torch.ones(7, 7), torch.full((7, 7), 0.1), torch.full((7, 7), 0.1).double()):
        with pytest.raises(ValueError, match="kernel is zero"):
            features.kernel_alignment(torch.eye(7).to(constant), constant)
    with pytest.raises(ValueError, match="not finite"):
        features.random_feature_regression(torch.full((2, 2), torch.nan), torch.eye(2))
    with pytest.raises(ValueError, match="on meta"):
        features.update_to_weight_ratio(one, {"W": torch.ones(2, device="meta")})
    with pytest.raises(ValueError, match="no output depends"):
        features.linearised(lambda params, x: 2 * x, one)(one, torch.ones(1))
    for alpha in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="wanted a positive scale"):
            features.lazy_scale(MODEL.apply, alpha)


def test_the_ratio_of_a_module_to_what_it_was() -> None:
    net = nn.Linear(2, 3)
    before = {name: one.detach().clone() for name, one in net.named_parameters()}
    with torch.no_grad():
        net.bias.mul_(1.5)
    found = features.update_to_weight_ratio(before, net)
    assert {name: one.item() for name, one in found.items()} == pytest.approx(
        {"weight": 0, "bias": 0.5}
    )


def test_runs_side_by_side_get_what_they_get_alone() -> None:
    phi, wanted = normal(3, 6, 4), normal(3, 6, 2)
    together = features.random_feature_regression(phi, wanted, 0.1)
    kernels = features.feature_kernel(phi)
    aligned = features.kernel_alignment(kernels[:1].expand(3, -1, -1), kernels)
    for run in range(3):
        alone = features.random_feature_regression(phi[run], wanted[run], 0.1)
        np.testing.assert_allclose(together[run], alone, atol=1e-12)
        torch.testing.assert_close(
            aligned[run], features.kernel_alignment(kernels[0], kernels[run])
        )
