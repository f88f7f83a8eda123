"""Does an estimator without settings find the learning coefficients that are known exactly?

Losses are those of infinitely many examples, so that w* is a minimum and n enters by nbeta alone.
What an estimate tends to at a finite n is known for a quadratic in closed form and for products by
quadrature; for deep linear networks only λ itself is, with its leading correction where m > 1. How
much of a deviation there is the estimator's own is seen where the same network is estimated once
more with far more gradients, and with chains that begin at w* without being heated.
"""

from grokedu.claims.llc_exact.experiment import run

__all__ = ["run"]
