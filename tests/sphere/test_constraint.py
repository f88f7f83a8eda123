from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from grokedu import sphere
from grokedu.measures import accuracy, cross_entropy, l2_norm, tensor_norms
from grokedu.models import TwoLayer
from grokedu.models.two_layer import forward
from grokedu.tasks import modular_addition
from grokedu.training.optimizers import AdamW

DTYPES = [torch.float32, torch.float64]
norm_of_each, norms_of_each = torch.vmap(l2_norm), torch.vmap(tensor_norms)
tangent_of_each = torch.vmap(sphere.tangent)


def of_run(params: dict[str, Tensor], run: int) -> dict[str, Tensor]:
    return {name: t[run] for name, t in params.items()}


def draw(seed: int = 0, dtype: torch.dtype = torch.float64, runs: int = 3) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shapes = {"A": (4, 5), "b": (5,), "s": (1,)}
    return {
        name: torch.randn(runs, *shape, generator=generator, dtype=torch.float64).to(dtype)
        for name, shape in shapes.items()
    }


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_projection_has_the_radius_and_keeps_the_direction(dtype: torch.dtype) -> None:
    params, radius = draw(dtype=dtype), torch.tensor([1.0, 20.0, 0.1], dtype=dtype)
    ball = sphere.Sphere(radius)
    found = ball.step(params, ball.init(params))
    torch.testing.assert_close(norm_of_each(found), radius)
    ratio = found["A"] / params["A"]
    torch.testing.assert_close(ratio, ratio[:, :1, :1].expand_as(ratio))
    torch.testing.assert_close(
        ratio[:, 0, 0], found["s"][:, 0] / params["s"][:, 0]
    )  # one factor for all
    for run in range(3):
        alone = sphere.project_to_sphere(of_run(params, run), float(radius[run]))
        torch.testing.assert_close(alone, of_run(found, run))


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_tangent_is_orthogonal_idempotent_and_the_nearest(dtype: torch.dtype) -> None:
    params, grads = draw(0, dtype), draw(1, dtype)
    along = tangent_of_each(params, grads)
    inner = sum((params[k] * along[k]).flatten(1).sum(1) for k in params)
    size = norm_of_each(params) * norm_of_each(grads)
    assert (inner.abs() <= 16 * torch.finfo(dtype).eps * size).all()
    again = tangent_of_each(params, along)
    rest = {k: grads[k] - along[k] for k in params}
    squares = [norm_of_each(t) ** 2 for t in (along, rest, grads)]
    torch.testing.assert_close(squares[0] + squares[1], squares[2])  # Pythagoras
    for name in params:
        torch.testing.assert_close(again[name], along[name])


def test_a_gradient_step_along_the_tangent_leaves_the_sphere_in_second_order() -> None:
    # the exact growth of scale-invariant training: |w + h t|^2 = |w|^2 + h^2 |t|^2
    params = draw()
    along = tangent_of_each(params, draw(1))
    stepped = {k: params[k] - 0.1 * along[k] for k in params}
    torch.testing.assert_close(
        norm_of_each(stepped) ** 2,
        norm_of_each(params) ** 2 + 0.01 * norm_of_each(along) ** 2,
    )


@pytest.mark.parametrize("per_tensor", [False, True])
def test_the_constraint_keeps_each_runs_norms_through_adam(per_tensor: bool) -> None:
    params = draw()
    constraint, optimizer = sphere.Sphere(per_tensor=per_tensor), AdamW(lr=0.1)
    norms = norms_of_each(params) | {"all": norm_of_each(params)}
    held, state = constraint.init(params), optimizer.init(params)
    for step in range(20):
        grads = constraint.project_gradient(params, draw(step + 1), held)
        params, state = optimizer.step(params, grads, state)
        params = constraint.step(params, held)
    torch.testing.assert_close(norm_of_each(params), norms["all"])
    now = norms_of_each(params)
    kept = [bool(torch.allclose(now[name], norms[name])) for name in params]
    assert all(kept) == per_tensor


def test_a_tensor_that_is_one_number_a_run() -> None:
    params = {"w": torch.tensor([[3.0], [6.0]]), "gain": torch.tensor([4.0, 8.0])}
    ball = sphere.Sphere(10.0)
    found = ball.step(params, ball.init(params))
    torch.testing.assert_close(found["gain"], torch.tensor([8.0, 8.0]))
    along = tangent_of_each(params, params)
    assert along["gain"].abs().max() < 1e-6


