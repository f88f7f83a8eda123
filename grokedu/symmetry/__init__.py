"""Rescaling symmetries: which there are, the orbit and its least norm, what they conserve."""

from grokedu.symmetry.activations import symmetry_of
from grokedu.symmetry.charges import charge_under_sgd, conserved_charge
from grokedu.symmetry.invariants import homogeneity_degree, measured_degree, path_norm
from grokedu.symmetry.orbit import (
    balance,
    norm_along_orbit,
    rescale_neurons,
    sharpness_along_orbit,
)
from grokedu.symmetry.pairs import Pair, balance_pairs, rescale
from grokedu.symmetry.transformer import residual_pair, transformer_pairs

__all__ = [
    "Pair",
    "balance",
    "balance_pairs",
    "charge_under_sgd",
    "conserved_charge",
    "homogeneity_degree",
    "measured_degree",
    "norm_along_orbit",
    "path_norm",
    "rescale",
    "rescale_neurons",
    "residual_pair",
    "sharpness_along_orbit",
    "symmetry_of",
    "transformer_pairs",
]
