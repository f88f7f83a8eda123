"""Grokking and the geometry of learning: a course that checks itself, and its library.

The names that most programs need can be imported from here. Each is loaded at its first use, so
that ``import grokedu`` takes no time.

>>> import grokedu
>>> grokedu.make_task("modular_addition", 31, 0.5, seed=0).classes
31
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from grokedu.llc import estimate_llc
    from grokedu.models.deep_linear import DeepLinear
    from grokedu.models.mlp import MLP
    from grokedu.models.module import FromModule
    from grokedu.models.transformer import Transformer
    from grokedu.models.two_layer import TwoLayer
    from grokedu.tasks import make_task
    from grokedu.training.ensembles import train_ensemble
    from grokedu.training.loop import train
    from grokedu.training.runs import Runs

__version__ = "0.1.0"

_FOUND_IN = {
    "DeepLinear": "grokedu.models.deep_linear",
    "FromModule": "grokedu.models.module",
    "MLP": "grokedu.models.mlp",
    "Runs": "grokedu.training.runs",
    "Transformer": "grokedu.models.transformer",
    "TwoLayer": "grokedu.models.two_layer",
    "estimate_llc": "grokedu.llc",
    "make_task": "grokedu.tasks",
    "train": "grokedu.training.loop",
    "train_ensemble": "grokedu.training.ensembles",
}

__all__ = [
    "MLP",
    "DeepLinear",
    "FromModule",
    "Runs",
    "Transformer",
    "TwoLayer",
    "estimate_llc",
    "make_task",
    "train",
    "train_ensemble",
]


def __getattr__(name: str) -> Any:
    """Load one of the names above at its first use."""
    if name not in _FOUND_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_FOUND_IN[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The names above among the rest."""
    return sorted({*globals(), *__all__})
