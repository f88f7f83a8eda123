"""AdamW, Adam and SGD on dictionaries of tensors, with a leading run axis where there is one.

Each optimizer is a frozen set of numbers with two functions: ``init(params)`` gives a state, a flat
dictionary of tensors, and ``step(params, grads, state)`` returns the next params and state. Both
are updated in place and handed back. The numbers are those of ``torch.optim`` to rounding. ``lr``
and ``weight_decay`` may be tensors of shape (S,), one entry a run of the leading axis.

They treat every weight alone (``elementwise``), so that a loop may hand them all tensors of a run
as one, see :func:`pack`. :class:`EachRun` makes any optimizer of torch one of these, and
:class:`WarmUp` lets the learning rate of one rise.
"""

from grokedu.training.optimizers.each_run import EachRun
from grokedu.training.optimizers.elementwise import SGD, Adam, AdamW, Optimizer, per_run
from grokedu.training.optimizers.packing import pack
from grokedu.training.optimizers.warm_up import WarmUp

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "EachRun",
    "Optimizer",
    "WarmUp",
    "pack",
    "per_run",
]
