"""What gradient flow keeps, and the curvature along the orbit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from grokedu import symmetry
from grokedu.classroom.checking.exercise import Case
from grokedu.lessons.l02_scaling_symmetries.about import lesson
from grokedu.lessons.l02_scaling_symmetries.neurons import draw_network
from grokedu.models.parameters import Params

conserved_charge = lesson.exercise(
    points={"ReLU": 2, "other degrees": 1},
    hints=(
        "If ⟨u, ∇u⟩ = k ⟨v, ∇v⟩, then k times the change of ‖v‖² is the change of ‖u‖². What "
        "stays?",
        "‖u‖² − k ‖v‖². Columns of A belong to neurons, so sum its squares over dim=0; rows of W "
        "do, so sum its squares over dim=1.",
        "`params['A'].square().sum(0) + params['b'].square() - degree * "
        "params['W'].square().sum(1)`.",
    ),
    why="it tells where on its orbit training can take a network, and where it cannot",
    minutes=6,
    difficulty=2,
)(symmetry.conserved_charge)


@conserved_charge.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    neurons = 4 if level == "visible" else 6
    small = {
        "A": torch.tensor([[1.0, 3.0]]),
        "b": torch.tensor([2.0, 0.0]),
        "W": torch.tensor([[1.0], [-2.0]]),
    }
    yield Case("one input, two neurons", "ReLU", (small,))
    # As many inputs and outputs as neurons: an axis mixed up gives a wrong value, not an error.
    yield Case(f"{neurons} neurons", "ReLU", (draw_network(draw, neurons, neurons, neurons),))
    for degree in (2.0, 3.0):
        args = (draw_network(draw, 3, neurons, 2), degree)
        yield Case(f"degree {degree:g}", "other degrees", args)


@conserved_charge.misconception("no bias: it leads into the neuron, and gradient flow moves it.")
def weighs_no_bias(params: Params, degree: float = 1.0) -> Any:
    return params["A"].square().sum(0) - degree * params["W"].square().sum(1)


@conserved_charge.misconception(
    "no degree before what leads out: with a square, what leads in changes twice as fast."
)
def leaves_out_the_degree(params: Params, degree: float = 1.0) -> Any:
    into = params["A"].square().sum(0) + params["b"].square()
    return into - params["W"].square().sum(1)


@conserved_charge.misconception("a sum. Under gradient flow both sides grow *together*.")
def adds_the_sides(params: Params, degree: float = 1.0) -> Any:
    into = params["A"].square().sum(0) + params["b"].square()
    return into + degree * params["W"].square().sum(1)


@conserved_charge.misconception("norms in place of squared norms.")
def takes_norms(params: Params, degree: float = 1.0) -> Any:
    into = params["A"].square().sum(0) + params["b"].square()
    return into.sqrt() - degree * params["W"].square().sum(1).sqrt()


@conserved_charge.misconception(
    "the wrong axes: columns of A and rows of W belong to a neuron, so sum over rows of A and "
    "columns of W."
)
def mixes_up_axes(params: Params, degree: float = 1.0) -> Any:
    into = params["A"].square().sum(1) + params["b"].square()
    return into - degree * params["W"].square().sum(0)


sharpness_along_orbit = lesson.exercise(
    points={"ReLU": 2, "other degrees": 1},
    hints=(
        "If L(w) = L(D w) for all w, what does the chain rule say about the gradient at D w? And "
        "about the Hessian?",
        "H(w) = D H(D w) D, so H(D w) = D⁻¹ H(w) D⁻¹: entry (i, j) is divided by both scales, that "
        "of i and that of j.",
        "For each beta: `scale = torch.where(incoming, beta, beta**-degree)`, then "
        "`torch.linalg.eigvalsh(hessian / scale / scale.unsqueeze(1))[-1]`; stack them.",
    ),
    why="flatness is said to go with generalisation, and here the function does not change at all",
    minutes=10,
    difficulty=3,
)(symmetry.sharpness_along_orbit)


@sharpness_along_orbit.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    size = 5 if level == "visible" else 7
    betas = torch.tensor([0.3, 0.8, 1.0, 1.7, 4.0], dtype=torch.float64)
    incoming = torch.arange(size) < size - 2

    def hessian() -> Tensor:
        drawn = torch.randn(size, size, generator=draw, dtype=torch.float64)
        return drawn + drawn.mT

    small = torch.tensor([[2.0, 1.0], [1.0, 3.0]])
    mask = torch.tensor([True, False])
    yield Case("two weights", "ReLU", (small, mask, torch.tensor([0.5, 1.0, 2.0])))
    yield Case(f"{size} weights", "ReLU", (hessian(), incoming, betas))
    # The most negative eigenvalue is far larger in size than the largest one.
    saddle = hessian() - 9.0 * torch.diag((~incoming).double())
    yield Case(f"{size} weights, at a saddle", "ReLU", (saddle, incoming, betas))
    for degree in (2.0, 3.0):
        yield Case(f"degree {degree:g}", "other degrees", (hessian(), incoming, betas, degree))


def _tops(hessian: Tensor, scales: list[Tensor], *, by_size: bool = False) -> Tensor:
    values = [torch.linalg.eigvalsh(hessian * s * s.unsqueeze(1)) for s in scales]
    return torch.stack([v.abs().max() if by_size else v[-1] for v in values])


@sharpness_along_orbit.misconception(
    "multiplied. Where weights are large a step changes them by a smaller share, and the loss is "
    "flatter: divide by both scales."
)
def multiplies(hessian: Tensor, incoming: Tensor, betas: Tensor, degree: float = 1.0) -> Any:
    return _tops(hessian, [torch.where(incoming, beta, beta**-degree) for beta in betas])


@sharpness_along_orbit.misconception(
    "eigenvalues divided by beta². The two kinds of weight scale oppositely; the whole matrix has "
    "to be rescaled before its eigenvalues are taken."
)
def divides_eigenvalues(
    hessian: Tensor, incoming: Tensor, betas: Tensor, degree: float = 1.0
) -> Any:
    return torch.linalg.eigvalsh(hessian)[-1] / betas**2


@sharpness_along_orbit.misconception(
    "one scale only: the Hessian has two derivatives, and each brings a scale."
)
def divides_once(hessian: Tensor, incoming: Tensor, betas: Tensor, degree: float = 1.0) -> Any:
    scales = [torch.where(incoming, beta, beta**-degree) ** -0.5 for beta in betas]
    return _tops(hessian, scales)


@sharpness_along_orbit.misconception(
    "the largest eigenvalue *in size*. At a saddle that may be negative; the largest is asked."
)
def takes_the_largest_in_size(
    hessian: Tensor, incoming: Tensor, betas: Tensor, degree: float = 1.0
) -> Any:
    scales = [torch.where(incoming, 1 / beta, beta**degree) for beta in betas]
    return _tops(hessian, scales, by_size=True)


@sharpness_along_orbit.misconception(
    "ReLU's scales for every degree: outgoing weights are divided by beta**degree."
)
def takes_degree_one(hessian: Tensor, incoming: Tensor, betas: Tensor, degree: float = 1.0) -> Any:
    return _tops(hessian, [torch.where(incoming, 1 / beta, beta) for beta in betas])


@sharpness_along_orbit.misconception(
    "`incoming` the wrong way round: True marks the weights that are multiplied by beta."
)
def swaps_the_sides(hessian: Tensor, incoming: Tensor, betas: Tensor, degree: float = 1.0) -> Any:
    return _tops(hessian, [torch.where(incoming, beta**degree, 1 / beta) for beta in betas])
