"""Grading what was handed in: taken in, run in a sandbox, judged outside of it, recorded."""
