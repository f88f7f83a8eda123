"""Does the LLC fall in a late stage of in-context regression while the weight norm rises?

A transformer learns linear regression in its context from sequences that are always new. The LLC is
that of the mean squared error over a fixed sample of other sequences. Training leaves the weights
beside a minimum of that loss, not in one. Two remedies are tried: a larger γ, and weights that have
been polished by some steps on the sample itself.
"""

from grokedu.claims.icl_stages.experiment import run

__all__ = ["run"]
