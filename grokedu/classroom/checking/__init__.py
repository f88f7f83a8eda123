"""Checking an answer: cases in, plain data out, a verdict."""
