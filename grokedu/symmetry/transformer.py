"""The exact symmetries of the one-layer transformer: V-O, Q-K and, with ReLU, in-out.

They are all there are among its tensors' scales: nothing forces the embedding and the unembedding
to have equal norms, since the attention's softmax and the residual stream stand between them.
Names and shapes are those of :mod:`grokedu.models.transformer`; runs may lead.
"""

from __future__ import annotations

from torch import Tensor

from grokedu.symmetry.balance import balance, balance_linear
from grokedu.symmetry.pairs import Pair, Params


def transformer_pairs() -> dict[str, Pair]:
    """The pairs of a one-layer transformer without layer norm (Elhage et al. 2021).

    Values and queries meet their partners in each head on their own, linearly; W_K counts as what
    leads out of the queries.

    >>> {name: pair.degree for name, pair in transformer_pairs().items()}
    {'V-O': 1.0, 'Q-K': 1.0, 'in-out': 1.0}
    """
    return {
        "V-O": Pair({"W_V": "hmd"}, {"W_O": "hdm"}, "linear", "hd"),
        "Q-K": Pair({"W_Q": "hmd"}, {"W_K": "hmd"}, "linear", "hd"),
        "in-out": Pair({"W_in": "mj", "b_in": "j"}, {"W_out": "jm"}, "relu"),
    }


def balance_transformer(params: Params) -> dict[str, Tensor]:
    """The transformer of least norm with the same function, among all its exact symmetries.

    In each head V-O and Q-K allow any invertible matrix between them, and are balanced by their
    singular values (:func:`grokedu.symmetry.balance_linear`); the neurons by their scales.

    Raises:
        ValueError: if a tensor is missing.

    >>> import torch
    >>> from grokedu.models.transformer import Transformer
    >>> model, pairs = Transformer(5, d_model=8, heads=2, d_mlp=6), torch.tensor([[1, 2]])
    >>> params = model.init(torch.Generator().manual_seed(0), torch.float64)
    >>> least = balance_transformer(params)
    >>> bool(torch.allclose(model.apply(least, pairs), model.apply(params, pairs)))
    True
    >>> round((least["W_V"].norm() / least["W_O"].norm()).item(), 9)
    1.0
    """
    for pair in transformer_pairs().values():
        pair.require(params)
    found = balance(params, transformer_pairs()["in-out"])
    values, outputs = balance_linear(params["W_V"].mT, params["W_O"].mT)
    keys, queries = balance_linear(params["W_K"].mT, params["W_Q"])
    return found | {"W_V": values.mT, "W_O": outputs.mT, "W_K": keys.mT, "W_Q": queries}
