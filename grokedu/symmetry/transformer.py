"""The exact symmetries of the one-layer transformer: V-O, Q-K, with ReLU in-out, and one more.

The fourth is the residual stream's: without layer norm, what writes into it may be multiplied by
beta where what reads from it is divided by beta. None of them makes the embedding and the
unembedding alone trade scale. At the least norm of all four::

    |W_E|^2 + |W_pos|^2 + |b_in|^2 + |b_out|^2 = |W_U|^2 + |W_Q|^2 + |W_K|^2

so that W_E and W_U come out equal where the rest is small.
Names and shapes are those of :mod:`grokedu.models.transformer`.
"""

from __future__ import annotations

from grokedu.symmetry.pairs import Pair


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


def residual_pair() -> Pair:
    """The residual stream: what writes into it and what reads from it, for each of its dimensions.

    >>> import torch
    >>> from grokedu.models.transformer import Transformer
    >>> from grokedu.symmetry import rescale
    >>> model, pairs = Transformer(5, d_model=8, heads=2, d_mlp=6), torch.tensor([[1, 2]])
    >>> params = model.init(torch.Generator().manual_seed(0), torch.float64)
    >>> other = rescale(params, residual_pair(), 3.0)
    >>> bool(torch.allclose(model.apply(other, pairs), model.apply(params, pairs)))
    True
    """
    return Pair(
        {"W_E": "vm", "W_pos": "pm", "W_O": "hdm", "W_out": "jm", "b_out": "m"},
        {"W_Q": "hmd", "W_K": "hmd", "W_V": "hmd", "W_in": "mj", "W_U": "mc"},
        "linear",
        "m",
    )
