"""The norm along the orbit, and the point of the orbit where it is least."""

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

norm_along_orbit = lesson.exercise(
    points={"ReLU": 2, "other degrees": 1},
    hints=(
        "You need two numbers of the network, and then no network any more.",
        "The square of a norm is a sum of squares: what becomes of the sum over A and b, and of "
        "that over W, when the weights are multiplied by beta and by beta**-degree?",
        "With `into` the sum of the squares of A and b, and `out` that of W: `(into * betas**2 + "
        "out * betas ** (-2 * degree)).sqrt()`.",
    ),
    why="it shows at a glance how far a norm can move while the function stands still",
    minutes=6,
    difficulty=2,
)(symmetry.norm_along_orbit)


@norm_along_orbit.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    neurons = 4 if level == "visible" else 7
    small = {"A": torch.tensor([[3.0]]), "b": torch.tensor([4.0]), "W": torch.tensor([[2.0]])}
    yield Case("one neuron", "ReLU", (small, torch.tensor([0.5, 1.0, 2.0])))
    betas = torch.logspace(-1, 1, 5, dtype=torch.float64)
    params = draw_network(draw, 3, neurons, 2)
    yield Case(f"{neurons} neurons", "ReLU", (params, betas))
    for degree in (2.0, 3.0):
        args = (draw_network(draw, 3, neurons, 2), betas, degree)
        yield Case(f"degree {degree:g}", "other degrees", args)


def _sides(params: Params) -> tuple[Tensor, Tensor]:
    into = params["A"].square().sum() + params["b"].square().sum()
    return into, params["W"].square().sum()


@norm_along_orbit.misconception(
    "norms added. The square of the whole norm is the sum of the *squares* of its parts."
)
def adds_norms(params: Params, betas: Tensor, degree: float = 1.0) -> Tensor:
    into, out = _sides(params)
    return into.sqrt() * betas + out.sqrt() * betas**-degree


@norm_along_orbit.misconception(
    "beta where its square belongs: weights times beta have squares times beta²."
)
def forgets_to_square_beta(params: Params, betas: Tensor, degree: float = 1.0) -> Tensor:
    into, out = _sides(params)
    return (into * betas + out * betas**-degree).sqrt()


@norm_along_orbit.misconception("the squared norm: the root is missing.")
def forgets_the_root(params: Params, betas: Tensor, degree: float = 1.0) -> Tensor:
    into, out = _sides(params)
    return into * betas**2 + out * betas ** (-2 * degree)


@norm_along_orbit.misconception("no bias. It is a weight: it is rescaled, and it counts.")
def leaves_out_the_bias(params: Params, betas: Tensor, degree: float = 1.0) -> Tensor:
    into = params["A"].square().sum()
    return (into * betas**2 + params["W"].square().sum() * betas ** (-2 * degree)).sqrt()


@norm_along_orbit.misconception("ReLU's scale for every degree: W is divided by beta**degree.")
def takes_degree_one(params: Params, betas: Tensor, degree: float = 1.0) -> Tensor:
    into, out = _sides(params)
    return (into * betas**2 + out * betas**-2).sqrt()


@norm_along_orbit.misconception(
    "all weights multiplied alike: that is another function. W goes down when A goes up."
)
def scales_everything(params: Params, betas: Tensor, degree: float = 1.0) -> Tensor:
    into, out = _sides(params)
    return (into + out).sqrt() * betas


balance = lesson.exercise(
    points={"ReLU": 3, "other degrees": 2, "dead neurons": 1},
    hints=(
        "Where is a·beta² + c·beta^(−2k) least? Differentiate by beta and set it to zero.",
        "beta^(2k + 2) = k·c / a, for each neuron on its own. What does that give when a or c is "
        "0, and what do you want there?",
        "`into = params['A'].square().sum(0) + params['b'].square()`, `out = "
        "params['W'].square().sum(1)`, `betas = (degree * out / into) ** (1 / (2 * degree + 2))`; "
        "then rescale, with `torch.where` to set neurons with into or out at 0 to zero.",
    ),
    why="if any norm can be a property of the function, it is this one",
    minutes=11,
    difficulty=2,
)(symmetry.balance)


