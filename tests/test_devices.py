"""Every function on tensors gives the float64 numbers of the CPU in other dtypes and on CUDA.

What the numbers ought to be is tested elsewhere, against closed forms; here, that no function makes
a tensor of its own in another place or precision than that of its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from grokedu import efficiency, features, fourier, measures, sphere, stages, symmetry
from grokedu.measures import curvature
from grokedu.models import MLP, DeepLinear, FromModule, InContextTransformer, Transformer, TwoLayer
from grokedu.symmetry import Pair
from grokedu.tasks import modular_addition, random_stream
from grokedu.training.optimizers import AdamW, WarmUp, accelerators

P, RUNS = 7, 2
PAIRS, LABELS = modular_addition(P)
PAIR = Pair({"A": "ij", "b": "j"}, {"W": "jo"}, "square")
KEYS = fourier.frequency_mask(P, [1, 3])
LARGE = TwoLayer(P, 12)
TRANSFORMER = Transformer(P, d_model=8, heads=2, d_mlp=6)
IN_CONTEXT = InContextTransformer(dimension=3, examples=4, width=8, heads=2, layers=1, hidden=6)
OWN = FromModule(lambda: nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2)))
Weights = dict[str, Tensor]


def normal(purpose: str, *shape: int) -> Tensor:
    return torch.randn(shape, generator=random_stream(0, purpose), dtype=torch.float64)


def weights_of(model: Any) -> Weights:
    return model.init([random_stream(seed, "init") for seed in range(RUNS)], torch.float64)


def drawn(seed: str, runs: int = RUNS) -> Weights:
    shapes = {"A": (3, 6), "b": (6,), "W": (6, 4)}
    return {name: normal(seed + name, runs, *shape) for name, shape in shapes.items()}


def streams() -> list[torch.Generator]:
    return [random_stream(seed, "probe") for seed in range(RUNS)]


def one_run(weights: Weights) -> Weights:
    return {name: tensor[0] for name, tensor in weights.items()}


def quartic(weights: Weights) -> Tensor:
    return sum((t.square() + t.pow(4)).sum() for t in weights.values())  # type: ignore[return-value]


def a_step(rule: Any, weights: Weights, grads: Weights) -> Weights:
    kept = {name: tensor.clone() for name, tensor in weights.items()}
    state = rule.init(kept)
    for _ in range(3):
        kept, state = rule.step(kept, grads, state)
    return kept


def filtered(rule: Any, weights: Weights, grads: Weights) -> Weights:
    found, state = {}, rule.init(weights)
    for _ in range(3):
        found, state = rule.step(weights, grads, state)
    return found


W, G = drawn("weights"), drawn("gradient")
LOGITS, GRID = normal("logits", RUNS, P * P, P), normal("grid", RUNS, P * P, 5)
X, Y = normal("x", RUNS, 9, 3), normal("y", RUNS, 9)
Case = tuple[Callable[..., Any], tuple[Any, ...]]
CASES: dict[str, Case] = {
    # symmetry
    "rescale": (lambda w: symmetry.rescale(one_run(w), PAIR, torch.arange(1.0, 7)), (W,)),
    "rescaled neurons": (
        lambda w: symmetry.rescale_neurons(one_run(w), torch.arange(1.0, 7).to(w["A"]), 2.0), (W,)
    ),
    "balance": (lambda w: torch.vmap(symmetry.balance)(w), (W,)),
    "balanced pairs": (lambda w: symmetry.balance_pairs(one_run(w), [PAIR]), (W,)),
    "conserved charge": (lambda w: torch.vmap(symmetry.conserved_charge)(w), (W,)),
    "charge by SGD": (
        lambda q: symmetry.charge_under_sgd(q[0], q[1:], lr=0.1, momentum=0.9, weight_decay=0.1),
        (normal("charges", 4, 3),),
    ),
    "norm on the orbit": (
        lambda w: symmetry.norm_along_orbit(one_run(w), torch.tensor([0.5, 2.0]).to(w["A"])), (W,)
    ),
    "sharpness": (
        lambda x: symmetry.sharpness_along_orbit(
            x @ x.mT, (torch.arange(len(x)) < 3).to(x.device), torch.tensor([0.9, 1.1]).to(x)
        ),
        (one_run({"x": X})["x"],),
    ),
    "path norm": (
        lambda w: symmetry.path_norm([(w["A"][0], w["b"][0]), (w["W"][0], w["W"][0, 0])]), (W,)
    ),
    "degree": (
        lambda w: torch.tensor(
            symmetry.measured_degree(lambda v: LARGE.apply(v, PAIRS.to(v["A"].device)), w)
        ),
        (weights_of(LARGE),),
    ),
    "balanced transformer": (
        lambda w: symmetry.balance_pairs(
            one_run(w), [*symmetry.transformer_pairs().values(), symmetry.residual_pair()]
        ),
        (weights_of(TRANSFORMER),),
    ),
    # sphere
    "projection": (lambda w: sphere.project_to_sphere(w, 2.0), (W,)),
    "constraint": (lambda w, g: sphere.Sphere(3.0).step(w, sphere.Sphere(3.0).init(g)), (W, G)),
    "tangent": (torch.vmap(sphere.tangent), (W, G)),
    "angle": (torch.vmap(sphere.angular_step), (W, G)),
    # fourier
    "power": (fourier.frequency_power, (normal("table", RUNS, P, 4),)),
    "sum power": (fourier.sum_power, (LOGITS,)),
    "explained": (fourier.explained_by_sum, (LOGITS,)),
    "keys": (lambda x: fourier.key_frequencies(fourier.sum_power(x), 0.8).double(), (LOGITS,)),
    "restricted": (lambda x, y: fourier.restricted_loss(x, y, KEYS), (LOGITS, LABELS)),
    "restricted to rows": (
        lambda x, y: fourier.restricted_loss(x, y, KEYS, torch.arange(30)), (LOGITS, LABELS)
    ),
    "excluded": (
        lambda x, y: fourier.excluded_loss(x, y, torch.arange(9), KEYS), (LOGITS, LABELS)
    ),
    "neurons": (fourier.neuron_power, (GRID,)),
    "frequencies": (lambda x: fourier.neuron_frequencies(x)[1], (GRID,)),
    "second harmonic": (lambda x: fourier.second_harmonic(x)[..., 1:], (GRID,)),
    "distance": (fourier.distance_irrelevance, (LOGITS,)),
    "symmetricity": (
        lambda x, y, c: fourier.gradient_symmetricity(lambda a, b: a * b + a, x, y, c),
        (X[0], X[1], torch.arange(9) % 3),
    ),
    "squares": (
        lambda x: (fourier.square_from_gelu(x, 0.5), fourier.square_from_relu(x, 3, 2.0)), (X,)
    ),
    # efficiency
    "logit scale": (efficiency.logit_scale, (LOGITS, LABELS)),
    "efficiency": (
        lambda x, y, n: efficiency.logit_scale_per_norm(x, y, n, degree=3),
        (LOGITS, LABELS, torch.tensor([1.0, 2.0]).double()),
    ),
    "norm at a loss": (
        lambda x, y, n: efficiency.norm_at_fixed_loss(x, y, n, 0.1, degree=3),
        (LOGITS + 9 * nn.functional.one_hot(LABELS), LABELS, torch.tensor([1.0, 2.0]).double()),
    ),
    "trigonometric share": (efficiency.trigonometric_share, (LOGITS,)),
    "participation": (efficiency.participation_ratio, (X.square(),)),
    "two circuits": (lambda x: efficiency.two_circuit_loss(x, x + 1), (Y,)),
    "two circuits' descent": (
        lambda x: efficiency.TwoCircuits(torch.tensor([0.005, 0.01])).descend(
            x, lr=0.1, steps=20
        ),
        (normal("circuits", 1, 4).abs(),),
    ),
    # features
    "scales": (torch.vmap(features.init_scales), (W,)),
    "ratio": (lambda w, g: features.update_to_weight_ratio(one_run(w), one_run(g)), (W, G)),
    "regression": (
        lambda x, y: features.random_feature_regression(x, y.unsqueeze(-1), 0.1), (X, Y)
    ),
    "kernel alignment": (
        lambda x: features.kernel_alignment(features.feature_kernel(x), x @ x.mT + 1), (X,)
    ),
    "tangent kernel": (
        lambda w, a: features.tangent_kernel(LARGE.apply, one_run(w), a),
        (weights_of(LARGE), PAIRS[:5]),
    ),
    "linearised": (
        lambda w, a: features.linearised(LARGE.apply, one_run(w))(
            {name: tensor[1] for name, tensor in w.items()}, a
        ),
        (weights_of(LARGE), PAIRS[:5]),
    ),
    "lazy": (
        lambda w, a: features.lazy_scale(LARGE.apply, 9.0, one_run(w))(w, a),
        (weights_of(LARGE), PAIRS[:5]),
    ),
    # stages
    "fourteen": (lambda w: stages.training_features(one_run(w)), (W,)),
    "ridge": (lambda x, y: (stages.ridge_predictor(x, y, 0.1), stages.ridge_loss(x, 0.1)), (X, Y)),
    # measures, curvature
    "accuracy": (measures.accuracy, (LOGITS, LABELS)),
    "log prob": (torch.vmap(measures.average_log_prob), (LOGITS,)),
    "norms": (torch.vmap(measures.tensor_norms), (W,)),
    "trace": (
        lambda w: curvature.hessian_trace(
            quartic, one_run(w), generator=streams()[0], samples=3
        ).value,
        (W,),
    ),
    "top eigenvalue": (
        lambda w: curvature.top_eigenvalue(
            quartic, one_run(w), generator=streams()[0]
        ).value,
        (W,),
    ),
    # accelerators, optimizers
    "EMA": (lambda w, g: filtered(accelerators.GrokfastEMA(), w, g), (W, G)),
    "MA": (lambda w, g: filtered(accelerators.GrokfastMA(2), w, g), (W, G)),
    "orthogonal": (
        torch.vmap(lambda w, g: accelerators.OrthogonalGradient().step(w, g, {})[0]),
        (W, G),
    ),
    "StableMax": (accelerators.stablemax_cross_entropy, (LOGITS, LABELS)),
    "warm-up": (
        lambda w, g: a_step(WarmUp(AdamW, 2, torch.tensor([0.1, 0.2]), 0.1), w, g), (W, G)
    ),
    # models
    "two layers": (
        TwoLayer(P, 12, "gelu", biases=True, tied=True).apply,
        (weights_of(TwoLayer(P, 12, "gelu", biases=True, tied=True)), PAIRS),
    ),
    "perceptron": (MLP((3, 6, 2)).apply, (weights_of(MLP((3, 6, 2))), X[0])),
    "linear": (DeepLinear((3, 6, 2)).apply, (weights_of(DeepLinear((3, 6, 2))), X[0])),
    "transformer": (TRANSFORMER.apply, (weights_of(TRANSFORMER), PAIRS)),
    "in context": (IN_CONTEXT.apply_each, (weights_of(IN_CONTEXT), normal("in", RUNS, 5, 4, 4))),
    "module": (OWN.apply_each, (weights_of(OWN), X)),
}  # fmt: skip


def moved(value: Any, dtype: torch.dtype, device: str) -> Any:
    """Tensors, and dictionaries of them, in a dtype (if they are floats) and on a device."""
    if isinstance(value, Mapping):
        return {name: moved(one, dtype, device) for name, one in value.items()}
    if isinstance(value, Tensor):
        return value.to(device, dtype) if value.is_floating_point() else value.to(device)
    return value


def tensors(value: Any) -> list[Tensor]:
    """All tensors of a result."""
    if isinstance(value, Mapping):
        return [one for name in sorted(value) for one in tensors(value[name])]
    if is_dataclass(value):
        return [one for field in fields(value) for one in tensors(getattr(value, field.name))]
    if isinstance(value, tuple):
        return [one for each in value for one in tensors(each)]
    return [value]


@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", list(CASES))
def test_the_same_numbers_in_every_dtype_and_place(
    name: str, dtype: torch.dtype, device: str
) -> None:
    function, arguments = CASES[name]
    wanted = tensors(function(*arguments))
    found = tensors(function(*(moved(one, dtype, device) for one in arguments)))
    # About the condition of the worst of them, a Fourier share near zero, times the precision.
    tolerance = 2e3 * torch.finfo(dtype).eps
    assert len(found) == len(wanted) > 0
    for one, exact in zip(found, wanted, strict=True):
        assert exact.isfinite().all()
        torch.testing.assert_close(
            one.detach().cpu().double(), exact.detach().double(), rtol=tolerance, atol=tolerance
        )
