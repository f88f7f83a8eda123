"""A picture that follows a run while it trains."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from grokedu.figures.curves import curves
from grokedu.figures.style import Described
from grokedu.measures.arrays import Array
from grokedu.training.runs import Runs


class LiveCurves:
    """Curves that redraw in a notebook as records come in: ``train(..., watch=LiveCurves())``.

    At most ten redraws a second, and never more than a third of the time goes into drawing. Outside
    a notebook nothing is drawn and records are only kept.

    Args:
        seconds: the least time between two redraws, at least 0.1.

    >>> live = LiveCurves()
    >>> live(1, {"train_accuracy": np.zeros(1), "test_accuracy": np.zeros(1)})
    >>> live.drawn
    0
    """

    def __init__(self, seconds: float = 0.5) -> None:
        self.seconds = max(seconds, 0.1)
        self.drawn = 0
        self._steps: list[int] = []
        self._rows: list[dict[str, Array]] = []
        self._handle: Any = None
        self._next = 0.0

    def __call__(self, step: int, row: dict[str, Array]) -> None:
        """Take a record in, and redraw if it is time."""
        self._steps.append(step)
        self._rows.append(row)
        if time.monotonic() >= self._next and in_notebook():
            self.finish()

    update = __call__

    def finish(self) -> None:
        """Draw all records now, whatever the time; nothing outside a notebook."""
        if not in_notebook() or sum(step > 0 for step in self._steps) < 2:
            return
        from IPython.display import display

        started = time.monotonic()
        data, metadata = self.figure().bundle()
        if self._handle is None:
            self._handle = display(data, metadata=metadata, raw=True, display_id=True)
        else:
            self._handle.update(data, metadata=metadata, raw=True)
        self.drawn += 1
        ended = time.monotonic()
        self._next = ended + max(self.seconds, 2 * (ended - started))

    def figure(self) -> Described:
        """The curves of the records so far."""
        names = self._rows[0]
        return curves(
            Runs(
                steps=np.array(self._steps),
                history={name: np.stack([row[name] for row in self._rows]) for name in names},
                labels={"run": np.arange(len(next(iter(names.values()))))},
            )
        )


def in_notebook() -> bool:
    """Whether this runs in a notebook's kernel, where a display can be updated."""
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    # Colab has a shell of a class of its own, and a kernel behind it as Jupyter has.
    return getattr(get_ipython(), "kernel", None) is not None
