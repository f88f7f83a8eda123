"""Networks: parameters are dictionaries of tensors, with or without a leading run axis."""

from grokedu.models.deep_linear import DeepLinear
from grokedu.models.in_context import InContextTransformer
from grokedu.models.mlp import MLP
from grokedu.models.module import FromModule
from grokedu.models.transformer import Transformer
from grokedu.models.two_layer import TwoLayer

__all__ = ["MLP", "DeepLinear", "FromModule", "InContextTransformer", "Transformer", "TwoLayer"]
