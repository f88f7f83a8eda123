"""Judging a submission outside the sandbox that runs it."""
