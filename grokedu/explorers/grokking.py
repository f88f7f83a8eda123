"""The curves of the shared ensemble by weight decay, train fraction, learning rate and seed."""

from __future__ import annotations

import base64
import html
from typing import Any

import numpy as np

from grokedu.artifacts import load_ensemble
from grokedu.figures.curves import curves
from grokedu.figures.style import Described
from grokedu.runs import Runs

AXES = {
    "weight_decay": "Weight decay",
    "fraction": "Train fraction",
    "lr": "Learning rate",
}


class GrokkingExplorer:
    """Curves of the ensemble that answer while a slider moves.

    Every control has a label in view and works from the keyboard (Tab to it, then the arrow keys);
    the picture carries an alt text that names the settings and changes with them. Where widgets do
    not run, the notebook shows the picture of the starting values.

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
        self._pictures: dict[int, str] = {}
        self.choose(None, **start)
        self.widget: Any = self._build()

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

    def _build(self) -> Any:
        try:
            import ipywidgets as widgets
        except ImportError:
            return None
        style = {"description_width": "8em"}
        sliders = {
            name: widgets.SelectionSlider(
                options=[(f"{value:g}", value) for value in self.options[name]],
                value=self.chosen[name],
                description=label,
                tooltip=f"{label}: arrow keys change it",
                continuous_update=True,
                style=style,
            )
            for name, label in AXES.items()
        }
        seeds = np.unique(self.runs.labels["seed"]).tolist()
        seed = widgets.Dropdown(
            options=[("all", None), *((str(one), one) for one in seeds)],
            description="Seed",
            tooltip="Seed: one run, or all of them as a median with its range",
            style=style,
        )
        picture = widgets.HTML()

        def redraw(_change: Any = None) -> None:
            values = {name: slider.value for name, slider in sliders.items()}
            picture.value = self._as_html(self.choose(seed=seed.value, **values))

        for control in (*sliders.values(), seed):
            control.observe(redraw, names="value")
        redraw()
        return widgets.VBox([widgets.VBox([*sliders.values(), seed]), picture])

    def _as_html(self, figure: Described) -> str:
        if id(figure) not in self._pictures:
            data = base64.b64encode(figure.png(dpi=90)).decode()
            alt = html.escape(figure.alt, quote=True)
            self._pictures[id(figure)] = (
                f'<img src="data:image/png;base64,{data}" alt="{alt}" style="max-width: 100%">'
            )
        return self._pictures[id(figure)]

    def _repr_mimebundle_(self, **kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        data, metadata = self.choose().bundle()
        if self.widget is None:
            return data, dict(metadata)
        return {
            **data,
            **self.widget._repr_mimebundle_(**kwargs),
            "text/plain": data["text/plain"],
        }, dict(metadata)
