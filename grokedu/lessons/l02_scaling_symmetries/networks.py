"""A whole network: a norm that rescaling neurons cannot change, and what one radius does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

import torch
from torch import Tensor

from grokedu import symmetry
from grokedu.classroom.checking.exercise import Case
from grokedu.lessons.l02_scaling_symmetries.about import lesson

Layers = Sequence[tuple[Tensor, Tensor]]


path_norm = lesson.exercise(
    points={"two layers": 2, "deep": 1, "biases": 1},
    hints=(
        "There are very many paths. How does a forward pass manage to add up all of them?",
        "For two layers without biases the sum is Σ_i Σ_j Σ_o (A_ij W_jo)²: multiply a row of ones "
        "with the squares of A, then with those of W. A bias is a path that begins there.",
        "`reach = torch.ones_like(weights[:, 0])` of the first layer; for each layer "
        "`reach = reach @ weights.square() + bias.square()`; in the end `reach.sum().sqrt()`.",
    ),
    why="a norm that no rescaling changes",
    minutes=10,
    difficulty=3,
)(symmetry.path_norm)


@path_norm.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    deep = (3, 4, 2, 5) if level == "visible" else (2, 5, 3, 4, 2)

    def layers(sizes: Sequence[int], *, biases: bool = False) -> list[tuple[Tensor, Tensor]]:
        found = []
        for size, after in pairwise(sizes):
            weights = torch.randn(size, after, generator=draw, dtype=torch.float64)
            bias = torch.randn(after, generator=draw, dtype=torch.float64)
            found.append((weights, bias if biases else torch.zeros_like(bias)))
        return found

    small = [
        (torch.tensor([[1.0, -2.0]]), torch.tensor([0.0, 0.0])),
        (torch.tensor([[3.0], [1.0]]), torch.tensor([0.0])),
    ]
    yield Case("one input, two neurons, one output", "two layers", (small,))
    yield Case("two layers", "two layers", (layers((4, 3, 2)),))
    yield Case(f"{len(deep) - 1} layers", "deep", (layers(deep),))
    yield Case("two layers with biases", "biases", (layers((3, 4, 2), biases=True),))
    yield Case(f"{len(deep) - 1} layers with biases", "biases", (layers(deep, biases=True),))


@path_norm.misconception(
    "the product of the layers' norms. That stays when whole layers trade scale, not when single "
    "neurons do."
)
def multiplies_layer_norms(layers: Layers) -> Any:
    norms = [(w.square().sum() + b.square().sum()).sqrt() for w, b in layers]
    return torch.stack(norms).prod()


@path_norm.misconception(
    "signed path weights: paths of opposite sign cancel in the function, and must not here. Square "
    "first."
)
def lets_paths_cancel(layers: Layers) -> Any:
    reach = torch.ones_like(layers[0][0][:, 0])
    for weights, bias in layers:
        reach = reach @ weights + bias
    return reach.square().sum().sqrt()


@path_norm.misconception(
    "absolute values: that is the L1 path norm. Here the path weights are squared."
)
def takes_absolute_values(layers: Layers) -> Any:
    reach = torch.ones_like(layers[0][0][:, 0])
    for weights, bias in layers:
        reach = reach @ weights.abs() + bias.abs()
    return reach.sum()


@path_norm.misconception("the sum of the squares: the root is missing.")
def stops_before_the_root(layers: Layers) -> Any:
    reach = torch.ones_like(layers[0][0][:, 0])
    for weights, bias in layers:
        reach = reach @ weights.square() + bias.square()
    return reach.sum()


@path_norm.misconception("no biases: a path may also begin at a bias.")
def begins_at_inputs_only(layers: Layers) -> Any:
    reach = torch.ones_like(layers[0][0][:, 0])
    for weights, _ in layers:
        reach = reach @ weights.square()
    return reach.sum().sqrt()


@path_norm.misconception("the bias itself, not its square: it is a weight on the path like others.")
def adds_plain_biases(layers: Layers) -> Any:
    reach = torch.ones_like(layers[0][0][:, 0])
    for weights, bias in layers:
        reach = reach @ weights.square() + bias
    return reach.sum().sqrt()


homogeneity_degree = lesson.exercise(
    points={"no biases": 2, "biases": 2},
    hints=(
        "Follow one number, the degree, through the network. What does each part do to it?",
        "Weights: degree + 1. Then a bias, if any: only where degree is 1, else there is none. "
        "Then the activation: degree times k, or none. After the last layer there is none.",
        "Loop over `zip([*degrees, 1.0], biases)`: `degree += 1`; return None if the activation is "
        "None or `bias and degree != 1`; `degree *= activation`.",
    ),
    why="where a degree exists, the size of all weights together cannot change a prediction",
    minutes=8,
    difficulty=2,
)(symmetry.homogeneity_degree)


@homogeneity_degree.cases
def _(seed: int, level: str) -> Iterator[Case]:
    plain: list[list[float | None]] = (
        [[1.0], [1.0, 1.0], [2.0, 3.0], [1.0, None]]
        if level == "visible"
        else [[3.0], [1.0, 1.0, 1.0], [3.0, 2.0], [None, 2.0]]
    )
    biased: list[tuple[list[float | None], list[bool]]] = [
        ([2.0], [True, False]),
        ([1.0], [False, True]),
        ([1.0, 2.0], [True, False, False]),
        ([1.0, 1.0], [True, True, False]),
        ([0.0, 1.0], [True, True, False]),
    ]
    if level != "visible":
        biased = [
            ([3.0], [True, False]),
            ([2.0], [False, True]),
            ([2.0, 1.0], [True, False, False]),
            ([1.0, 2.0], [False, True, False]),
            ([0.0, 2.0], [True, True, False]),
        ]
    for degrees in plain:
        layers = len(degrees) + 1
        yield Case(f"{layers} layers, no biases", "no biases", (degrees, [False] * layers))
    for degrees, biases in biased:
        yield Case(f"biases {biases}", "biases", (degrees, biases))


Degrees: TypeAlias = Sequence["float | None"]
Biases: TypeAlias = Sequence[bool]


def _counted(degrees: Degrees, *, start: float = 0.0) -> float | None:
    degree = start
    for activation in [*degrees, 1.0]:
        if activation is None:
            return None
        degree = activation * (degree + 1)
    return degree


@homogeneity_degree.misconception(
    "the number of layers. That is ReLU's; an activation of degree k multiplies what came before."
)
def counts_layers(degrees: Degrees, biases: Biases) -> Any:
    counted = homogeneity_degree.reference(degrees, biases)
    return None if counted is None else float(len(biases))


@homogeneity_degree.misconception(
    "biases left out of account. A bias has degree 1: added to something of another degree it "
    "leaves no degree at all."
)
def overlooks_biases(degrees: Degrees, biases: Biases) -> Any:
    return _counted(degrees)


@homogeneity_degree.misconception(
    "no degree for any network with a bias. In the first layer the weights have degree 1 like the "
    "bias: there it does no harm."
)
def allows_no_bias(degrees: Degrees, biases: Biases) -> Any:
    return None if any(biases) else _counted(degrees)


@homogeneity_degree.misconception(
    "degrees added up. (r·z)**k is r**k z**k: an activation *multiplies* the degree before it."
)
def adds_degrees(degrees: Degrees, biases: Biases) -> Any:
    if homogeneity_degree.reference(degrees, biases) is None:
        return None
    return float(len(biases)) + sum((k or 0.0) - 1 for k in degrees)


@homogeneity_degree.misconception(
    "an input of degree 1. It is not multiplied by r: before the first weights the degree is 0."
)
def scales_the_input(degrees: Degrees, biases: Biases) -> Any:
    if homogeneity_degree.reference(degrees, biases) is None:
        return None
    return _counted(degrees, start=1.0)
