"""What every explorer does: controls above a picture that answers them."""

from __future__ import annotations

import html
from abc import ABC, abstractmethod
from typing import Any

from grokedu.figures.style import Described

STYLE = {"description_width": "8em"}
# The value of a list's entry "all". ipywidgets reads None as "nothing is chosen", and then shows an
# empty list.
ALL = "all"
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def tooltip(control: Any, text: str) -> dict[str, str]:
    """The keyword that gives this kind of control its tooltip.

    Only since ipywidgets 8 is it ``tooltip`` for every control; Colab has ipywidgets 7.

    >>> import ipywidgets
    >>> ipywidgets.Dropdown(**tooltip(ipywidgets.Dropdown, "Pick one")).tooltip
    'Pick one'
    """
    return {"tooltip" if hasattr(control, "tooltip") else "description_tooltip": text}


class Explorer(ABC):
    """Controls above a picture.

    Every control has a label in view and works from the keyboard (Tab to it, then the arrow keys);
    the picture carries an alt text that names the settings and changes with them. Where widgets do
    not run, the notebook shows the picture of the starting values, with its alt text.

    A kind of explorer says what is drawn for a choice (``choose``) and which controls there are
    (``controls``), and calls ``build`` once it has all that these need.

    Attributes:
        chosen: name to value, what the picture now shows.
        widget: the ipywidgets box of controls and picture; None where ipywidgets is missing.
    """

    chosen: dict[str, Any]
    widget: Any = None

    @abstractmethod
    def choose(self, **values: Any) -> Described:
        """The picture for these values; what is not given stays as it is.

        Raises:
            ValueError: for a value that there is none of.
        """

    @abstractmethod
    def controls(self, widgets: Any) -> dict[str, Any]:
        """Name of a value to the control that chooses it, made with the module ipywidgets.

        A control whose value is ALL chooses None.
        """

    def buttons(self, widgets: Any) -> list[Any]:
        """What stands below the controls and changes the picture by itself."""
        return []

    def build(self, **start: Any) -> None:
        """Draw the starting values and make the widget."""
        self.choose(**start)
        try:
            import ipywidgets as widgets
        except ImportError:
            return
        controls = self.controls(widgets)
        self.picture = widgets.HTML()

        def redraw(_change: Any = None) -> None:
            picked = {name: one.value for name, one in controls.items()}
            self.show(self.choose(**{k: None if v == ALL else v for k, v in picked.items()}))

        for control in controls.values():
            control.observe(redraw, names="value")
        redraw()
        panel = widgets.VBox([*controls.values(), *self.buttons(widgets)])
        self.widget = widgets.VBox([panel, self.picture])

    def show(self, figure: Described) -> None:
        """Put a figure where the picture is."""
        self.picture.value = figure.html()

    def say(self, text: str) -> None:
        """Put a sentence where the picture is."""
        self.picture.value = f"<p>{html.escape(text)}</p>"

    def _repr_mimebundle_(self, **_kwargs: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        # One output holds both: a front end that runs widgets shows the widget, any other the
        # picture. The widget's part is made here, as ipywidgets 7 has no _repr_mimebundle_, and its
        # _ipython_display_ would publish an output of its own, without the picture.
        data, metadata = self.choose().bundle()
        live: dict[str, Any] = {}
        # A closed widget, as after ipywidgets.Widget.close_all(), has no comm and cannot be shown.
        if self.widget is not None and self.widget.comm is not None:
            model = self.widget.model_id
            live[WIDGET_VIEW] = {"version_major": 2, "version_minor": 0, "model_id": model}
        return {**live, **data}, dict(metadata)
