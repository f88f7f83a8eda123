from __future__ import annotations

from typing import Any

import pytest

from grokedu.claims.explorers import SymmetryExplorer


@pytest.fixture(scope="module")
def explorer() -> SymmetryExplorer:
    return SymmetryExplorer()


def controls(explorer: SymmetryExplorer) -> dict[str, Any]:
    return {one.description: one for one in explorer.widget.children[0].children}


def test_moving_a_control_redraws_with_a_new_alt_text(explorer: SymmetryExplorer) -> None:
    picture, by_name = explorer.widget.children[1], controls(explorer)
    seen = set()
    for beta in (0.1, 1.0, 10.0):
        by_name["Scale β"].value = beta
        assert f"β = {beta:.3g}. Three panels" in picture.value
        seen.add(picture.value)
    by_name["Neuron"].value = 2
    assert "neuron 2" in picture.value
    by_name["Activation"].value = "gelu"
    assert "GELU (no degree)" in picture.value
    assert len(seen) == 3


@pytest.mark.parametrize("neuron", [None, 3])
def test_the_function_stands_still_where_there_is_a_degree(
    explorer: SymmetryExplorer, neuron: int | None
) -> None:
    for activation in ("relu", "square", "linear"):
        said = explorer.choose(activation=activation, beta=20.0, neuron=neuron).alt
        assert "which does not change" in said
    for activation in ("gelu", "tanh"):
        said = explorer.choose(activation=activation, beta=20.0, neuron=neuron).alt
        assert "which changes by up to" in said


@pytest.mark.parametrize("neuron", [None, 3])
def test_the_norm_is_that_of_the_network_drawn(
    explorer: SymmetryExplorer, neuron: int | None
) -> None:
    at_one = explorer.choose(activation="relu", beta=1.0, neuron=neuron)
    norm = sum(float(t.square().sum()) for t in explorer.params.values()) ** 0.5
    assert f"against β: {norm:.3g} at β = 1," in at_one.alt


def test_values_that_are_not_there_are_refused() -> None:
    for given in ({"activation": "sine"}, {"beta": 0.0}, {"beta": 100.0}, {"neuron": 6}):
        with pytest.raises(ValueError, match="wanted"):
            SymmetryExplorer(**given)
