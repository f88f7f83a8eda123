"""Explorers: pictures that follow sliders; without ipywidgets they stand still."""

from grokedu.explorers.grokking import GrokkingExplorer

__all__ = ["GrokkingExplorer"]
