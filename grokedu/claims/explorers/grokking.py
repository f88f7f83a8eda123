"""The curves of the shared ensemble by weight decay, train fraction, learning rate and seed."""

from __future__ import annotations

from typing import Any

import numpy as np

from grokedu.claims.artifacts import load_ensemble
from grokedu.claims.explorers.explorer import ALL, STYLE, Explorer, tooltip
from grokedu.figures.curves import curves
from grokedu.figures.style import Described
from grokedu.training.runs import Runs

AXES = {
    "weight_decay": "Weight decay",
    "fraction": "Train fraction",
    "lr": "Learning rate",
}


class GrokkingExplorer(Explorer):
    """Curves of the ensemble that answer while a slider moves.

    Args:
        runs: what to explore; the shared ensemble by default. Its labels must hold weight_decay,
            fraction, lr and seed.
        start: the values to begin with, for example ``weight_decay=1.0``; missing ones as below.

    Raises:
        ValueError: if the runs lack a label or a starting value.

    >>> explorer = GrokkingExplorer()
    >>> print(explorer.choose(weight_decay=0.3, fraction=0.5, lr=0.01).alt[:66])
    weight decay 0.3, train fraction 0.5, learning rate 0.01. Two pane
    """

    def __init__(self, runs: Runs | None = None, **start: float) -> None:
        self.runs = load_ensemble() if runs is None else runs
        missing = [name for name in (*AXES, "seed") if name not in self.runs.labels]
        if missing:
            raise ValueError(f"the runs have no label {', '.join(missing)}; wanted {[*AXES]}")
        self.options = {name: np.unique(self.runs.labels[name]).tolist() for name in AXES}
        self.chosen: dict[str, float] = {
            name: values[len(values) // 2] for name, values in self.options.items()
        }
        self._drawn: dict[tuple[Any, ...], Described] = {}
        self.build(**start)

    def choose(self, seed: int | None = None, **values: float) -> Described:
        """The figure for these values; what is not given stays as it is. No seed means all seeds.

        Raises:
            ValueError: if no run has them.
        """
        wanted = self.chosen | values
        key = (seed, *(wanted.get(name) for name in AXES))
        if key not in self._drawn:
            labels = wanted if seed is None else {**wanted, "seed": seed}
            title = ", ".join(f"{AXES[name].lower()} {wanted[name]:g}" for name in AXES)
            self._drawn[key] = curves(self.runs.select(**labels), title=title)
        self.chosen = wanted
        return self._drawn[key]

    def controls(self, widgets: Any) -> dict[str, Any]:
        """Three sliders and the choice of a seed."""
        sliders = {
            name: widgets.SelectionSlider(
                options=[(f"{value:g}", value) for value in self.options[name]],
                value=self.chosen[name],
                description=label,
                **tooltip(widgets.SelectionSlider, f"{label}: arrow keys change it"),
                continuous_update=True,
                style=STYLE,
            )
            for name, label in AXES.items()
        }
        seeds = np.unique(self.runs.labels["seed"]).tolist()
        seed = widgets.Dropdown(
            options=[("all", ALL), *((str(one), one) for one in seeds)],
            description="Seed",
            **tooltip(widgets.Dropdown, "Seed: one run, or all of them as a median with its range"),
            style=STYLE,
        )
        return {**sliders, "seed": seed}
