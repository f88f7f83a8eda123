"""Training: one step in plain torch, and one loop for one run or many."""

from grokedu.training.loop import called, log_spaced, train, train_step

__all__ = ["called", "log_spaced", "train", "train_step"]
