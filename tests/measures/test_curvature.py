from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from grokedu.measures import cross_entropy
from grokedu.measures.curvature import HessianProduct, hessian_trace, top_eigenvalue
from grokedu.models import TwoLayer
from grokedu.tasks import random_stream

DTYPES = [torch.float32, torch.float64]
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]


def quadratic(seed: int, size: int = 12) -> tuple[Tensor, Callable[[dict[str, Tensor]], Tensor]]:
    """A symmetric matrix H, and w H w / 2 with w in two tensors."""
    drawn = torch.randn(size, size, generator=random_stream(seed, "H"), dtype=torch.float64)
    matrix = (drawn + drawn.T) / 2

    def loss(params: dict[str, Tensor]) -> Tensor:
        flat = torch.cat([params["a"].reshape(-1), params["b"]])
        return 0.5 * flat @ matrix.to(flat) @ flat

    return matrix, loss


def zeros(size: int = 12, **kind: object) -> dict[str, Tensor]:
    return {"a": torch.zeros(2, 3, **kind), "b": torch.zeros(size - 6, **kind)}  # type: ignore[arg-type]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_top_eigenvalue_of_a_known_matrix(dtype: torch.dtype, device: str) -> None:
    for seed in range(5):
        matrix, loss = quadratic(seed)
        params = zeros(dtype=dtype, device=device)
        found = top_eigenvalue(loss, params, generator=random_stream(seed, "start"), tolerance=0)
        eps = torch.finfo(dtype).eps
        wanted = torch.linalg.eigvalsh(matrix)[-1].item()
        assert found.value.item() == pytest.approx(wanted, abs=100 * eps * matrix.norm().item())
        assert found.products == 12


def test_the_residual_bounds_the_distance_to_an_eigenvalue() -> None:
    matrix, loss = quadratic(0, 40)
    values = torch.linalg.eigvalsh(matrix)
    for products in (1, 2, 5, 10):
        found = top_eigenvalue(
            loss,
            zeros(40, dtype=torch.float64),
            generator=random_stream(0, "start"),
            products=products,
        )
        assert (values - found.value).abs().min() <= found.residual * (1 + 1e-9)
        assert found.value <= values[-1] + 1e-12


def test_a_spectrum_below_zero_and_repeated_eigenvalues() -> None:
    # All of space is one eigenspace, so that every product closes the space.
    same = top_eigenvalue(
        lambda w: -w["x"].square().sum(), {"x": torch.ones(6)}, generator=torch.Generator()
    )
    assert (same.value.item(), same.products) == (-2.0, 1)
    few = torch.tensor([-3.0, -3.0, -1.0, -1.0, -1.0], dtype=torch.float64)
    found = top_eigenvalue(
        lambda w: 0.5 * (few * w["x"].square()).sum(),
        {"x": torch.ones(5, dtype=torch.float64)},
        generator=torch.Generator(),
        tolerance=0,
    )
    assert found.value.item() == pytest.approx(-1, abs=1e-12)


def test_a_linear_loss_is_flat() -> None:
    weights = {"x": torch.ones(3), "unused": torch.ones(2)}
    flat = hessian_trace(lambda w: w["x"].sum(), weights, generator=torch.Generator(), samples=3)
    top = top_eigenvalue(lambda w: w["x"].sum(), weights, generator=torch.Generator())
    assert flat.value.item() == flat.standard_error.item() == top.value.item() == 0


def test_the_traces_standard_error_is_that_of_theory() -> None:
    matrix, loss = quadratic(3)
    found = hessian_trace(
        loss, zeros(dtype=torch.float64), generator=random_stream(0, "probe"), samples=2000
    )
    off = matrix - matrix.diag().diag()
    error = (2 * off.square().sum() / 2000).sqrt()
    # The standard deviation of 2000 samples is itself known to about 1/sqrt(2 * 2000) = 1.6 %.
    assert found.standard_error.item() == pytest.approx(error.item(), rel=0.1)
    assert (found.value - matrix.trace()).abs() < 5 * error


