"""The α landscape of MNIST at a fixed norm, with a button that trains the chosen point anew."""

from __future__ import annotations

from typing import Any

import numpy as np

from grokedu.claims.alpha_map import RATES, as_landscape, train_points
from grokedu.claims.artifacts import load_alpha_map
from grokedu.claims.explorers.explorer import STYLE, Explorer, tooltip
from grokedu.figures.alpha_point import alpha_point
from grokedu.figures.style import Described
from grokedu.training.runs import Runs

Key = tuple[float, int, str, int]
WORDS = {"as given": "learning rate as given", "times α": "learning rate times α"}


class SphereExplorer(Explorer):
    """The precomputed landscape under sliders: α, train images, learning rate, steps.

    The button trains the point that is chosen, with a seed the map does not hold, and marks what
    came out with crosses; it takes seconds, and needs the MNIST images.

    Args:
        runs: what to explore; the shipped map by default. Its labels must hold alpha, size, rate
            and seed.
        start: the values to begin with: ``alpha``, ``size``, ``rate``, ``steps``.

    Raises:
        ValueError: if the runs lack a label, or a starting value is not in the map.

    >>> explorer = SphereExplorer()
    >>> print(explorer.choose(alpha=8.0, size=200, rate="as given", steps=1500).alt[:53])
    α = 8, 200 images, learning rate as given, 1500 steps
    """

    def __init__(self, runs: Runs | None = None, **start: Any) -> None:
        self.runs = load_alpha_map() if runs is None else runs
        missing = [k for k in ("alpha", "size", "rate", "seed") if k not in self.runs.labels]
        if missing:
            raise ValueError(f"the runs have no label {', '.join(missing)}")
        self.options: dict[str, list[Any]] = {
            "alpha": np.unique(self.runs.labels["alpha"]).tolist(),
            "size": [int(n) for n in np.unique(self.runs.labels["size"])],
            "rate": [rate for rate in RATES if rate in self.runs.labels["rate"]],
            "steps": [int(step) for step in self.runs.steps],
        }
        self.chosen: dict[str, Any] = {
            "alpha": self.options["alpha"][len(self.options["alpha"]) // 2],
            "size": self.options["size"][0],
            "rate": self.options["rate"][0],
            "steps": self.options["steps"][-1],
        }
        self.trained: dict[Key, tuple[float, float]] = {}
        self._seeds = int(self.runs.labels["seed"].max())
        self._pictures: dict[tuple[Any, ...], Described] = {}
        self.build(**start)

    def choose(self, **values: Any) -> Described:
        """The picture for these values; what is not given stays as it is.

        Raises:
            ValueError: for a name or a value that the map does not have.
        """
        for name, value in values.items():
            if name not in self.options or value not in self.options[name]:
                raise ValueError(
                    f"{name}={value!r} is not in the map; there are "
                    + ", ".join(f"{k} {v}" for k, v in self.options.items())
                )
        self.chosen = self.chosen | values
        live = self.trained.get(self._key())
        key = (*self._key(), live)
        if key not in self._pictures:
            at = self.chosen
            some = self.runs.select(size=at["size"], rate=at["rate"])
            self._pictures[key] = alpha_point(
                as_landscape(some, at["steps"]),
                at["alpha"],
                live=live,
                title=f"α = {at['alpha']:g}, {at['size']} images, {WORDS[at['rate']]}, "
                f"{at['steps']} steps",
            )
        return self._pictures[key]

    def train(self) -> Described:
        """Train the chosen point now, with a new seed each time, and mark it."""
        self._seeds += 1
        at = self.chosen
        runs = train_points([at["alpha"]], at["size"], self._seeds, at["rate"], last=at["steps"])
        errors = [1 - float(runs[f"{part}_accuracy"][-1, 0]) for part in ("train", "test")]
        self.trained[self._key()] = (errors[0], errors[1])
        return self.choose()

    def _key(self) -> Key:
        at = self.chosen
        return at["alpha"], at["size"], at["rate"], at["steps"]

    def controls(self, widgets: Any) -> dict[str, Any]:
        """A slider for α; lists for the rest."""
        return {
            name: kind(
                options=[(say(value), value) for value in self.options[name]],
                value=self.chosen[name],
                description=label,
                **tooltip(kind, f"{label}: arrow keys change it"),
                style=STYLE,
            )
            for name, kind, label, say in (
                ("alpha", widgets.SelectionSlider, "Initial scale α", lambda x: f"{x:g}"),
                ("size", widgets.Dropdown, "Train images", str),
                ("rate", widgets.Dropdown, "Learning rate", str),
                ("steps", widgets.Dropdown, "Steps", str),
            )
        }

    def buttons(self, widgets: Any) -> list[Any]:
        """The one that trains the chosen point."""
        button = widgets.Button(
            description="Train it now", tooltip="Train the chosen point with a new seed"
        )

        def retrain(_button: Any) -> None:
            button.disabled, button.description = True, "Training …"
            try:
                self.show(self.train())
            except ValueError as error:  # no images
                self.say(str(error))
            finally:
                button.disabled, button.description = False, "Train it now"

        button.on_click(retrain)
        return [button]
