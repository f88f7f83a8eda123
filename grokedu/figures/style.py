"""How every figure looks, and how it says in words what it shows.

Colours are those of Okabe and Ito, which colour-blind readers can tell apart; every series also has
a line style or a marker of its own. A figure is a :class:`Described`, a matplotlib figure that
carries its alt text and shows itself with it.
"""

from __future__ import annotations

import base64
import html
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
YELLOW, BLUE, VERMILION, PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
TRAIN, TEST = {"color": BLUE, "ls": "--"}, {"color": VERMILION, "ls": "-"}
SERIES: list[dict[str, Any]] = [
    {"color": BLUE, "ls": "-", "marker": "o"},
    {"color": VERMILION, "ls": "--", "marker": "s"},
    {"color": GREEN, "ls": "-.", "marker": "^"},
    {"color": PURPLE, "ls": ":", "marker": "D"},
    {"color": ORANGE, "ls": (0, (5, 1, 1, 1, 1, 1)), "marker": "v"},
    {"color": SKY, "ls": (0, (1, 1)), "marker": "P"},
    {"color": BLACK, "ls": (0, (8, 2)), "marker": "X"},
]


class Described(Figure):
    """A matplotlib figure with an alt text, drawn without any global state.

    In a notebook it shows as a picture whose metadata holds the alt text.
    """

    alt: str = ""
    _html: str = ""

    def png(self, dpi: int = 110) -> bytes:
        """The figure as a PNG file, with the alt text in its metadata."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=dpi, metadata={"Description": self.alt})
        return buffer.getvalue()

    def html(self) -> str:
        """The figure as an image element that holds its data and its alt text, drawn once."""
        if not self._html:
            data = base64.b64encode(self.png(dpi=90)).decode()
            alt = html.escape(self.alt, quote=True)
            self._html = (
                f'<img src="data:image/png;base64,{data}" alt="{alt}" style="max-width: 100%">'
            )
        return self._html

    def bundle(self) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
        """The notebook's mime bundle and its metadata."""
        data = {"image/png": base64.b64encode(self.png()).decode(), "text/plain": self.alt}
        return data, {"image/png": {"alt": self.alt}}

    def write(self, path: Path) -> None:
        """Write the figure as a PNG file, whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}")
        partial.write_bytes(self.png())
        os.replace(partial, path)

    def _repr_mimebundle_(self, **_kwargs: Any) -> Any:
        return self.bundle()


def panels(
    columns: int = 1,
    *,
    width: float = 6.4,
    height: float = 3.8,
    left: float = 0.72,
    gap: float = 0.72,
) -> tuple[Described, Any]:
    """An empty figure with so many axes side by side, returned as a list.

    Margins are fixed, in inches: matplotlib's layout engines take most of the time of a drawing,
    and explorers must answer within 0.2 s. ``left`` and ``gap`` are the room for labels left of
    the first axes and between two.
    """
    figure = Described(figsize=(width, height))
    FigureCanvasAgg(figure)
    right, bottom, top = 0.25, 0.55, 0.52
    each = (width - left - right - gap * (columns - 1)) / columns
    axes = figure.subplots(
        1,
        columns,
        squeeze=False,
        gridspec_kw={
            "left": left / width,
            "right": 1 - right / width,
            "bottom": bottom / height,
            "top": 1 - top / height,
            "wspace": gap / each,
        },
    )[0]
    for one in axes:
        one.spines[["top", "right"]].set_visible(False)
        one.grid(True, alpha=0.25, linewidth=0.6)
    return figure, list(axes)


def log_scale(axes: Axes, which: str, subs: tuple[float, ...] = (1.0,)) -> None:
    """Make the axis "x" or "y" logarithmic, with plain numbers at each decade times ``subs``.

    Plain numbers are quicker to draw than powers, and easier to read aloud.
    """
    axes.set(**{f"{which}scale": "log"})
    axis: Axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _at: f"{value:g}"))


def show(figure: Described) -> None:
    """Display a figure in a notebook with its alt text; elsewhere print the alt text."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        print(figure.alt)
        return
    if get_ipython() is None:
        print(figure.alt)
        return
    data, metadata = figure.bundle()
    display(data, metadata=metadata, raw=True)


def median_and_band(axes: Axes, x: Any, values: Any, label: str, **line: Any) -> None:
    """Draw the median over runs, and the range between the lowest and the highest as a band.

    values is (T, S); with one run there is no band.
    """
    axes.plot(x, np.median(values, axis=1), label=label, lw=1.8, **line)
    if values.shape[1] > 1:
        low, high = values.min(axis=1), values.max(axis=1)
        axes.fill_between(x, low, high, color=line["color"], alpha=0.18, lw=0)


def count(number: int, noun: str) -> str:
    """A number with its noun.

    >>> count(1, "run"), count(5, "run")
    ('1 run', '5 runs')
    """
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
