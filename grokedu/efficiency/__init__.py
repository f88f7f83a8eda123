"""Circuit efficiency: which of two solutions a weight decay prefers, and at how much data."""

from grokedu.efficiency.circuits import Path, TwoCircuits, two_circuit_loss

__all__ = ["Path", "TwoCircuits", "two_circuit_loss"]
