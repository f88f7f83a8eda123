"""Grokking and the geometry of learning: a course that checks itself, and its library."""

from __future__ import annotations

__version__ = "0.1.0"
