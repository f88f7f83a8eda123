"""Grading what was handed in: taken in, grafted, run in a sandbox, judged outside of it, recorded."""
