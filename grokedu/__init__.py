"""Grokking and singular learning theory: a course that checks itself, and the library it teaches."""

from __future__ import annotations

__version__ = "0.1.0"
