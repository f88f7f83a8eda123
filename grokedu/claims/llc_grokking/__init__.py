"""Does the local learning coefficient fall when a network groks, and what tells the test loss best?

One-hidden-layer networks on addition modulo 31, trained with the cross-entropy or the squared
error, and at checkpoints of each the estimate at three localisations gamma, beside the norm, the
average log-probabilities, the Hessian's trace and the restricted loss.

Under the cross-entropy the train loss has no finite minimum, and with either loss a checkpoint in
the middle of training is no minimum. So what is estimated is a statistic at its gamma and nbeta.
Weight decay inside the loss would be no remedy: AdamW's acts beside the rescaled gradient, so that
its weights are no minimum of the loss with a penalty either.
"""

from __future__ import annotations

from grokedu.claims.llc_grokking.experiment import measured
from grokedu.claims.llc_grokking.verdict import outcome
from grokedu.claims.outcome import Outcome


def run(*, quick: bool, progress: bool) -> Outcome:
    """5 runs with each loss, of 5 checkpoints (quick) or 40."""
    return outcome(measured(quick, progress))
