"""Explorers: pictures that follow sliders; without ipywidgets they stand still."""

from grokedu.explorers.explorer import Explorer
from grokedu.explorers.grokking import GrokkingExplorer
from grokedu.explorers.sphere import SphereExplorer
from grokedu.explorers.symmetry import SymmetryExplorer

__all__ = ["Explorer", "GrokkingExplorer", "SphereExplorer", "SymmetryExplorer"]
