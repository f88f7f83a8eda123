"""Measurements that print ratios and contracts kept: ``python -m benchmarks NAME [--json]``."""