@balance.cases
def _(seed: int, level: str) -> Iterator[Case]:
    draw = torch.Generator().manual_seed(seed)
    neurons = 4 if level == "visible" else 6
    small = {
        "A": torch.tensor([[0.0, 2.0]]),
        "b": torch.tensor([3.0, 0.0]),
        "W": torch.tensor([[12.0], [8.0]]),
    }
    yield Case("one input, two neurons", "ReLU", (small,))
    yield Case(f"{neurons} neurons", "ReLU", (draw_network(draw, neurons, neurons, neurons),))
    for degree in (2.0, 3.0):
        params = draw_network(draw, 3, neurons, 2)
        yield Case(f"degree {degree:g}", "other degrees", (params, degree))
    dead = draw_network(draw, 3, neurons, 2)
    dead["A"][:, 0], dead["b"][0], dead["W"][1] = 0.0, 0.0, 0.0
    yield Case("nothing leads into neuron 0, nothing out of 1", "dead neurons", (dead, 2.0))


def _balanced(params: Params, betas: Tensor, degree: float) -> dict[str, Tensor]:
    return {
        "A": params["A"] * betas,
        "b": params["b"] * betas,
        "W": params["W"] * betas.unsqueeze(1) ** -degree,
    }


def _a_and_c(params: Params) -> tuple[Tensor, Tensor]:
    into = params["A"].square().sum(dim=0) + params["b"].square()
    return into, params["W"].square().sum(dim=1)


@balance.misconception(
    "one beta for the whole layer. Each neuron can be rescaled on its own, and has its own best."
)
def balances_layers(params: Params, degree: float = 1.0) -> Any:
    into, out = (side.sum(dim=0, keepdim=True) for side in _a_and_c(params))
    return _balanced(params, ((degree * out / into) ** (1 / (2 * degree + 2))), degree)


@balance.misconception(
    "equal norms in and out for every degree. Differentiate: at the least, a·beta² is degree times "
    "c·beta^(−2·degree)."
)
def makes_norms_equal(params: Params, degree: float = 1.0) -> Any:
    into, out = _a_and_c(params)
    return _balanced(params, (out / into) ** (1 / (2 * degree + 2)), degree)


@balance.misconception(
    "the wrong root: a and c are *squared* norms, and beta^(2·degree + 2) = degree·c/a."
)
def takes_the_wrong_root(params: Params, degree: float = 1.0) -> Any:
    into, out = _a_and_c(params)
    return _balanced(params, (degree * out / into) ** (1 / (degree + 1)), degree)


@balance.misconception("a without the bias. It leads into the neuron too, and is rescaled with it.")
def weighs_no_bias(params: Params, degree: float = 1.0) -> Any:
    into, out = params["A"].square().sum(dim=0), params["W"].square().sum(dim=1)
    return _balanced(params, (degree * out / into) ** (1 / (2 * degree + 2)), degree)


@balance.misconception(
    "the fraction upside down: where much leads out and little in, beta must be large."
)
def inverts_the_fraction(params: Params, degree: float = 1.0) -> Any:
    into, out = _a_and_c(params)
    return _balanced(params, (into / (degree * out)) ** (1 / (2 * degree + 2)), degree)


@balance.misconception(
    "0/0 or 1/0 at a dead neuron. It adds nothing to the function; set its weights to zero."
)
def trips_over_dead_neurons(params: Params, degree: float = 1.0) -> Any:
    into, out = _a_and_c(params)
    return _balanced(params, (degree * out / into) ** (1 / (2 * degree + 2)), degree)


@balance.misconception(
    "a dead neuron left as it was. With nothing leading in, or nothing out, it adds nothing to the "
    "function; the least norm has no weights there."
)
def keeps_dead_neurons(params: Params, degree: float = 1.0) -> Any:
    into, out = _a_and_c(params)
    alive = (into > 0) & (out > 0)
    ratio = torch.where(alive, degree * out, 1.0) / torch.where(alive, into, 1.0)
    return _balanced(params, ratio ** (1 / (2 * degree + 2)), degree)
