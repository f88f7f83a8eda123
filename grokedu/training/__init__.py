"""Training: one step in plain torch, and one loop for one run or many."""

from grokedu.training.loop import log_spaced, train, train_step
from grokedu.training.settings import called

__all__ = ["called", "log_spaced", "train", "train_step"]
