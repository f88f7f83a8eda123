"""The local learning coefficient: its exact value where it is known, and estimates elsewhere.

Closed forms and quadrature are in :mod:`grokedu.llc.exact`, one file for each kind of loss; what an
estimate is made of is in :mod:`grokedu.llc.sampling`.

>>> import torch
>>> net = torch.nn.Linear(3, 1, bias=False)
>>> _ = torch.nn.init.zeros_(net.weight)
>>> x, y = torch.eye(3).repeat(400, 1), torch.zeros(1200, 1)
>>> found = estimate_llc(net, x, y, torch.nn.functional.mse_loss, progress=False)
>>> exact = deep_linear_llc([3, 1], rank=0).value  # one layer: half the number of weights
>>> abs(found.value - exact) < 0.1
True
"""

from grokedu.llc.along import llc_along, llc_grid
from grokedu.llc.estimate import estimate_llc
from grokedu.llc.exact.coefficients import deep_linear_llc
from grokedu.llc.sampling.result import LLC

__all__ = ["LLC", "deep_linear_llc", "estimate_llc", "llc_along", "llc_grid"]