def test_a_module_and_a_function_agree_with_the_full_hessian() -> None:
    model = TwoLayer(5, 4)
    params = model.init(random_stream(0, "init"), torch.float64)
    pairs, labels = torch.tensor([[0, 1], [2, 3], [4, 4]]), torch.tensor([1, 0, 3])
    by_params = HessianProduct(lambda w: cross_entropy(model.apply(w, pairs), labels), params)
    module = model.module(params)
    by_module = HessianProduct(lambda net: cross_entropy(net(pairs), labels), module)
    shapes = [(name, one.shape) for name, one in params.items()]

    def flat_loss(flat: Tensor) -> Tensor:
        parts = flat.split([shape.numel() for _, shape in shapes])
        again = {n: part.view(s) for (n, s), part in zip(shapes, parts, strict=True)}
        return cross_entropy(model.apply(again, pairs), labels)

    flat = torch.cat([one.reshape(-1) for one in params.values()])
    hessian = torch.autograd.functional.hessian(flat_loss, flat)
    vector = torch.randn(len(flat), generator=random_stream(0, "v"), dtype=torch.float64)
    torch.testing.assert_close(by_params(vector), hessian @ vector)
    torch.testing.assert_close(by_module(vector), hessian @ vector)
    top = top_eigenvalue(
        lambda net: cross_entropy(net(pairs), labels),
        module,
        generator=torch.Generator(),
        tolerance=1e-8,
    )
    torch.testing.assert_close(top.value, torch.linalg.eigvalsh(hessian)[-1])


def test_frozen_parameters_of_a_module_do_not_count() -> None:
    net = nn.Linear(2, 1)
    net.bias.requires_grad_(False)
    inputs = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    found = hessian_trace(
        lambda m: m(inputs).square().sum(), net, generator=torch.Generator(), samples=2
    )
    assert found.value.item() == 10.0  # 2 (1 + 4), without the bias's 2 * 2


def test_bad_input_is_refused() -> None:
    one, stream = {"x": torch.ones(3)}, torch.Generator()
    with pytest.raises(ValueError, match="no weights"):
        HessianProduct(lambda w: torch.zeros(()), {})
    with pytest.raises(ValueError, match=r"shape \(3,\); wanted \(\)"):
        HessianProduct(lambda w: w["x"], one)
    with pytest.raises(ValueError, match="one dtype on one device"):
        HessianProduct(lambda w: w["x"].sum(), {**one, "y": torch.ones(3).double()})
    with pytest.raises(ValueError, match="at least 2"):
        hessian_trace(lambda w: w["x"].sum(), one, generator=stream, samples=1)
    with pytest.raises(ValueError, match="products is 0"):
        top_eigenvalue(lambda w: w["x"].sum(), one, generator=stream, products=0)


def test_a_network_that_has_diverged_has_no_eigenvalue_and_does_not_end_the_others() -> None:
    found = [
        top_eigenvalue(
            lambda w, size=size: (w["x"].square() * torch.arange(1.0, 5)).sum() * size,
            {"x": torch.ones(4)},
            generator=torch.Generator().manual_seed(seed),
        )
        for seed, size in enumerate((1.0, torch.nan, 3.0))
    ]
    assert [found[0].value.item(), found[2].value.item()] == pytest.approx([8, 24])
    assert found[1].value.isnan()
    assert found[1].residual.isnan()


@pytest.mark.parametrize(
    ("loss", "weights", "message"),
    [
        (lambda w: w["x"].sum(), torch.ones(0), "at least one"),
        (lambda w: w["x"].sum(), torch.ones(3, dtype=torch.int64), "wanted floats"),
        (lambda w: torch.tensor(1.0), torch.ones(3), "does not depend"),
    ],
)
def test_weights_without_curvature_are_refused(
    loss: Callable[[dict[str, torch.Tensor]], torch.Tensor], weights: torch.Tensor, message: str
) -> None:
    for estimate in (hessian_trace, top_eigenvalue):
        with pytest.raises(ValueError, match=message):
            estimate(loss, {"x": weights}, generator=torch.Generator())
