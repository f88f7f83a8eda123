"""Rescaling symmetries: which there are, the orbit and its least norm, what they conserve."""

from grokedu.symmetry.balance import (
    balance,
    balance_linear,
    balancing_scale,
    least_norm,
    linear_charge,
)
from grokedu.symmetry.charges import (
    charge_drift,
    charge_product,
    charge_under_sgd,
    conserved_charge,
)
from grokedu.symmetry.invariants import (
    homogeneity_degree,
    neuron_products,
    path_norm,
    product_of_norms,
    sharpness_along_orbit,
)
from grokedu.symmetry.orbit import norm_along_orbit, random_orbit, rescale, rescale_neuron
from grokedu.symmetry.pairs import Pair, sequential_pairs, symmetry_of
from grokedu.symmetry.transformer import (
    balance_transformer,
    residual_pair,
    transformer_pairs,
)

__all__ = [
    "Pair",
    "balance",
    "balance_linear",
    "balance_transformer",
    "balancing_scale",
    "charge_drift",
    "charge_product",
    "charge_under_sgd",
    "conserved_charge",
    "homogeneity_degree",
    "least_norm",
    "linear_charge",
    "neuron_products",
    "norm_along_orbit",
    "path_norm",
    "product_of_norms",
    "random_orbit",
    "rescale",
    "rescale_neuron",
    "residual_pair",
    "sequential_pairs",
    "sharpness_along_orbit",
    "symmetry_of",
    "transformer_pairs",
]
