"""One small network on its orbit: a slider moves the norm, and the function stands still."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from grokedu.claims.explorers.explorer import ALL, STYLE, Explorer, tooltip
from grokedu.figures.rescaling import rescaling
from grokedu.figures.style import Described
from grokedu.symmetry import norm_along_orbit, rescale_neurons, symmetry_of
from grokedu.symmetry.activations import ACTIVATIONS

NEURONS = 6
LABELS = {"relu": "ReLU", "square": "x²", "linear": "linear", "gelu": "GELU", "tanh": "tanh"}
LOG_RANGE = 1.5  # powers of ten to either side of β = 1


class SymmetryExplorer(Explorer):
    """A network of one input, six neurons and one output, rescaled by β.

    GELU and tanh have no degree: their outgoing weights are divided by β, as for ReLU, and one sees
    the function change.

    Args:
        activation: one of "relu", "square", "linear", "gelu" and "tanh".
        beta: the scale to begin with, 0.03 to 30.
        neuron: which one to rescale, 0 to 5; None for all.
        seed: of the network.

    Raises:
        ValueError: for another activation, scale or neuron.

    >>> explorer = SymmetryExplorer()
    >>> "does not change" in explorer.choose(activation="relu", beta=10.0).alt
    True
    >>> "changes by up to" in explorer.choose(activation="gelu", beta=10.0).alt
    True
    """

    def __init__(
        self,
        activation: str = "relu",
        beta: float = 3.0,
        neuron: int | None = None,
        seed: int = 0,
    ) -> None:
        draw = torch.Generator().manual_seed(seed)
        shapes = {"A": (1, NEURONS), "b": (NEURONS,), "W": (NEURONS, 1)}
        self.params = {
            name: torch.randn(shape, generator=draw, dtype=torch.float64)
            for name, shape in shapes.items()
        }
        self.chosen: dict[str, Any] = {"activation": activation, "beta": beta, "neuron": neuron}
        self.build()

    def choose(self, **values: Any) -> Described:
        """The figure for these values; what is not given stays as it is.

        Raises:
            ValueError: for an unknown activation, or a scale or neuron out of range.
        """
        wanted = self.chosen | values
        activation, beta, neuron = (wanted[name] for name in ("activation", "beta", "neuron"))
        limit = 10**LOG_RANGE
        if activation not in LABELS or not 0.999 / limit <= beta <= 1.001 * limit:
            raise ValueError(
                f"activation={activation!r}, beta={beta}; wanted one of {', '.join(LABELS)} and "
                f"{1 / limit:.3g} to {limit:.3g}"
            )
        if neuron is not None and neuron not in range(NEURONS):
            raise ValueError(f"neuron is {neuron}; wanted 0 to {NEURONS - 1}, or None for all")
        self.chosen = wanted
        degree = symmetry_of(ACTIVATIONS[activation])
        power = degree or 1.0  # without a degree, as for degree 1: it is not the same function then
        picked = [*range(NEURONS)] if neuron is None else [neuron]
        betas = torch.ones(NEURONS, dtype=torch.float64)
        betas[picked] = beta
        after = rescale_neurons(self.params, betas, power)
        x = torch.linspace(-3, 3, 121, dtype=torch.float64)
        scales = torch.logspace(-LOG_RANGE, LOG_RANGE, 61, dtype=torch.float64)
        moved = {
            "A": self.params["A"][:, picked],
            "b": self.params["b"][picked],
            "W": self.params["W"][picked],
        }
        fixed = sum(float(t.square().sum()) for t in self.params.values())
        fixed -= sum(float(t.square().sum()) for t in moved.values())
        norms = (norm_along_orbit(moved, scales, power).square() + fixed).sqrt()
        who = "all neurons" if neuron is None else f"neuron {neuron}"
        kind = f"degree {degree:g}" if degree else "no degree"
        return rescaling(
            after,
            x,
            self._outputs(self.params, x),
            self._outputs(after, x),
            scales,
            norms,
            beta,
            title=f"{LABELS[activation]} ({kind}), {who}, β = {beta:.3g}",
        )

    def _outputs(self, params: dict[str, Tensor], x: Tensor) -> Tensor:
        hidden = x.unsqueeze(1) @ params["A"] + params["b"]
        return (ACTIVATIONS[self.chosen["activation"]](hidden) @ params["W"]).squeeze(1)

    def controls(self, widgets: Any) -> dict[str, Any]:
        """A slider for β; lists for the rest."""
        return {
            "beta": widgets.FloatLogSlider(
                value=self.chosen["beta"],
                min=-LOG_RANGE,
                max=LOG_RANGE,
                step=0.05,
                description="Scale β",
                **tooltip(widgets.FloatLogSlider, "Scale β: arrow keys change it"),
                readout_format=".3g",
                continuous_update=True,
                style=STYLE,
            ),
            "activation": widgets.Dropdown(
                options=[(label, name) for name, label in LABELS.items()],
                value=self.chosen["activation"],
                description="Activation",
                **tooltip(widgets.Dropdown, "Activation of the six neurons"),
                style=STYLE,
            ),
            "neuron": widgets.Dropdown(
                options=[("all", ALL), *((str(one), one) for one in range(NEURONS))],
                value=ALL if self.chosen["neuron"] is None else self.chosen["neuron"],
                description="Neuron",
                **tooltip(widgets.Dropdown, "Neuron: which one to rescale, or all of them"),
                style=STYLE,
            ),
        }
