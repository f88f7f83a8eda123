"""Fourier analysis modulo p: what networks that add modulo p compute, and how far they are.

``basis``: the real Fourier basis, power by frequency, key frequencies. ``progress``: restricted and
excluded loss. ``circuits``: the frequencies of neurons, pizza against clock. ``analytic``: networks
and logits in closed form, squares and products.

Everything over inputs expects all p*p pairs in the order of
:func:`grokedu.tasks.modular_addition`, row ``a*p + b``. What is indexed by frequency has (p+1)/2
entries: entry k belongs to ``w_k = 2 pi k / p``, entry 0 to the constant.
"""

from grokedu.fourier.analytic import (
    clock_logits,
    exact_network,
    pizza_logits,
    product,
    random_phase_network,
    square_from_gelu,
    square_from_relu,
)
from grokedu.fourier.basis import (
    explained_by_sum,
    fourier_basis,
    frequency_mask,
    frequency_power,
    key_frequencies,
    sum_means,
    sum_power,
)
from grokedu.fourier.circuits import (
    distance_irrelevance,
    gradient_symmetricity,
    neuron_frequencies,
    neuron_power,
    second_harmonic,
)
from grokedu.fourier.progress import (
    excluded_logits,
    excluded_loss,
    restricted_logits,
    restricted_loss,
    sum_component,
)

__all__ = [
    "clock_logits",
    "distance_irrelevance",
    "exact_network",
    "excluded_logits",
    "excluded_loss",
    "explained_by_sum",
    "fourier_basis",
    "frequency_mask",
    "frequency_power",
    "gradient_symmetricity",
    "key_frequencies",
    "neuron_frequencies",
    "neuron_power",
    "pizza_logits",
    "product",
    "random_phase_network",
    "restricted_logits",
    "restricted_loss",
    "second_harmonic",
    "square_from_gelu",
    "square_from_relu",
    "sum_component",
    "sum_means",
    "sum_power",
]
