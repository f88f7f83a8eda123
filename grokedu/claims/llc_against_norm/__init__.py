"""Is the learning coefficient another word for the weight norm?

Three places where the two part. Two points of equal norm on the zero set of one deep linear
network: their coefficients differ where gamma keeps the chains beside them, and at a small gamma
the chains slide along the zero set to where the coefficient is least. One orbit of its scale
symmetry, along which the coefficient is the same and the norm is not. And a network that groks,
along training.

A network of two layers, from M inputs by H hidden to N outputs, is 0 where the second times the
first is. At a point where their ranks b and a add up to H the zero set is smooth and of codimension
``N a + M b - a b``: the coefficient is half of that, with m = 1.
"""

from grokedu.claims.llc_against_norm.experiment import run

__all__ = ["run"]
