"""Lesson 02's references are the library's functions, and their docstrings tell the truth."""

from __future__ import annotations

import doctest
import math
import sys

import pytest
import torch

from grokedu import symmetry
from grokedu.classroom.checking.probes import FUNCTIONS
from grokedu.lessons import find
from grokedu.lessons.l02_scaling_symmetries.neurons import draw_network
from grokedu.symmetry import Pair

EXERCISES = find("02").exercises
ASKED = {name: exercise.reference for name, exercise in EXERCISES.items()}
ACTIVATIONS = {1.0: "relu", 2.0: "square", 3.0: FUNCTIONS["cubed relu"]}
degrees = pytest.mark.parametrize("degree", list(ACTIVATIONS))


def pair(degree: float) -> Pair:
    return Pair({"A": "ij", "b": "j"}, {"W": "jo"}, ACTIVATIONS[degree])


def network(*runs: int) -> dict[str, torch.Tensor]:
    return draw_network(torch.Generator().manual_seed(5), 3, 6, 2, runs)


@pytest.mark.parametrize("name", list(ASKED))
def test_the_examples_in_a_statement_are_right(name: str) -> None:
    reference = ASKED[name]
    names = {**vars(sys.modules[reference.__module__]), **ASKED}
    finder = doctest.DocTestFinder()
    (example,) = finder.find(reference, name, globs=names)
    assert example.examples
    assert doctest.DocTestRunner().run(example).failed == 0


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_degrees_are_the_librarys(name: str) -> None:
    found, wanted = (f(FUNCTIONS[name]) for f in (ASKED["symmetry_of"], symmetry.symmetry_of))
    assert found == (pytest.approx(wanted) if wanted is not None else None)


@degrees
def test_rescaling_norms_balance_and_charges_are_the_librarys(degree: float) -> None:
    net, many = network(), network(4)
    betas = torch.linspace(0.2, 3.0, 6, dtype=torch.float64)
    for params in (net, many):
        for mine, theirs in (
            (
                ASKED["rescale_neurons"](params, betas, degree),
                symmetry.rescale(params, pair(degree), betas),
            ),
            (ASKED["balance"](params, degree), symmetry.balance(params, pair(degree))),
        ):
            for name in params:
                torch.testing.assert_close(mine[name], theirs[name])
        charge = symmetry.conserved_charge(params, pair(degree))
        torch.testing.assert_close(ASKED["conserved_charge"](params, degree), charge)
    along = symmetry.norm_along_orbit(net, pair(degree), betas)
    torch.testing.assert_close(ASKED["norm_along_orbit"](net, betas, degree), along)


def test_the_path_norm_is_the_librarys() -> None:
    net = network()
    layers = [(net["A"], net["b"]), (net["W"], torch.ones(2, dtype=torch.float64))]
    wanted = symmetry.path_norm([w.mT for w, _ in layers], [b for _, b in layers])
    torch.testing.assert_close(ASKED["path_norm"](layers), wanted)


@pytest.mark.parametrize(
    ("degree", "biases"), [(1.0, [True, False]), (2.0, [False, False]), (2.0, [True, True])]
)
def test_a_counted_degree_is_the_one_found_by_trying(degree: float, biases: list[bool]) -> None:
    net, act = network(), {1.0: torch.relu, 2.0: torch.square}[degree]
    net["b"] = net["b"] * biases[0]
    net["c"] = torch.full((2,), 0.7 * biases[1], dtype=torch.float64)
    x = torch.randn(7, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)

    def outputs(w: dict[str, torch.Tensor]) -> torch.Tensor:
        return act(x @ w["A"] + w["b"]) @ w["W"] + w["c"]

    assert ASKED["homogeneity_degree"]([degree], biases) == symmetry.homogeneity_degree(
        outputs, net
    )


@pytest.mark.parametrize("degree", [1.0, 2.0])
def test_the_sharpness_is_that_of_the_rescaled_network(degree: float) -> None:
    net, act = network(), {1.0: torch.relu, 2.0: torch.square}[degree]
    x = torch.randn(9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    sizes = [net[name].numel() for name in net]

    def loss(flat: torch.Tensor) -> torch.Tensor:
        A, b, W = (
            part.view(net[name].shape) for name, part in zip(net, flat.split(sizes), strict=True)
        )
        return (act(x @ A + b) @ W - 1).square().mean()

    betas = torch.tensor([0.4, 1.0, 2.5], dtype=torch.float64)
    incoming = torch.arange(sum(sizes)) < sum(sizes) - net["W"].numel()
    start = torch.func.hessian(loss)(torch.cat([t.flatten() for t in net.values()]))
    found = ASKED["sharpness_along_orbit"](start, incoming, betas, degree)
    for beta, top in zip(betas, found, strict=True):
        there = symmetry.rescale(net, pair(degree), float(beta))
        direct = torch.func.hessian(loss)(torch.cat([t.flatten() for t in there.values()]))
        assert math.isclose(torch.linalg.eigvalsh(direct)[-1], top, rel_tol=1e-9)
