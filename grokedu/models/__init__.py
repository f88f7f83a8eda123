"""Networks: parameters are dictionaries of tensors, with or without a leading run axis."""

from grokedu.models.two_layer import TwoLayer

__all__ = ["TwoLayer"]
