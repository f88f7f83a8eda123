"""One neuron: the degree of its activation, and another network with the same function."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from grokedu import symmetry
from grokedu.classroom.checking.exercise import Case, refused
from grokedu.lessons.l02_scaling_symmetries.about import lesson
from grokedu.models.parameters import Params

Activation = Callable[[Tensor], Tensor]


symmetry_of = lesson.exercise(
    points={"a degree": 2, "with none among them": 2},
    hints=(
        "If there is a degree, one z and one beta give it away. How do you find out whether it "
        "holds at the others too?",
        "Take a z with activation(z) ≠ 0: the ratio activation(2 z) / activation(z) is 2**k. Then "
        "compare activation(beta * z) with beta**k * activation(z), for z of both signs.",
        "`degree = math.log2(float(activation(2 * z)[i] / value[i]))` with i where |value| is "
        "largest (None if the ratio is not positive); then `torch.allclose(activation(beta * z), "
        "beta**degree * value)` for a few beta, else None.",
    ),
    why="this number decides whether a network has other networks with the same function",
    minutes=9,
    difficulty=1,
)(symmetry.symmetry_of)


@symmetry_of.cases
def _(seed: int, level: str) -> Iterator[Case]:
    degrees, both = (
        (("relu", "linear", "square"), ("gelu", "tanh", "leaky relu", "bent"))
        if level == "visible"
        else (("leaky relu", "cubed relu", "absolute"), ("silu", "sine", "square", "bent square"))
    )
    for names, group in ((degrees, "a degree"), (both, "with none among them")):
        for name in names:
            yield Case(name, group, (name,), probe="of_function", shown=f"the function {name}")


def _degree_at(activation: Activation, z: float, beta: float = 2.0) -> float | None:
    at = torch.tensor([z], dtype=torch.float64)
    ratio = float(activation(beta * at) / activation(at))
    return math.log(ratio, beta) if ratio > 0 else None


@symmetry_of.misconception(
    "one ratio at one point. Every function has one; it is a degree only if it is the same at "
    "every z and for every beta."
)
def asks_once(activation: Activation) -> Any:
    return _degree_at(activation, 1.0)


@symmetry_of.misconception(
    "positive z alone. A negative input must be scaled as well, and may behave otherwise."
)
def looks_at_positive_inputs(activation: Activation) -> Any:
    z = torch.linspace(0.1, 3.0, 9, dtype=torch.float64)
    degree = _degree_at(activation, 3.0)
    if degree is None:
        return None
    for beta in (0.01, 0.3, 5.0):
        if not torch.allclose(activation(beta * z), beta**degree * activation(z)):
            return None
    return degree


@symmetry_of.misconception(
    "a negative beta too. The scale is positive: ReLU passes z and stops −z, and its symmetry is "
    "one all the same."
)
def tries_negative_scales(activation: Activation) -> Any:
    z = torch.linspace(-3.0, 3.0, 12, dtype=torch.float64)
    degree = _degree_at(activation, 3.0)
    if degree is None:
        return None
    for beta in (0.5, 3.0, -2.0):
        scale = abs(beta) ** degree * (1 if beta > 0 else (-1) ** round(degree))
        if not torch.allclose(activation(beta * z), scale * activation(z)):
            return None
    return degree


@symmetry_of.misconception(
    "the factor and not the exponent: at beta = 2 a square grows fourfold, and its degree is 2."
)
def returns_the_factor(activation: Activation) -> Any:
    degree = symmetry_of.reference(activation)
    return None if degree is None else 2.0**degree


@symmetry_of.misconception(
    "additivity. A degree is about one z scaled, not two added: x² has a degree and is not linear."
)
def asks_for_linearity(activation: Activation) -> Any:
    z = torch.linspace(-3.0, 3.0, 12, dtype=torch.float64)
    both = activation(z) + activation(z.flip(0) + 1)
    return 1.0 if torch.allclose(activation(z + z.flip(0) + 1), both) else None


rescale_neurons = lesson.exercise(
    points={"ReLU": 3, "other degrees": 1, "not positive": 1},
    hints=(
        "Neuron j sees the inputs through one column of A, adds one entry of b, and is passed on "
        "by one row of W. Which of the three have to change, and how?",
        "Columns of A and entries of b times beta_j, rows of W over beta_j**degree. For rows, "
        "betas needs another axis: `betas.unsqueeze(1)`.",
        '`{"A": params["A"] * betas, "b": params["b"] * betas, "W": params["W"] / '
        "betas.unsqueeze(1) ** degree}`; before that, raise a ValueError unless `(betas > "
        "0).all()`.",
    ),
    why="with it you can walk from a network to others that do exactly the same",
    minutes=7,
    difficulty=1,
)(symmetry.rescale_neurons)


def draw_network(
    generator: torch.Generator, inputs: int, neurons: int, outputs: int
) -> dict[str, Tensor]:
    """Normal weights in float64."""
    shapes = {"A": (inputs, neurons), "b": (neurons,), "W": (neurons, outputs)}
    return {
        name: torch.randn(shape, generator=generator, dtype=torch.float64)
        for name, shape in shapes.items()
    }


@rescale_neurons.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    inputs, neurons = (3, 4) if level == "visible" else (5, 6)

    def scales(count: int) -> Tensor:
        return torch.rand(count, generator=draw, dtype=torch.float64) * 3 + 0.2

    small = {
        "A": torch.tensor([[1.0, -2.0]]),
        "b": torch.tensor([3.0, 1.0]),
        "W": torch.tensor([[4.0], [1.0]]),
    }
    yield Case("one input, two neurons", "ReLU", (small, torch.tensor([2.0, 0.5])))
    # As many inputs and outputs as neurons: an axis mixed up gives a wrong value, not an error.
    square = draw_network(draw, neurons, neurons, neurons)
    yield Case(f"{neurons} neurons, as many outputs", "ReLU", (square, scales(neurons)))
    for degree in (2.0, 3.0):
        params = draw_network(draw, inputs, neurons, 2)
        args = (params, scales(neurons), degree)
        yield Case(f"degree {degree:g}", "other degrees", args)
    one = scales(neurons)
    for bad in (0.0, -1.0):
        wrong = one.clone()
        wrong[1] = bad
        group = "not positive"
        yield refused(f"a beta of {bad:g}", group, draw_network(draw, 2, neurons, 2), wrong)


def _rescaled(params: Params, into: Tensor, bias: Tensor | float, out: Tensor) -> dict[str, Tensor]:
    return {
        "A": params["A"] * into,
        "b": params["b"] * bias,
        "W": params["W"] * out.unsqueeze(1),
    }


@rescale_neurons.misconception(
    "the bias as it was. It is a weight into the neuron like the others: beta·(x·a) + b is not "
    "beta times (x·a + b)."
)
def forgets_the_bias(params: Params, betas: Tensor, degree: float = 1.0) -> Any:
    return _rescaled(params, betas, 1.0, betas**-degree)


@rescale_neurons.misconception(
    "W multiplied. What goes in is multiplied, what comes out divided: only then nothing changes."
)
def multiplies_both(params: Params, betas: Tensor, degree: float = 1.0) -> Any:
    return _rescaled(params, betas, betas, betas**degree)


@rescale_neurons.misconception(
    "W over beta whatever the degree: an activation of degree k hands on beta**k."
)
def ignores_the_degree(params: Params, betas: Tensor, degree: float = 1.0) -> Any:
    return _rescaled(params, betas, betas, 1 / betas)


@rescale_neurons.misconception(
    "columns of W for its rows. Row j is what neuron j sends out; columns belong to outputs."
)
def divides_columns(params: Params, betas: Tensor, degree: float = 1.0) -> Any:
    return {
        "A": params["A"] * betas,
        "b": params["b"] * betas,
        "W": params["W"] / betas**degree,
    }


@rescale_neurons.misconception("it changes the weights it was given: work on copies.")
def works_in_place(params: Params, betas: Tensor, degree: float = 1.0) -> Any:
    params["A"].mul_(betas)
    params["b"].mul_(betas)
    params["W"].div_(betas.unsqueeze(1) ** degree)
    return params
