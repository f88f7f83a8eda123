"""Explorers: pictures that follow sliders; without ipywidgets they stand still."""

from grokedu.claims.explorers.explorer import Explorer
from grokedu.claims.explorers.grokking import GrokkingExplorer
from grokedu.claims.explorers.sphere import SphereExplorer
from grokedu.claims.explorers.symmetry import SymmetryExplorer

__all__ = ["Explorer", "GrokkingExplorer", "SphereExplorer", "SymmetryExplorer"]
