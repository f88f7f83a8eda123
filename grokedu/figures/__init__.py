"""Figures: one function a figure, each with an alt text, which ``show(figure)`` displays too."""

from grokedu.figures.alpha_point import alpha_point
from grokedu.figures.curves import curves
from grokedu.figures.delays import Arm, delays
from grokedu.figures.landscape import landscape
from grokedu.figures.live import LiveCurves
from grokedu.figures.llc_sensitivity import llc_sensitivity
from grokedu.figures.norms import norms
from grokedu.figures.rescaling import rescaling
from grokedu.figures.style import Described, show
from grokedu.figures.traces import Panel, traces

__all__ = [
    "Arm",
    "Described",
    "LiveCurves",
    "Panel",
    "alpha_point",
    "curves",
    "delays",
    "landscape",
    "llc_sensitivity",
    "norms",
    "rescaling",
    "show",
    "traces",
]
