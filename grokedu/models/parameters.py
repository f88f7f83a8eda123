"""The types that the whole package names weights by."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

Params = Mapping[str, Tensor]
"""Weights by name: of one network, or with a leading axis of one row for each of several runs."""

State = dict[str, Tensor]
"""What an optimizer, a constraint or a sampler remembers between steps, by name."""