def test_step_does_not_touch_what_it_is_given() -> None:
    params, constraint = draw(), sphere.Sphere(2.0)
    copy = {name: t.clone() for name, t in params.items()}
    constraint.step(params, constraint.init(params))
    assert all(torch.equal(params[name], copy[name]) for name in params)


@pytest.mark.parametrize("per_tensor", [False, True])
def test_the_gradient_is_projected_where_asked(per_tensor: bool) -> None:
    params, grads = draw(), draw(1)
    plain = sphere.Sphere(per_tensor=per_tensor)
    assert plain.project_gradient(params, grads, plain.init(params)) == grads
    constraint = sphere.Sphere(per_tensor=per_tensor, gradient=True)
    found = constraint.project_gradient(params, grads, constraint.init(params))
    inner = torch.stack([(params[k] * found[k]).flatten(1).sum(1) for k in params])
    zero = torch.zeros(3, dtype=torch.float64)
    torch.testing.assert_close(inner.sum(0), zero, rtol=0, atol=1e-13)
    assert bool((inner.abs() < 1e-13).all()) == per_tensor


def test_the_radius_of_a_homogeneous_network_is_a_temperature() -> None:
    model = TwoLayer(7, 16)
    pairs, labels = modular_addition(7)
    params = model.init(torch.Generator().manual_seed(0), torch.float64)
    radius, direction = l2_norm(params), sphere.project_to_sphere(params, 1.0)
    rebuilt = {name: radius * t for name, t in direction.items()}
    torch.testing.assert_close(rebuilt, params)
    loss = cross_entropy(forward(params, pairs), labels)
    torch.testing.assert_close(sphere.polar_loss(direction, radius, pairs, labels), loss)
    base = model.apply(direction, pairs)
    for r in (0.5, 4.0, 30.0):
        scaled = model.apply({name: r * t for name, t in direction.items()}, pairs)
        torch.testing.assert_close(scaled, r**3 * base)  # x^2 between two layers: degree 3
        assert accuracy(scaled, labels) == accuracy(base, labels)
    r = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    sphere.polar_loss(direction, r, pairs, labels).backward()
    logits = (8 * base).requires_grad_()
    cross_entropy(logits, labels).backward()
    assert logits.grad is not None
    assert r.grad is not None
    chain = (logits.grad * 3 * 4 * base).sum()  # d/dr of r^3 base is 3 r^2 base
    torch.testing.assert_close(r.grad, chain)


def test_the_projection_is_differentiable_and_has_no_gradient_along_the_weights() -> None:
    params = {k: t[0].requires_grad_() for k, t in draw().items()}
    found = sphere.project_to_sphere(params, 3.0)
    grads = dict(
        zip(params, torch.autograd.grad(found["A"].sum(), [*params.values()]), strict=True)
    )
    along = torch.stack([(params[k] * grads[k]).sum() for k in params]).sum()
    torch.testing.assert_close(along, torch.zeros(()).double())
    assert grads["b"].abs().min() > 0  # by the common norm


def test_a_run_that_has_diverged_does_not_end_the_others() -> None:
    ring, params = sphere.Sphere(gradient=True), draw()
    state = ring.init(params)
    params["A"][1, 0, 0] = torch.nan
    kept = ring.step(ring.project_gradient(params, params, state) | params, state)
    assert kept["b"][1].isnan().all()
    torch.testing.assert_close(norm_of_each(kept)[[0, 2]], state["radius"][[0, 2]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: sphere.project_to_sphere(draw(), 0.0), "radius is 0.0; it must be positive"),
        (lambda: sphere.project_to_sphere({"w": torch.ones(3)}, -1.0), "radius is -1.0"),
        (lambda: sphere.project_to_sphere({"w": torch.zeros(3)}, 1.0), "w are all zero"),
        (lambda: sphere.Sphere().init({}), "no parameters were given"),
        (
            lambda: sphere.Sphere().init(
                {"w": torch.ones(1, 3), "v": torch.ones(1, 2, device="meta")}
            ),
            "on different devices, .*'v': 'meta'",
        ),
        (lambda: sphere.Sphere(1.0, per_tensor=True), "a tensor keeps its own norm"),
        (lambda: sphere.Sphere(-1.0).init(draw()), "radius is -1.0; it must be positive"),
        (
            lambda: sphere.Sphere(per_tensor=True).init(
                {"w": torch.ones(1, 3), "b": torch.zeros(1, 2)}
            ),
            "b has norm 0, and so no direction",
        ),
        (lambda: sphere.Sphere(torch.ones(2)).init(draw()), "one for each of 3 runs"),
    ],
)
def test_bad_input_is_refused(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()
